"""Finding volumes and their annotations in the folders that people have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samdomains.plugin import DataError, Recipe, name_some, plain_stem
from samdomains_ctmri.annotations import (
    Annotation,
    DicomSegmentation,
    LabelMap,
    StructureSet,
    is_structure_set,
)
from samdomains_ctmri.dicom_scan import holds_dicom, scan_of_folder
from samdomains_ctmri.scans import Scan, is_volume_file, scan_of_file

IMAGES, MASK_FOLDERS = "images", ("labels", "masks")

LAYOUTS = (
    "Allowed are a volume file (.nii, .nii.gz, .nrrd, .mha, .mhd), a DICOM folder, a folder of "
    "such files, images/ with labels/ (files or DICOM folders of the same names), and for each "
    "patient a folder with a DICOM folder and label.nii.gz, seg.dcm or rtstruct.dcm in it."
)


@dataclass(frozen=True)
class Found:
    """A volume and its annotation, neither of them read.

    Attributes:
        name: The case's id.
        scan: The volume.
        annotation: Its structures, or None.
    """

    name: str
    scan: Scan
    annotation: Annotation | None = None


def find_volumes(source: Path, recipe: Recipe) -> Sequence[Found]:
    """The volumes of a data set, sorted by name; none where it holds plain images or nothing.

    Args:
        source: One of ``LAYOUTS``.
        recipe: ``data.series`` and ``data.resample_labels``.

    Raises:
        DataError: A volume has no annotation of its name, or several; a folder is ambiguous.
    """
    if source.is_file():
        return [Found(plain_stem(source), scan_of_file(source))] if is_volume_file(source) else []
    if not source.is_dir():
        return []
    if holds_dicom(source):
        return [Found(source.name, scan_of_folder(source, recipe.data.series))]
    if (source / IMAGES).is_dir():
        return _paired(source, recipe)
    patients = {folder: _dicom_folders(folder) for folder in (source, *_folders(source))}
    found = [_patient(folder, inner, recipe) for folder, inner in patients.items() if inner]
    return found or list(_volumes_in(source, recipe).values())


def _paired(source: Path, recipe: Recipe) -> Sequence[Found]:
    """``images/`` with ``labels/`` or ``masks/``, or alone."""
    volumes = _volumes_in(source / IMAGES, recipe)
    masks = [source / name for name in MASK_FOLDERS if (source / name).is_dir()]
    if not volumes or not masks:
        return list(volumes.values())
    if len(masks) > 1:
        raise DataError(source, "there are both labels/ and masks/", "Rename one of them.")
    annotations = _annotations_in(masks[0], recipe)
    lonely = [name for name in volumes if name not in annotations]
    stray = [name for name in annotations if name not in volumes]
    if lonely or stray:
        what, other = ("volume", "annotation") if lonely else ("annotation", "volume")
        names = name_some(lonely or stray)
        raise DataError(source, f"no {other} of its name for the {what} {names}", LAYOUTS)
    return [Found(name, found.scan, annotations[name]) for name, found in volumes.items()]


def _volumes_in(folder: Path, recipe: Recipe) -> Mapping[str, Found]:
    """Volume files and DICOM folders of a folder, by name."""
    found: dict[str, Found] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file() and is_volume_file(path):
            item = Found(plain_stem(path), scan_of_file(path))
        elif path.is_dir() and holds_dicom(path):
            item = Found(path.name, scan_of_folder(path, recipe.data.series))
        else:
            continue
        if item.name in found:
            raise DataError(folder, f"two volumes are named '{item.name}'", "Rename one of them.")
        found[item.name] = item
    return found


def _annotations_in(folder: Path, recipe: Recipe) -> Mapping[str, Annotation]:
    """Label maps, DICOM-SEG and RTSTRUCT files of a folder, by name."""
    found: dict[str, Annotation] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        name = plain_stem(path)
        if path.name.startswith(".") or not (is_volume_file(path) or path.suffix == ".dcm"):
            continue
        if name in found:
            raise DataError(folder, f"two files are named '{name}'", "Leave one of them there.")
        found[name] = _annotation(path, recipe)
    return found


def _patient(folder: Path, inner: Sequence[Path], recipe: Recipe) -> Found:
    """A folder with one DICOM folder in it (``inner``) and the annotation beside that."""
    if len(inner) > 1:
        names = name_some([path.name for path in inner])
        raise DataError(folder, f"it holds several DICOM folders: {names}", LAYOUTS)
    scan = scan_of_folder(inner[0], recipe.data.series)
    return Found(folder.name, scan, _annotation_beside(folder, recipe))


def _annotation_beside(folder: Path, recipe: Recipe) -> Annotation | None:
    """A label map goes before DICOM-SEG, and that before RTSTRUCT."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    maps = [path for path in files if is_volume_file(path)]
    dicom = [path for path in files if path.suffix.lower() == ".dcm"]
    ranks = (
        maps,
        [path for path in dicom if not is_structure_set(path)],
        [path for path in dicom if is_structure_set(path)],
    )
    for paths in ranks:
        if len(paths) > 1:
            names = name_some([path.name for path in paths])
            raise DataError(folder, f"it holds several annotations: {names}", "Leave one there.")
        if paths:
            return _annotation(paths[0], recipe)
    return None


def _annotation(path: Path, recipe: Recipe) -> Annotation:
    if is_volume_file(path):
        return LabelMap(scan_of_file(path), recipe.data.resample_labels)
    return StructureSet(path) if is_structure_set(path) else DicomSegmentation(path)


def _dicom_folders(folder: Path) -> list[Path]:
    return [path for path in _folders(folder) if holds_dicom(path)]


def _folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
