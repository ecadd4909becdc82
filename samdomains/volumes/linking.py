"""Objects of a volume from what was found in each of its slices alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from samdomains.data.duplicates import iou
from samdomains.types import ObjectMask

SAME = 0.3
"""Smallest IoU of two cross-sections in neighbouring slices that are one object's."""

BRIDGED = 1
"""Slices in a row in which an object may be missed."""

FEWEST = 2
"""Slices that show an object, at least; what one slice alone shows is taken for noise."""


@dataclass(slots=True, eq=False)
class _Track:
    """One object so far."""

    sections: list[ObjectMask]
    last: int


def linked(slices: Iterable[tuple[int, Sequence[ObjectMask]]], depth: int) -> list[ObjectMask]:
    """Give the cross-sections of each object the same ``instance``, counted from 1.

    Neighbouring slices are matched one to one, with the largest sum of IoU (Kuhn 1955,
    doi:10.1002/nav.3800020109).

    Args:
        slices: Number of each slice, ascending, and the objects found in it.
        depth: Number of slices of the volume; of one with fewer than ``FEWEST`` all is kept.

    Returns:
        Cross-sections of the objects that more than one slice shows, each with its slice.
    """
    open_tracks: list[_Track] = []
    done: list[_Track] = []
    for index, found in slices:
        going = [track for track in open_tracks if index - track.last <= BRIDGED + 1]
        done += [track for track in open_tracks if index - track.last > BRIDGED + 1]
        here = [replace(item, slice_index=index) for item in found]
        pairs = _pairs([track.sections[-1] for track in going], here)
        for place, item in enumerate(here):
            track = pairs.get(place)
            if track is None:
                going.append(_Track([item], index))
            else:
                going[track].sections.append(item)
                going[track].last = index
        open_tracks = going
    tracks = [t for t in (*done, *open_tracks) if len(t.sections) >= min(FEWEST, depth)]
    tracks.sort(key=lambda track: track.sections[0].slice_index or 0)
    return [
        replace(item, instance=number)
        for number, track in enumerate(tracks, start=1)
        for item in track.sections
    ]


def _pairs(before: Sequence[ObjectMask], here: Sequence[ObjectMask]) -> dict[int, int]:
    """Index in ``here`` → index in ``before`` of the same object."""
    overlaps = np.array([[iou(a, b) for b in here] for a in before]).reshape(len(before), len(here))
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    return {
        int(column): int(row)
        for row, column in zip(rows, columns, strict=True)
        if overlaps[row, column] >= SAME
    }
