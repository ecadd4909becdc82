"""Whether the slices of a DICOM series make a volume: alike, in one line, none twice, none missing.

Places are in DICOM's frame, LPS+, in mm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError, name_some
from samdomains_ctmri._dicom_headers import Slice

MISSING = 0.1
"""A distance this near to a multiple of the usual one, in shares of that, lacks slices."""

SAME_POSITION = 0.01
"""Slices nearer to each other than this share of a pixel lie at one position."""

STRAIGHT = 0.5
"""Slices may lie this share of a pixel beside the line from the first to the last."""

SAME_DIRECTION = 1e-3
"""Direction cosines may differ by this much: half a pixel across 512 pixels."""

SAME_SPACING = 1e-4
"""Pixel spacings may differ by this share."""


def require_alike(slices: Sequence[Slice]) -> None:
    """Refuse slices that cannot be stacked.

    Raises:
        DataError: A slice is of colours, has no place in the patient, or differs from the first in
            size, orientation or pixel spacing.
    """
    for one in slices:
        _require_geometry(one)
        _require_same_layout(one, slices[0])
    halves = np.array(slices[0].layout.orientation).reshape(2, 3)
    if np.abs(halves @ halves.T - np.eye(2)).max() > SAME_DIRECTION:
        raise DataError(
            slices[0].file,
            "its row and column directions are not perpendicular unit vectors",
            "Export the series again.",
        )


def require_every_slice(slices: Sequence[Slice], positions: NDArray[np.float64]) -> None:
    """Refuse places with several slices, with none, or beside the others.

    Args:
        slices: At least one, by position.
        positions: (K,) along the slice normal, mm.

    Raises:
        DataError: Slices share a position, are missing between others, or lie beside them.
    """
    if len(slices) == 1:
        return
    gaps = np.diff(positions)
    _require_one_each(slices, positions, gaps)
    usual = float(np.median(gaps))
    lacking = np.rint(gaps / usual) - 1
    holes = np.flatnonzero((lacking > 0) & (np.abs(gaps / usual - lacking - 1) < MISSING))
    if len(holes):
        where = [f"{positions[k]:.6g} and {positions[k + 1]:.6g} mm" for k in holes]
        count = int(lacking[holes].sum())
        raise DataError(
            slices[0].file.parent,
            f"{count} {'slice is' if count == 1 else 'slices are'} missing between "
            f"{name_some(where)} along the slice normal, where others lie {usual:.4g} mm apart",
            "Copy or export the whole series again.",
        )
    _require_straight(slices, positions)


def _require_geometry(one: Slice) -> None:
    layout = one.layout
    if layout.samples != 1:
        raise DataError(one.file, "its pixels are colours", "Give a series of intensities.")
    if not one.placed or not layout.spacing or min(layout.spacing) <= 0:
        lacking = "pixel spacing" if one.placed else "position and orientation"
        raise DataError(
            one.file,
            f"the header does not say the {lacking} of every image",
            "Export the series from the scanner or archive again, with its geometry.",
        )
    if one.rescale[0] == 0:
        raise DataError(one.file, "its rescale slope is 0", "Export the series again.")


def _require_same_layout(one: Slice, first: Slice) -> None:
    layout, wanted = one.layout, first.layout
    turn = np.abs(np.subtract(layout.orientation, wanted.orientation)).max()
    differing = {
        "size": (layout.rows, layout.columns) != (wanted.rows, wanted.columns),
        "orientation": turn > SAME_DIRECTION,
        "pixel spacing": not np.allclose(layout.spacing, wanted.spacing, rtol=SAME_SPACING, atol=0),
    }
    if any(differing.values()):
        what = " and ".join(word for word, differs in differing.items() if differs)
        raise DataError(
            one.file,
            f"its {what} differs from that of {first.file.name} in the same series",
            "Move the images that do not belong to the volume, localizers for example, to another "
            "folder.",
        )


def _require_one_each(
    slices: Sequence[Slice], positions: NDArray[np.float64], gaps: NDArray[np.float64]
) -> None:
    shared = np.flatnonzero(gaps < SAME_POSITION * min(slices[0].layout.spacing))
    if len(shared):
        k = int(shared[0])
        words = " and ".join(
            f"{one.file.name} frame {one.frame + 1}" if one.frame else one.file.name
            for one in slices[k : k + 2]
        )
        others = f" (and {len(shared)} such pairs in all)" if len(shared) > 1 else ""
        raise DataError(
            slices[k].file.parent,
            f"two slices lie at one position: {words} at {positions[k]:.6g} mm{others}",
            "Remove copies, and give each echo, phase or time point a folder of its own.",
        )


def _require_straight(slices: Sequence[Slice], positions: NDArray[np.float64]) -> None:
    """Refuse slices that are shifted against the others; a tilted gantry shifts all alike."""
    places = np.array([one.position for one in slices])
    share = (positions - positions[0]) / (positions[-1] - positions[0])
    beside = np.linalg.norm(places - places[0] - np.outer(share, places[-1] - places[0]), axis=1)
    worst = int(np.argmax(beside))
    if beside[worst] > STRAIGHT * min(slices[0].layout.spacing):
        raise DataError(
            slices[worst].file,
            f"the slice lies {beside[worst]:.4g} mm beside the others of its series",
            "Give each stack of slices a folder of its own.",
        )
