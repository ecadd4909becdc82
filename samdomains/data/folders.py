"""Data folders: ``images/`` with ``masks/`` or ``labels/``, listed without reading a pixel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samdomains.data._readers import MaskFile, MaskFileObjects, ObjectReader, PixelFile
from samdomains.data.images import IMAGE_SUFFIXES
from samdomains.data.label_maps import LabelMapObjects, read_sidecar_classes
from samdomains.data.mask_reading import DEFAULT_CLASSES, MaskReading, mask_meaning
from samdomains.data.metadata import LABELS_FILE, read_classes, with_metadata
from samdomains.data.naming import name_some
from samdomains.data.objects import MaskMeaning
from samdomains.errors import DataError, did_you_mean
from samdomains.recipe import DataRecipe
from samdomains.types import Case

IMAGES_FOLDER = "images"
MASK_FOLDERS = ("masks", "labels")

ALLOWED_LAYOUTS = (
    "Allowed are images/ with masks/ or labels/ (files of the same names; or a folder of object "
    "files for each image; or a folder for each class), and COCO JSON beside images/."
)


def load_images(source: Path, *, classes: Mapping[int, str] = DEFAULT_CLASSES) -> tuple[Case, ...]:
    """List images without annotation, for prediction.

    Args:
        source: An image, a folder of images, or a data folder with ``images/``.
        classes: Class id → name of what will be segmented.

    Raises:
        DataError: There is no image, or two of one name.
    """
    if source.is_file():
        images = {source.stem: source}
    else:
        inner = source / IMAGES_FOLDER
        images = list_images(inner if inner.is_dir() else source)
    return tuple(
        Case(stem, stem, PixelFile(path), None, classes, files=(path,))
        for stem, path in images.items()
    )


def load_folder(source: Path, data: DataRecipe) -> tuple[Case, ...]:
    """List the cases of a folder with ``images/`` and ``masks/`` or ``labels/``.

    Four layouts are told apart by what the mask folder holds:

    * files of the images' names (any suffix): ``data.masks`` says what their values mean;
    * files with a ``<name>.json`` beside each, as `samdomains convert` writes them;
    * folders of the images' names: every file in them is one object, and files may overlap;
    * folders of other names: one folder for each class, binary masks (instances if ``data.masks``
      says so) that may overlap. A class without a file for an image is absent from the image.

    Args:
        source: The data folder. ``labels.json`` (mask value → class name), ``splits.json`` and
            ``groups.json`` (image name → patient, scene or slide) in it are honoured.
        data: What the mask files mean.

    Returns:
        The cases, sorted by id. A group is the case itself where no file says otherwise.

    Raises:
        DataError: Files are missing, superfluous or malformed; says what is allowed.
    """
    images = list_images(source / IMAGES_FOLDER)
    labels = source / LABELS_FILE
    names = read_classes(labels) if labels.is_file() else {}
    found = _MaskFolder(_mask_folder(source), images, labels, names, data).annotations()
    cases = [
        Case(
            id=stem,
            group=stem,
            read_pixels=PixelFile(path),
            read_objects=found.readers[stem],
            classes=found.classes,
            files=(path, *found.readers[stem].files),
        )
        for stem, path in images.items()
    ]
    return with_metadata(source, cases)


def list_images(folder: Path) -> dict[str, Path]:
    """Name without suffix → image file, sorted by name; other files are left aside.

    Raises:
        DataError: The folder is missing, holds no image, or two images of one name.
    """
    if not folder.is_dir():
        raise DataError(folder, "there is no such folder", ALLOWED_LAYOUTS)
    images = _by_stem(_visible(folder, Path.is_file))
    if not images:
        inside = sorted(path.name for path in folder.iterdir())
        got = f"it holds {name_some(inside, most=3)}" if inside else "it is empty"
        allowed = ", ".join(IMAGE_SUFFIXES)
        raise DataError(folder, f"no image found: {got}", f"Put images ({allowed}) into it.")
    return images


def _visible(folder: Path, kind: Callable[[Path], bool]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and kind(path))


def _by_stem(files: Iterable[Path]) -> dict[str, Path]:
    """Name without suffix → file, of the image files among ``files``."""
    found: dict[str, Path] = {}
    for path in files:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.stem in found:
            problem = f"two files are named '{path.stem}': {found[path.stem].name} and {path.name}"
            raise DataError(path.parent, problem, "Rename or remove one of them.")
        found[path.stem] = path
    return found


def _mask_folder(source: Path) -> Path:
    found = [source / name for name in MASK_FOLDERS if (source / name).is_dir()]
    if not found:
        raise DataError(source, "there is no masks/ or labels/ beside images/", ALLOWED_LAYOUTS)
    if len(found) > 1:
        raise DataError(source, "there are both masks/ and labels/", "Rename one of them.")
    return found[0]


@dataclass(frozen=True)
class _Annotations:
    """What a mask folder turned out to hold.

    Attributes:
        readers: Image name → reader of its objects.
        classes: Class id → name.
    """

    readers: Mapping[str, ObjectReader]
    classes: Mapping[int, str]


@dataclass(frozen=True)
class _MaskFolder:
    """A mask folder and what is known about it, to find out its layout.

    Attributes:
        folder: ``masks/`` or ``labels/``.
        images: Image name → image file.
        labels: Where ``labels.json`` is or would be.
        names: Class id → name from ``labels.json``; empty without one.
        data: The recipe's values.
    """

    folder: Path
    images: Mapping[str, Path]
    labels: Path
    names: Mapping[int, str]
    data: DataRecipe

    def annotations(self) -> _Annotations:
        """A reader for each image, and the classes."""
        folders = _visible(self.folder, Path.is_dir)
        masks = _by_stem(_visible(self.folder, Path.is_file))
        if any((self.folder / f"{stem}.json").is_file() for stem in self.images):
            return self._label_maps(masks)
        if masks and folders:
            names = name_some([inner.name for inner in folders])
            problem = f"it holds mask files and folders ({names})"
            raise DataError(self.folder, problem, ALLOWED_LAYOUTS)
        if masks:
            return self._mask_files(masks)
        if not folders:
            raise DataError(self.folder, "it holds no mask", ALLOWED_LAYOUTS)
        if any(inner.name in self.images for inner in folders):
            return self._object_files({inner.name: inner for inner in folders})
        return self._class_folders(folders)

    def _mask_files(self, masks: Mapping[str, Path]) -> _Annotations:
        """One mask file for each image."""
        self._require_pairs(masks)
        reading = MaskReading.of(self.folder, self.names, self.data)
        meaning, classes = reading.meaning, reading.classes
        readers = {
            stem: self._reader(image, [MaskFile(masks[stem], classes)], meaning)
            for stem, image in self.images.items()
        }
        return _Annotations(readers, classes)

    def _object_files(self, folders: Mapping[str, Path]) -> _Annotations:
        """A folder for each image, a file in it for each object."""
        self._require_pairs(folders)
        if len(self.names) > 1:
            raise DataError(
                self.labels,
                f"it names {len(self.names)} classes, but a folder of object files for each image "
                "says nothing about classes",
                "Leave one class in it, or use label maps or COCO JSON.",
            )
        classes = self.names or DEFAULT_CLASSES
        readers = {}
        for stem, image in self.images.items():
            files = _by_stem(_visible(folders[stem], Path.is_file)).values()
            masks = tuple(MaskFile(path, classes) for path in files)
            readers[stem] = MaskFileObjects(image, masks, "binary", "whole", self.data.threshold)
        return _Annotations(readers, classes)

    def _class_folders(self, folders: Sequence[Path]) -> _Annotations:
        """A folder for each class; class ids from ``labels.json``, or counted from 1."""
        classes = self.names or {number: path.name for number, path in enumerate(folders, start=1)}
        ids = {name: class_id for class_id, name in classes.items()}
        masks: dict[str, list[MaskFile]] = defaultdict(list)
        for folder in folders:
            if folder.name not in ids:
                problem = f"there is a folder {folder}, but no class '{folder.name}'"
                hint = did_you_mean(folder.name, ids)
                raise DataError(self.labels, problem, f"Name it, or rename the folder.{hint}")
            own_class = {ids[folder.name]: folder.name}
            for stem, path in _by_stem(_visible(folder, Path.is_file)).items():
                masks[stem].append(MaskFile(path, own_class))
        self._require_pairs({stem: files[0].path for stem, files in masks.items()})
        meaning = mask_meaning(self.folder, self.names, self.data)
        # The folder says the class, so that a file only says where it is.
        in_file: MaskMeaning = "binary" if meaning == "classes" else meaning
        readers = {
            stem: self._reader(image, masks[stem], in_file) for stem, image in self.images.items()
        }
        return _Annotations(readers, classes)

    def _label_maps(self, masks: Mapping[str, Path]) -> _Annotations:
        """Label maps with a sidecar for each, which say all by themselves."""
        self._require_pairs(masks)
        sidecars = {stem: self.folder / f"{stem}.json" for stem in self.images}
        for path in sidecars.values():
            if not path.is_file():
                raise DataError(path, "there is no such file", "Convert the data again.")
        classes = read_sidecar_classes(next(iter(sidecars.values())))
        readers = {
            stem: LabelMapObjects(image, sidecars[stem], classes)
            for stem, image in self.images.items()
        }
        return _Annotations(readers, classes)

    def _reader(
        self, image: Path, masks: Sequence[MaskFile], meaning: MaskMeaning
    ) -> MaskFileObjects:
        return MaskFileObjects(image, tuple(masks), meaning, self.data.objects, self.data.threshold)

    def _require_pairs(self, masks: Mapping[str, Path]) -> None:
        """Refuse images without mask and masks without image."""
        lonely = [stem for stem in self.images if stem not in masks]
        if lonely:
            more = f" (nor have {len(lonely) - 1} more images)" if len(lonely) > 1 else ""
            raise DataError(
                self.images[lonely[0]],
                f"the image has no mask of its name in {self.folder}{more}",
                "Add the mask (all zero if nothing is there) or remove the image.",
            )
        stray = [stem for stem in masks if stem not in self.images]
        if stray:
            more = f" (nor have {len(stray) - 1} more masks)" if len(stray) > 1 else ""
            raise DataError(
                masks[stray[0]],
                f"the mask has no image of its name in {self.labels.parent / IMAGES_FOLDER}{more}",
                f"Add the image or remove the mask.{did_you_mean(stray[0], self.images)}",
            )
