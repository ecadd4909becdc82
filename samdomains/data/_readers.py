"""What reads the pixels and the objects of one case, and travels to worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from samdomains.data.images import image_size, read_mask, read_pixels
from samdomains.data.label_maps import require_size
from samdomains.data.objects import MaskMeaning, ObjectRule, objects_from_mask
from samdomains.types import ObjectMask, RawImage


@dataclass(frozen=True, slots=True)
class PixelFile:
    """Reads the pixels of one image."""

    path: Path

    def __call__(self) -> RawImage:
        """(C, H, W) as stored."""
        return read_pixels(self.path)


class ObjectReader(Protocol):
    """Reads the objects of one image; pickles."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it reads."""
        ...

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The objects, in a stable order."""
        ...


@dataclass(frozen=True, slots=True)
class MaskFile:
    """One mask file and what its values may be.

    Attributes:
        path: The file.
        classes: Class id → name, of the objects in this file.
    """

    path: Path
    classes: Mapping[int, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class MaskFileObjects:
    """Reads the objects of one image from one or several mask files.

    Attributes:
        image: The image, for its size.
        masks: In the order of the objects.
        meaning: What the values mean.
        objects: What an object is in a binary or class mask.
        threshold: Value from which a binary mask is foreground; 0 means any but zero.
    """

    image: Path
    masks: tuple[MaskFile, ...]
    meaning: MaskMeaning
    objects: ObjectRule
    threshold: int

    @property
    def files(self) -> tuple[Path, ...]:
        """The mask files."""
        return tuple(mask.path for mask in self.masks)

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The objects of all files.

        Raises:
            DataError: A file cannot be read or is of another size than the image.
        """
        size = image_size(self.image)
        found: list[ObjectMask] = []
        for mask in self.masks:
            values = read_mask(mask.path)
            require_size(mask.path, values, self.image, size)
            found += objects_from_mask(
                values,
                meaning=self.meaning,
                objects=self.objects,
                threshold=self.threshold,
                classes=mask.classes,
            )
        return tuple(found)
