"""Writers of segmentations: PNG label maps or COCO JSON, one set of files for each case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from samdomains.data.coco import CocoImage, write_coco
from samdomains.data.label_maps import write_label_maps
from samdomains.data.naming import image_file
from samdomains.errors import DataError, RecipeError
from samdomains.protocols import MaskWriter
from samdomains.recipe import OutputFormat
from samdomains.types import Case, ObjectMask, Size


@dataclass(frozen=True)
class LabelPngWriter:
    """Writes ``<id>.png``, a 16-bit label map with one value for each object, and ``<id>.json``.

    The JSON gives each object's class. Objects that overlap others go to ``layer2/<id>.png`` and so
    on. A folder of such files, named ``labels`` beside ``images/``, is read back without loss.
    """

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one case under the folder ``out``; returns the files.

        Raises:
            DataError: The case is a volume, or its id is no file name.
        """
        _require_image(case)
        stem, size = file_stem(case), case_size(case, objects)
        return write_label_maps(out, stem, objects, size=size, classes=case.classes)


@dataclass(frozen=True)
class CocoJsonWriter:
    """Writes ``<id>.json``: COCO JSON of one image, with compressed RLE."""

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one case under the folder ``out``; returns the file.

        Raises:
            DataError: The case is a volume, or its id is no file name.
        """
        _require_image(case)
        path = out / f"{file_stem(case)}.json"
        image = CocoImage(image_file(case).name, case_size(case, objects), objects)
        write_coco(path, [image], case.classes)
        return [path]


def chosen_writer(
    output: OutputFormat, writers: Mapping[OutputFormat, MaskWriter], native: str
) -> MaskWriter:
    """The writer of the format that a recipe asks for.

    Args:
        output: ``data.output`` of the recipe.
        writers: Format → writer, of all formats that the domain writes, ``native`` first.
        native: What ``native`` is, in words.

    Raises:
        RecipeError: The domain does not write the format.
    """
    if output in writers:
        return writers[output]
    allowed = ", ".join(f"native ({native})" if name == "native" else name for name in writers)
    raise RecipeError(
        f"data.output is {output}, which this domain does not write; allowed: {allowed}"
    )


def file_stem(case: Case) -> str:
    """The id of a case, as the name of its files.

    Raises:
        DataError: The id would lead out of the folder.
    """
    # The name that Windows sees has no separator of either system.
    if PureWindowsPath(case.id).name != case.id or case.id in ("", ".", ".."):
        raise DataError(
            image_file(case),
            f"the case id '{case.id}' is no file name",
            "Name the image without / and \\.",
        )
    return case.id


def case_size(case: Case, objects: Sequence[ObjectMask]) -> Size:
    """(H, W) of a case; its pixels are read only where there is no object to tell."""
    if objects:
        return objects[0].image_size
    if case.windows is not None:
        return case.windows.size
    height, width = case.read_pixels().shape[-2:]
    return height, width


def _require_image(case: Case) -> None:
    if case.depth is not None:
        raise DataError(
            image_file(case),
            f"a volume of {case.depth} slices does not fit into one picture",
            "Write it in a format of volumes: --set data.output=native.",
        )
