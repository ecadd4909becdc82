"""Segmenting new images and volumes, and writing the masks where the user wants them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.checking import Tell, silent
from samdomains.data.images import IMAGE_SUFFIXES
from samdomains.data.naming import VOLUME_SUFFIXES, image_file, named_errors, plain_stem
from samdomains.data.volumes import in_slices, statistics_of
from samdomains.errors import UsageError
from samdomains.inference import Model
from samdomains.progress import progress_bar
from samdomains.prompts.parsing import ObjectPrompt
from samdomains.recipe import OutputFormat, Recipe
from samdomains.types import Case, MaskWriter, ObjectMask

_FORMATS: Mapping[str, OutputFormat] = {
    ".png": "png",
    ".nii": "nifti",
    ".gz": "nifti",
    ".nrrd": "nrrd",
    ".mha": "mha",
    ".mhd": "mha",
}
"""Suffix of an output file → ``data.output``."""


def segment(
    model: Model,
    source: Path | str,
    prompts: Sequence[ObjectPrompt],
    *,
    out: Path | str,
    tell: Tell = silent,
) -> list[Path]:
    """Segment images or volumes and write the masks in the domain's native format.

    Args:
        model: From ``load_model``.
        source: An image, a volume or a folder of them; their annotation, if there is any, is not
            read.
        prompts: One per object, the same for every image; in a volume each names its slice.
        out: A folder for the masks; or, for a single image, the file itself, whose suffix then
            chooses the format where the domain has it and ``data.output`` is ``native``.
        tell: Takes one line about what happens now.

    Returns:
        The files written. An image in which nothing is found gets an empty mask.

    Raises:
        DataError: An image cannot be read.
        UsageError: A prompt lies outside an image or in no slice, or ``out`` would overwrite what
            is segmented.
    """
    cases = model.domain.load_cases(Path(source), model.recipe)
    target = _Target.of(Path(out), cases)
    writer = model.domain.write_masks(_for_suffix(model.recipe, target.file))
    written: list[Path] = []
    with progress_bar("segmenting", len(cases)) as show:
        for done, case in enumerate(cases, start=1):
            objects = _found(model, case, prompts)
            if not objects:
                tell(f"{image_file(case)}: nothing was found there; try another prompt")
            written += target.write(writer, _with_classes(case, objects), objects)
            show(done)
    return written


def _for_suffix(recipe: Recipe, file: Path | None) -> Recipe:
    """The recipe with the format that the name of a single output file asks for."""
    asked = None if file is None else _FORMATS.get(file.suffix.lower())
    if asked is None or recipe.data.output != "native":
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"output": asked})})


def _found(model: Model, case: Case, prompts: Sequence[ObjectPrompt]) -> list[ObjectMask]:
    """The objects of one image or volume, those without a pixel left out."""
    _require_slices(case, prompts)
    if case.depth is None:
        found = _found_in_image(model, case, dict(enumerate(prompts)))
        return [found[i] for i in sorted(found)]
    objects = []
    for index, part in enumerate(in_slices([case])):
        here = {i: item for i, item in enumerate(prompts) if item.slice_index == index}
        found = _found_in_image(model, part, here) if here else {}
        objects += [replace(found[i], slice_index=index, instance=i + 1) for i in sorted(found)]
    return objects


def _found_in_image(
    model: Model, case: Case, prompts: Mapping[int, ObjectPrompt]
) -> dict[int, ObjectMask]:
    """Number of the prompt → its object.

    An answer covers its window, an object only itself: each is cropped before the next is asked.
    """
    found: dict[int, ObjectMask] = {}
    numbers, pixels = list(prompts), case.read_pixels()
    asked = [item.prompts for item in prompts.values()]
    statistics = statistics_of(case, pixels)
    with named_errors(case):
        for i, answer in model.answers(pixels, asked, statistics):
            if (answer.logits > 0).any():
                class_id = prompts[numbers[i]].class_id
                found[numbers[i]] = ObjectMask.from_mask(answer.mask(), class_id=class_id)
    return found


def _require_slices(case: Case, prompts: Sequence[ObjectPrompt]) -> None:
    """Refuse a slice in an image, and a volume's prompt without a slice of it."""
    for index in (item.slice_index for item in prompts):
        if case.depth is None and index is not None:
            raise UsageError(
                f"{image_file(case)}: is an image, and a prompt names slice {index}. "
                "Write it without @slice"
            )
        if case.depth is not None and index is None:
            raise UsageError(
                f"{image_file(case)}: is a volume of {case.depth} slices, and a prompt names none. "
                'Write --box x0,y0,x1,y1@slice, --point x,y@slice:1 or, in JSON, "slice": 0'
            )
        if case.depth is not None and index is not None and index >= case.depth:
            raise UsageError(
                f"{image_file(case)}: has no slice {index}; allowed are 0 to {case.depth - 1}"
            )


def _with_classes(case: Case, objects: Sequence[ObjectMask]) -> Case:
    """The case, with a name for every class that the user's prompts bring."""
    unnamed = {item.class_id for item in objects} - set(case.classes)
    return replace(case, classes={**case.classes, **{i: f"class {i}" for i in sorted(unnamed)}})


def _id_for(file: Path) -> str:
    """The id of a case whose masks are to be this file: its name without the writer's suffix."""
    return plain_stem(file) if file.suffix.lower() == ".gz" else file.stem


@dataclass(frozen=True, slots=True)
class _Target:
    """Where masks go.

    Attributes:
        folder: For all files.
        file: The one that the user named, or None.
    """

    folder: Path
    file: Path | None

    @classmethod
    def of(cls, out: Path, cases: Sequence[Case]) -> _Target:
        """Tell a file from a folder, and refuse what would overwrite the data."""
        is_file = out.suffix.lower() in (*IMAGE_SUFFIXES, *VOLUME_SUFFIXES) and not out.is_dir()
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
            places = {path: self.folder / path.relative_to(name) for path in made}
            if self.file not in places.values():
                kinds = ", ".join(sorted({path.suffix for path in made}))
                raise UsageError(
                    f"{self.file}: masks are written as {kinds}. Name such a file, or a folder"
                )
            for path, place in places.items():
                place.parent.mkdir(exist_ok=True)
                path.replace(place)
        return list(places.values())
