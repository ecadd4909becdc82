"""Pictures of a volume: some of its slices, and three planes through the middle of an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import PIL.Image
from PIL import ImageDraw

from samdomains.evaluation.surface import Spacing
from samdomains.evaluation.volume_results import VolumeScore
from samdomains.reports.figures import PAPER, Panel, as_webp
from samdomains.reports.overlay import (
    CORRECT,
    FALSE_ALARM,
    MISSED,
    ON_OBJECT,
    SHADE,
    Colour,
    Pixels,
    outline,
    to_pixels,
)
from samdomains.reports.volume_planes import (
    AXES,
    Cut,
    Grey,
    Region,
    Slices,
    Voxel,
    chosen_slices,
    cuts_through,
    enlarged,
    middle_of,
    object_in_cut,
    placed,
)
from samdomains.types import ObjectMask, Size

PREDICTED: Colour = CORRECT
TRUE: Colour = MISSED
PROMPTED: Colour = ON_OBJECT
DOUBTED: Colour = FALSE_ALARM

MOST_SLICES = 12
"""A strip has this many slices at most."""

STRIP_SIDE = 300
"""The longer side of a slice in a strip."""

VIEWS_SIDE = 800
"""The longer side of the three planes together."""

STRIP_MARGIN, VIEW_MARGIN = 0.15, 0.3
"""Room around the objects, as a share of their longest side."""

STRONGEST_DOUBT = 0.85
"""Weight of the colour where the doubt is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowedObject:
    """One object of a volume and how it was followed.

    Attributes:
        name: What readers call it, by its class for example.
        prediction: Cross-sections of the answer, each with its ``slice_index``; none if missed.
        truth: The same of the annotated object; None where there is no annotation.
        prompted: Slices that were prompted.
        confidence: Slice → how sure the system is there, in [0, 1].
        score: How well it was followed, where there is a truth.
    """

    name: str
    prediction: Sequence[ObjectMask]
    truth: Sequence[ObjectMask] | None = None
    prompted: Sequence[int] = ()
    confidence: Mapping[int, float] = field(default_factory=dict)
    score: VolumeScore | None = None

    @property
    def sections(self) -> tuple[ObjectMask, ...]:
        """Cross-sections of answer and truth."""
        return (*self.prediction, *(self.truth or ()))


@dataclass(frozen=True, slots=True, eq=False)
class VolumePicture:
    """A volume and what was found in it.

    Attributes:
        case: Id of the volume.
        slices: Its grey levels.
        size: (H, W) of a slice.
        objects: What was followed.
        spacing: Along Z, Y and X in mm; None draws voxels as cubes.
        doubt: (H, W) in [0, 1] of each slice: where the answer may be wrong; or None.
    """

    case: str
    slices: Slices
    size: Size
    objects: Sequence[FollowedObject]
    spacing: Spacing | None = None
    doubt: Slices | None = None

    @property
    def shape(self) -> Voxel:
        """(Z, H, W)."""
        return len(self.slices), *self.size

    @property
    def steps(self) -> Spacing:
        """The spacing that it is drawn with."""
        return self.spacing or (1.0, 1.0, 1.0)


def strip(picture: VolumePicture, *, doubt: bool = False) -> list[Panel]:
    """Slices with the outlines of answers and truth, a picture each.

    All objects are drawn in one colour; what lies far from any of them is cut off. The slices that
    were prompted have a frame.

    Args:
        picture: The volume.
        doubt: Colour the doubt and leave out the truth.

    Returns:
        At most ``MOST_SLICES``, all of one size.

    Raises:
        ValueError: The doubt is asked for, and there is none.
    """
    if doubt and picture.doubt is None:
        raise ValueError(f"the volume {picture.case} has no doubt map to draw")
    sections = [item for one in picture.objects for item in one.sections]
    region = Region.around(sections, picture.shape, picture.steps, STRIP_MARGIN)
    sides = region.sides("XY", picture.steps)
    scale = STRIP_SIDE / max(sides)
    size = max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))
    prompted = {index for one in picture.objects for index in one.prompted}
    occupied = {item.slice_index or 0 for item in sections} or range(len(picture.slices))
    panels = []
    for index in chosen_slices(sorted(occupied), sorted(prompted), MOST_SLICES):
        pixels = _slice_panel(picture, index, region, size, doubt=doubt)
        if index in prompted:
            pixels = _framed(pixels)
        label = f"slice {index}" + ", prompted" * (index in prompted)
        shown = "doubt" if doubt else "outlines"
        panels.append(_as_panel(label, f"{shown} in slice {index} of {picture.case}", pixels))
    return panels


def _slice_panel(
    picture: VolumePicture, index: int, region: Region, size: Size, *, doubt: bool
) -> Pixels:
    """One slice of a strip."""
    window = region.slices("XY")
    grey = np.asarray(picture.slices[index])[window]
    doubted = None
    if doubt and picture.doubt is not None:
        doubted = enlarged(np.asarray(picture.doubt[index])[window], size)
    predicted, true = (
        [placed(item, window, size) for own in kind for item in own if item.slice_index == index]
        for kind in (
            [one.prediction for one in picture.objects],
            [] if doubt else [one.truth or () for one in picture.objects],
        )
    )
    return _panel(enlarged(grey, size), predicted, true, doubted)


