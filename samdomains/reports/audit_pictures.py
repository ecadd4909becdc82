"""Pictures of one finding of the audit: the offending place enlarged, and where in the image it is.

What is wrong with a mask is often a few pixels wide, so a picture shows the surroundings of the
finding's box rather than the whole image, with the outlines of the masks and the box drawn in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
from PIL import ImageDraw

from samdomains.audit.findings import Finding, PixelBox
from samdomains.reports.figures import Panel, as_webp
from samdomains.reports.overlay import (
    CORRECT,
    FALSE_ALARM,
    MISSED,
    SHADE,
    Colour,
    Pixels,
    outline,
    to_pixels,
)
from samdomains.reports.volume_planes import placed
from samdomains.types import Image, ObjectMask, Size, Window

KEY: tuple[tuple[Colour, str], ...] = (
    (CORRECT, "outline of a mask"),
    (MISSED, "of the mask that is meant"),
    (FALSE_ALARM, "the place that is meant"),
)

SIDE = 360
"""The longer side of a picture is reduced to this many pixels, or enlarged by a whole factor to at
least as many."""

MARGIN = 0.6
"""Room around the box on each side, as a share of its longer side."""

SMALLEST_WINDOW = 72
"""Pixels of the image that a picture shows at least, so that its surroundings can be told."""

OVERVIEW_BELOW = 0.4
"""A second picture shows the whole image where the first shows a smaller share of its area."""


def finding_panels(
    finding: Finding, image: Image, objects: Sequence[ObjectMask]
) -> tuple[Panel, ...]:
    """The place that a finding means, and the whole image where the place is a small part of it.

    Args:
        finding: About this image.
        image: (3, H, W) in [0, 1].
        objects: As the case's ``read_objects`` gave them; empty where they cannot be read.

    Example:
        >>> finding = Finding("warning", "a", "a.png", "a hole", "Fill it.", check="holes")
        >>> [panel.label for panel in finding_panels(finding, np.zeros((3, 8, 8), np.float32), [])]
        ['The image']
    """
    size = (image.shape[1], image.shape[2])
    everything = Window(0, 0, *size)
    window = everything if finding.box is None else _around(finding.box, size)
    whole = window == everything
    label = "The image" if whole else "The place"
    alt = f"{label} {finding.case}: {finding.problem}"
    meant = finding.object_index
    panels = [_panel(label, alt, image, objects, window=window, box=finding.box, meant=meant)]
    if window.size[0] * window.size[1] < OVERVIEW_BELOW * size[0] * size[1]:
        shown = (window.x0, window.y0, window.x1, window.y1)
        alt = f"Where the place is in {finding.case}"
        panels.append(_panel("Where it is", alt, image, objects, window=everything, box=shown))
    return tuple(panels)


def compared_panel(name: str, image: Image, objects: Sequence[ObjectMask]) -> Panel:
    """The case that a finding compares its own with.

    Args:
        name: Id of that case.
        image: (3, H, W) in [0, 1].
        objects: Of that case.
    """
    window = Window(0, 0, image.shape[1], image.shape[2])
    return _panel(f"Beside it: {name}", f"The image {name}", image, objects, window=window)


def _panel(
    label: str,
    alt: str,
    image: Image,
    objects: Sequence[ObjectMask],
    *,
    window: Window,
    box: PixelBox | None = None,
    meant: int | None = None,
) -> Panel:
    """A part of the image, with what lies in it and a box drawn in."""
    rows, columns = window.slices
    size = _panel_size(window.size)
    enlarged, blocks = size[0] > window.size[0], size[0] > 2 * window.size[0]
    pixels = _resized(to_pixels(image[:, rows, columns]), size)
    # A mask of another size than the image has no place in it.
    fitting = [item if item.image_size == image.shape[1:] else None for item in objects]
    drawn = [None if item is None else placed(item, (rows, columns), size) for item in fitting]
    wide = 2 if enlarged else 1
    outline(pixels, [item for i, item in enumerate(drawn) if i != meant], (CORRECT,) * wide)
    if meant is not None and meant < len(drawn):
        outline(pixels, [drawn[meant]], (MISSED,) * wide)
    if box is not None:
        pixels = _with_box(pixels, box, window)
    return Panel(label, alt, as_webp(PIL.Image.fromarray(pixels), lossless=blocks))


def _around(box: PixelBox, size: Size) -> Window:
    """A window with room around a box, moved rather than cut at the image's border."""
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    side = max(round(longer * (1 + 2 * MARGIN)), SMALLEST_WINDOW)
    starts, stops = [], []
    for low, high, length in ((y0, y1, size[0]), (x0, x1, size[1])):
        part = min(side, length)
        start = min(max((low + high - part) // 2, 0), length - part)
        starts.append(start)
        stops.append(start + part)
    return Window(starts[0], starts[1], stops[0], stops[1])


def _panel_size(size: Size) -> Size:
    longer = max(size)
    factor = float(-(-SIDE // longer)) if longer < SIDE else SIDE / longer
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _resized(pixels: Pixels, size: Size) -> Pixels:
    """Repeated pixels where it grows, their means where it shrinks; always a copy."""
    picture = PIL.Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(picture.resize(size[::-1], PIL.Image.Resampling.BOX), dtype=np.uint8)


def _with_box(pixels: Pixels, box: PixelBox, window: Window) -> Pixels:
    """A rectangle around the box, so that nothing of what is meant is hidden by it."""
    factors = np.array(pixels.shape[1::-1]) / np.array(window.size[::-1])
    start = np.array([window.x0, window.y0])
    x0, y0 = np.floor((np.array(box[:2]) - start) * factors).astype(int)
    x1, y1 = np.ceil((np.array(box[2:]) - start) * factors).astype(int)
    picture = PIL.Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    for room, colour in ((4, SHADE), (3, FALSE_ALARM), (2, FALSE_ALARM)):
        # At the border of the picture the rectangle stays inside, or it would not be seen.
        left, top = max(int(x0) - room, 0), max(int(y0) - room, 0)
        right = min(int(x1) - 1 + room, pixels.shape[1] - 1)
        bottom = min(int(y1) - 1 + room, pixels.shape[0] - 1)
        pen.rectangle((left, top, right, bottom), outline=colour)
    return np.asarray(picture)
