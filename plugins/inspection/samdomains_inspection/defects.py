"""Reading the mask of one defect image; an image of a good surface has no object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from samdomains.plugin import DataError, ObjectMask, image_size, objects_from_mask, read_mask


def no_defect() -> tuple[ObjectMask, ...]:
    """The objects of an image of a good surface: it is annotated, and there is none."""
    return ()


@dataclass(frozen=True)
class DefectObjects:
    """Reads the defects of one image, all of one kind.

    Attributes:
        image: The image, for its size.
        mask: Its mask.
        class_id: Of the kind of defect.
        class_name: Name of its folder.
        meaning: ``binary`` (anything but zero is the defect) or ``instances`` (every value but
            zero is one defect).
        objects: In a binary mask every connected part (8 neighbours) is a defect, or all together.
        threshold: Grey level from which a binary mask counts; 0 means any but zero.
    """

    image: Path
    mask: Path
    class_id: int
    class_name: str
    meaning: Literal["binary", "instances"]
    objects: Literal["components", "whole"]
    threshold: int

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The defects, from top to bottom.

        Raises:
            DataError: A file is damaged, the mask is of another size than the image, or it marks
                no pixel, which contradicts its folder.
        """
        values, (height, width) = read_mask(self.mask), image_size(self.image)
        if values.shape != (height, width):
            raise DataError(
                self.mask,
                f"the mask is {values.shape[1]} x {values.shape[0]} pixels (width x height), its "
                f"image {self.image} is {width} x {height}",
                "Export the mask at the image's size; it is not resized, since that moves borders.",
            )
        found = objects_from_mask(
            values,
            meaning=self.meaning,
            objects=self.objects,
            threshold=self.threshold,
            classes={self.class_id: self.class_name},
        )
        if not found:
            raise DataError(
                self.mask,
                f"the mask marks no pixel, though its image {self.image} is among those with the "
                f"defect '{self.class_name}'",
                "Move the image to good/ if it shows no defect; otherwise correct the mask or "
                "data.threshold.",
            )
        return found
