"""Where masks are written: a folder, or the one file that the user named."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.data.images import IMAGE_SUFFIXES
from samdomains.data.naming import VOLUME_SUFFIXES, plain_stem
from samdomains.errors import UsageError
from samdomains.protocols import MaskWriter
from samdomains.recipe import OutputFormat, Recipe
from samdomains.types import Case, ObjectMask

_FORMATS: Mapping[str, OutputFormat] = {
    ".png": "png",
    ".nii": "nifti",
    ".gz": "nifti",
    ".nrrd": "nrrd",
    ".mha": "mha",
    ".mhd": "mha",
    ".geojson": "geojson",
}
"""Suffix of an output file → ``data.output``."""


def recipe_for(recipe: Recipe, file: Path | None) -> Recipe:
    """The recipe with the format that the name of a single output file asks for."""
    asked = None if file is None else _FORMATS.get(file.suffix.lower())
    if asked is None or recipe.data.output != "native":
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"output": asked})})


@dataclass(frozen=True, slots=True)
class Target:
    """Where masks go.

    Attributes:
        folder: For all files.
        file: The one that the user named, or None.
    """

    folder: Path
    file: Path | None

    @classmethod
    def of(cls, out: Path, cases: Sequence[Case]) -> Target:
        """Tell a file from a folder, and refuse what would overwrite the data."""
        suffixes = (*IMAGE_SUFFIXES, *VOLUME_SUFFIXES, ".geojson", ".mp4")
        is_file = out.suffix.lower() in suffixes and not out.is_dir()
        if is_file and len(cases) != 1:
            raise UsageError(
                f"{out}: one file cannot hold the masks of {len(cases)} images. Name a folder"
            )
        if out.is_file() and not is_file:
            raise UsageError(f"{out}: is a file. --out must name a folder, or a file for one image")
        inputs = {file.resolve() for case in cases for file in case.files}
        if out.resolve() in inputs or out.resolve() in {file.parent for file in inputs}:
            raise UsageError(f"{out}: holds what is segmented. Name another place with --out")
        return cls(out.parent, out) if is_file else cls(out, None)

    def write(
        self, writer: MaskWriter, case: Case, objects: Sequence[ObjectMask]
    ) -> Sequence[Path]:
        """Write the masks of one image."""
        if self.file is None:
            return writer(case, objects, self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".segment-", dir=self.folder) as name:
            made = writer(replace(case, id=_id_for(self.file)), objects, Path(name))
            made = [_packed_as(path, self.file.name) for path in made]
            places = {path: self.folder / path.relative_to(name) for path in made}
            if self.file not in places.values():
                kinds = ", ".join(sorted({path.suffix for path in made}))
                kept = "" if case.depth is None else self._keep(Path(name))
                raise UsageError(
                    f"{self.file}: masks are written as {kinds}. Name such a file, or a folder"
                    f"{kept}"
                )
            for path, place in places.items():
                place.parent.mkdir(exist_ok=True)
                path.replace(place)
        return list(places.values())

    def _keep(self, made: Path) -> str:
        """Put aside what may have taken hours, where nothing is overwritten; says where."""
        assert self.file is not None
        place = Path(tempfile.mkdtemp(prefix=f"{plain_stem(self.file)}_masks_", dir=self.folder))
        for path in made.iterdir():
            path.replace(place / path.name)
        return f"; these lie in {place}"


def _id_for(file: Path) -> str:
    """The id of a case whose masks are to be this file: its name without the writer's suffix."""
    return plain_stem(file) if file.suffix.lower() == ".gz" else file.stem


def _packed_as(path: Path, name: str) -> Path:
    """The file gzipped, or the other way round, where that alone tells it from the name."""
    if f"{path.name}.gz" == name:
        packed = path.with_name(name)
        with path.open("rb") as plain, gzip.open(packed, "wb") as file:
            shutil.copyfileobj(plain, file)
        return packed
    if path.name == f"{name}.gz":
        unpacked = path.with_name(name)
        with gzip.open(path, "rb") as file, unpacked.open("wb") as plain:
            shutil.copyfileobj(file, plain)
        return unpacked
    return path
