"""What was followed in an open volume, as its page shows it; slices are read as they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from markupsafe import Markup

from samdomains.data.writers import file_stem
from samdomains.evaluation.volume_results import VolumeScore
from samdomains.reports.volume_figures import FollowedObject, VolumePicture
from samdomains.reports.volume_page import volume_section, write_volume_page
from samdomains.reports.volume_planes import Grey
from samdomains.types import Case, ObjectMask, Size
from samdomains.volumes.following import OpenVolume, VolumeObject
from samdomains.volumes.fusion import Block
from samdomains.volumes.planes import Planes

Draw: TypeAlias = Callable[[int, Case, VolumePicture], Markup | None]
"""Takes the place of a volume among all, the volume and what was found in it; gives a section of a
report, or None where it is not in one."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Draws each volume on a page of its own.

    Attributes:
        folder: Of the pages, which are named by the ids of the cases.
    """

    folder: Path

    def __call__(self, _: int, case: Case, picture: VolumePicture) -> None:
        """Write one page.

        Raises:
            DataError: The id is no file name.
        """
        write_volume_page(self.folder / f"{file_stem(case)}.html", picture)


@dataclass(frozen=True, slots=True)
class FirstSections:
    """Draws the first volumes as sections of a report.

    Attributes:
        most: How many.
    """

    most: int

    def __call__(self, place: int, _: Case, picture: VolumePicture) -> Markup | None:
        """The section of one volume, unless there are enough before it."""
        return volume_section(picture) if place < self.most else None


@dataclass(frozen=True, slots=True, eq=False)
class GreySlices:
    """The slices of a volume as the model sees them, one at a time.

    Attributes:
        planes: Across the first axis.
    """

    planes: Planes

    def __len__(self) -> int:
        return len(self.planes)

    def __getitem__(self, index: int) -> Grey:
        """(H, W) in [0, 1]: the mean of the channels."""
        return np.asarray(self.planes.image(index).mean(axis=0), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class DoubtSlices:
    """Where several objects of a volume are doubtful, one slice at a time.

    Attributes:
        shape: (Z, H, W) of the volume.
        blocks: One for each object.
    """

    shape: tuple[int, int, int]
    blocks: Sequence[Block]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Grey:
        """(H, W) in [0, 1]: of each voxel the largest doubt of any object, 0 beside them all."""
        size: Size = self.shape[1:]
        doubt = np.zeros(size, dtype=np.float32)
        for block in self.blocks:
            _, rows, columns = block.place
            place = index - block.origin[0]
            if 0 <= place < len(block.values):
                part = doubt[rows, columns]
                np.maximum(part, block.values[place], out=part)
        return doubt


def picture_of(
    opened: OpenVolume,
    case: Case,
    objects: Sequence[VolumeObject],
    names: Sequence[str],
    truth: Sequence[Sequence[ObjectMask]] | None = None,
    scores: Sequence[VolumeScore] | None = None,
) -> VolumePicture:
    """Put together what ``samdomains.reports.volume_page`` draws.

    Args:
        opened: The volume; it stays open until the page is drawn.
        case: Gives id and spacing.
        objects: What ``opened`` found.
        names: What readers call each of them.
        truth: Cross-sections of each annotated object; None where there is no annotation.
        scores: How well each was followed, where there is a truth.

    Raises:
        ValueError: Names, truths or scores are not as many as the objects.
    """
    nothing = [None] * len(objects)
    blocks = [found.doubt for found in objects if found.doubt is not None]
    followed = [
        FollowedObject(
            name=name,
            prediction=found.sections,
            truth=true,
            prompted=found.prompted,
            confidence={item.slice_index or 0: item.score or 0.0 for item in found.sections},
            score=score,
        )
        for found, name, true, score in zip(
            objects, names, truth or nothing, scores or nothing, strict=True
        )
    ]
    return VolumePicture(
        case=case.id,
        slices=GreySlices(opened.planes[0]),
        size=opened.planes[0].grid,
        objects=followed,
        spacing=case.spacing,
        doubt=DoubtSlices(opened.shape, blocks) if blocks else None,
    )