@dataclass(frozen=True, slots=True)
class ThreeViews:
    """Three planes through the middle of an object, at one scale.

    Attributes:
        xy: Belongs at the top left.
        yz: To its right; they share the rows.
        xz: Below it; they share the columns.
        columns: Widths of the two columns in pixels.
    """

    xy: Panel
    yz: Panel
    xz: Panel
    columns: tuple[int, int]


def three_views(picture: VolumePicture, shown: Sequence[FollowedObject]) -> list[ThreeViews]:
    """For each object three planes through its middle, true to scale.

    The first slice is at the left of ``YZ`` and at the bottom of ``XZ``, the feet of an axial
    scan. Marks at the edges show where the other planes lie, and which slices were prompted. The
    volume is read once for all.

    Args:
        picture: The volume.
        shown: Objects of it with an answer or a truth.

    Raises:
        ValueError: An object has neither.
    """
    voxels = [middle_of(one.prediction or one.sections) for one in shown]
    grey = cuts_through(picture.slices, voxels)
    doubt = [] if picture.doubt is None else cuts_through(picture.doubt, voxels)
    return [
        _views(picture, one, voxel, grey[place], doubt[place] if doubt else None)
        for place, (one, voxel) in enumerate(zip(shown, voxels, strict=True))
    ]


def _views(
    picture: VolumePicture,
    one: FollowedObject,
    voxel: Voxel,
    grey: Mapping[Cut, Grey],
    doubt: Mapping[Cut, Grey] | None,
) -> ThreeViews:
    region = Region.around(one.sections, picture.shape, picture.steps, VIEW_MARGIN)
    depth, width = region.sides("XZ", picture.steps)
    height = region.sides("XY", picture.steps)[0]
    scale = VIEWS_SIDE / max(width + depth, height + depth)
    panels = {}
    for cut in AXES:
        sides = region.sides(cut, picture.steps)
        size = max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))
        window = region.slices(cut)
        whole = [
            object_in_cut(own, voxel, cut, picture.shape)
            for own in (one.prediction, one.truth or ())
        ]
        predicted, true = (item and placed(item, window, size) for item in whole)
        doubted = None if doubt is None else enlarged(doubt[cut][window], size)
        pixels = _panel(enlarged(grey[cut][window], size), [predicted], [true], doubted)
        marked = _marked(pixels, cut, voxel, region, one.prompted)
        panels[cut] = marked[::-1] if cut == "XZ" else marked  # the first slice at the bottom
    z, y, x = voxel
    places: Mapping[Cut, str] = {"XY": f"slice {z}", "YZ": f"column {x}", "XZ": f"row {y}"}
    views = {
        cut: _as_panel(f"{cut}, {place}", f"{cut} plane through {one.name}", panels[cut])
        for cut, place in places.items()
    }
    columns = panels["XY"].shape[1], panels["YZ"].shape[1]
    return ThreeViews(views["XY"], views["YZ"], views["XZ"], columns)


def _as_panel(label: str, alt: str, pixels: Pixels) -> Panel:
    """Lossless, so that outlines one pixel apart can be told from each other."""
    return Panel(label, alt, as_webp(PIL.Image.fromarray(pixels), lossless=True))


def _panel(
    grey: Grey,
    predicted: Sequence[ObjectMask | None],
    true: Sequence[ObjectMask | None],
    doubt: Grey | None,
) -> Pixels:
    """Grey levels with outlines; the truth's line is broader, so that both show where they meet."""
    pixels = to_pixels(np.repeat(grey[None], 3, axis=0))
    if doubt is not None:
        weight = STRONGEST_DOUBT * np.clip(np.nan_to_num(doubt), 0, 1)[:, :, None]
        pixels = np.asarray((1 - weight) * pixels + weight * np.array(DOUBTED), dtype=np.uint8)
    outline(pixels, true, (TRUE, TRUE, TRUE))
    outline(pixels, predicted, (PREDICTED, PREDICTED))
    return pixels


def _framed(pixels: Pixels) -> Pixels:
    """A copy with a frame in the colour of prompts."""
    framed = pixels.copy()
    for edge in (framed[:4], framed[-4:], framed[:, :4], framed[:, -4:]):
        edge[:] = PROMPTED
    return framed


def _marked(
    pixels: Pixels, cut: Cut, voxel: Voxel, region: Region, prompted: Sequence[int]
) -> Pixels:
    """Marks at the edges: where the other planes cross this one, and the prompted slices."""
    picture = PIL.Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    for axis, turned in ((AXES[cut][0], False), (AXES[cut][1], True)):
        _ticks(pen, picture.size, _share(voxel[axis], axis, region), turned, 14, PAPER)
        for place in prompted if axis == 0 else ():  # shorter, so that both show where they meet
            _ticks(pen, picture.size, _share(place, axis, region), turned, 7, PROMPTED)
    return np.asarray(picture)


def _share(index: int, axis: int, region: Region) -> float:
    """Where the middle of a voxel lies in the region, from 0 to 1."""
    return (index + 0.5 - region.start[axis]) / (region.stop[axis] - region.start[axis])


def _ticks(
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    share: float,
    turned: bool,
    arm: int,
    colour: Colour,
) -> None:
    """Two short lines with a dark rim at opposite edges, towards each other."""
    width, height = size
    at = round(share * (width if turned else height))
    for thick, ink in ((4, SHADE), (2, colour)):
        for near, far in ((0, arm), ((height if turned else width) - arm, 10**6)):
            line = (at, near, at, far) if turned else (near, at, far, at)
            pen.line(line, fill=ink, width=thick)
