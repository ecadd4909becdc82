"""What the values of mask files mean, decided once for the core's folders and for every plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samdomains.data.metadata import LABELS_FILE
from samdomains.data.objects import MaskMeaning, ObjectRule, objects_from_mask
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe
from samdomains.types import ObjectMask

DEFAULT_CLASSES: Mapping[int, str] = {1: "object"}
"""The class of objects where no file names one."""


@dataclass(frozen=True)
class MaskReading:
    """What the values of mask files mean. Hashable.

    Attributes:
        meaning: ``binary``, ``instances`` or ``classes``, as in ``data.masks``.
        objects: What an object is in a binary or class mask, as in ``data.objects``.
        threshold: Value from which a binary mask is foreground; 0 means any but zero.
        names: Pairs of class id and name; one pair unless the values are classes.
    """

    meaning: MaskMeaning
    objects: ObjectRule
    threshold: int
    names: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, folder: Path, names: Mapping[int, str], data: DataRecipe) -> MaskReading:
        """What the files of a mask folder mean, one file for each image.

        Args:
            folder: The mask folder, beside which ``labels.json`` lies.
            names: Class id → name from ``labels.json``; empty without one.
            data: ``data.masks``, ``data.objects`` and ``data.threshold``.

        Raises:
            DataError: The values are classes, and nothing names them.
        """
        meaning = mask_meaning(folder, names, data)
        if meaning == "classes" and not names:
            raise DataError(
                folder.parent / LABELS_FILE,
                "data.masks is 'classes', and there is no labels.json to name them",
                'Write one: {"1": "first class", ...}; or set data.masks to binary or instances.',
            )
        named = meaning == "classes" or len(names) == 1
        classes = names if named else DEFAULT_CLASSES
        return cls(meaning, data.objects, data.threshold, tuple(classes.items()))

    @property
    def classes(self) -> Mapping[int, str]:
        """Class id → name."""
        return dict(self.names)

    def objects_of(self, values: NDArray[np.int64]) -> tuple[ObjectMask, ...]:
        """The objects of a mask, (H, W), as ``objects_from_mask`` finds them."""
        return objects_from_mask(
            values,
            meaning=self.meaning,
            objects=self.objects,
            threshold=self.threshold,
            classes=self.classes,
        )


def mask_meaning(folder: Path, names: Mapping[int, str], data: DataRecipe) -> MaskMeaning:
    """``data.masks``, with ``auto`` decided by ``labels.json`` and the name of the folder."""
    if data.masks != "auto":
        return data.masks
    if folder.name == "instances":
        return "instances"
    if names:
        return "classes"
    return "instances" if folder.name == "labels" else "binary"
