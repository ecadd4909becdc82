"""Drawing prompts, truth and errors over an image.

Colours are from the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people
with any common colour vision deficiency can tell apart; they differ in lightness too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw

from samdomains.types import Image, Mask, ObjectMask, Prompts, Size

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

CORRECT: Colour = (86, 180, 233)
MISSED: Colour = (240, 228, 66)
FALSE_ALARM: Colour = (213, 94, 0)
BOX: Colour = (86, 180, 233)
ON_OBJECT: Colour = (0, 200, 83)
ON_BACKGROUND: Colour = (230, 30, 45)
OUTLINE: Colour = (255, 255, 255)
SHADE: Colour = (16, 20, 26)

LEGEND: tuple[tuple[Colour, str], ...] = (
    (CORRECT, "correct"),
    (MISSED, "missed"),
    (FALSE_ALARM, "false alarm"),
)

CROWDED = 150
"""With more objects than this, lines are thin and point marks small."""

TINT = 0.55
"""Weight of the colour over the grey image."""

LARGE = 300
"""Pictures whose longer side is below this get thin lines too."""


def overlay(
    image: Image,
    *,
    prompts: Sequence[Prompts] = (),
    truth: Iterable[Mask] = (),
    prediction: Iterable[Mask] | None = None,
) -> Pixels:
    """Draw prompts, truth and answers over an image, at the image's own size.

    Without ``prediction`` the image keeps its colours and the true objects are outlined. With it
    the image turns grey, and each answer is compared with its own true object: pixels are tinted
    as correct, missed or false alarm, and the true outline stays visible. Where objects overlap,
    an error is shown rather than what is correct.

    Args:
        image: (3, H, W) in [0, 1].
        prompts: In the image's pixels.
        truth: (H, W) each. May be a generator, so that many large masks need not coexist.
        prediction: (H, W) each, in the order of ``truth``; or None.

    Returns:
        (H, W, 3), RGB.

    Raises:
        ValueError: The numbers of true objects and of answers differ.

    Example:
        >>> picture = overlay(np.zeros((3, 8, 8), dtype=np.float32))
        >>> picture.shape
        (8, 8, 3)
    """
    answers = None if prediction is None else [cropped(mask) for mask in prediction]
    return draw(image, prompts, [cropped(mask) for mask in truth], answers)


def cropped(mask: Mask) -> ObjectMask | None:
    """The occupied part of a mask, or None of an empty one."""
    return ObjectMask.from_mask(mask) if mask.any() else None


def draw(
    image: Image,
    prompts: Sequence[Prompts],
    truth: Sequence[ObjectMask | None],
    prediction: Sequence[ObjectMask | None] | None,
) -> Pixels:
    """The body of ``overlay``, for masks that are cropped already."""
    pixels = to_pixels(image)
    thin = max(len(prompts), len(truth)) > CROWDED or max(pixels.shape) < LARGE
    if prediction is None:
        outline(pixels, truth, (CORRECT,) if thin else (CORRECT, CORRECT, SHADE))
    else:
        if len(prediction) != len(truth):
            raise ValueError(
                f"{len(truth)} true objects need as many answers, got {len(prediction)}"
            )
        pixels = _tinted(pixels, _errors(pixels.shape[:2], truth, prediction))
        outline(pixels, truth, (OUTLINE,))
    return _with_prompts(pixels, prompts, thin)


def _errors(
    size: Size, truth: Sequence[ObjectMask | None], prediction: Sequence[ObjectMask | None]
) -> dict[Colour, Mask]:
    """(H, W) masks of what is correct, missed and false, object by object; errors last."""
    kinds = {colour: np.zeros(size, dtype=bool) for colour, _ in LEGEND}
    for true, answer in zip(truth, prediction, strict=True):
        window = _window(true, answer)
        is_true, is_answer = _inside(true, window), _inside(answer, window)
        kinds[CORRECT][window] |= is_true & is_answer
        kinds[MISSED][window] |= is_true & ~is_answer
        kinds[FALSE_ALARM][window] |= is_answer & ~is_true
    return kinds


def _window(*objects: ObjectMask | None) -> tuple[slice, slice]:
    """Rows and columns that hold all the objects."""
    boxes = [item.box for item in objects if item is not None] or [np.zeros(4, dtype=np.float32)]
    x0, y0 = np.min(boxes, axis=0)[:2].astype(int)
    x1, y1 = np.max(boxes, axis=0)[2:].astype(int)
    return slice(y0, y1), slice(x0, x1)


def _inside(item: ObjectMask | None, window: tuple[slice, slice]) -> Mask:
    """An object's mask within a window that holds it."""
    rows, columns = window
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=bool)
    if item is not None:
        y, x = item.origin[0] - rows.start, item.origin[1] - columns.start
        mask[y : y + item.crop.shape[0], x : x + item.crop.shape[1]] = item.crop
    return mask


def _tinted(pixels: Pixels, kinds: Mapping[Colour, Mask]) -> Pixels:
    """A grey copy of the picture with each kind of pixel in its colour; later kinds win."""
    grey = np.asarray(PIL.Image.fromarray(pixels).convert("L"), dtype=np.float32)
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    tinted = picture.copy()
    for colour, mask in kinds.items():
        tinted[mask] = (1 - TINT) * picture[mask] + TINT * np.array(colour, dtype=np.float32)
    return np.asarray(tinted.round(), dtype=np.uint8)


def outline(pixels: Pixels, objects: Sequence[ObjectMask | None], rings: Sequence[Colour]) -> None:
    """Colour each object's border in place, one pixel a ring, from the outside inwards.

    Args:
        pixels: (H, W, 3), RGB; drawn on.
        objects: Of this picture's size; None is skipped.
        rings: The colour of each ring.
    """
    for item in objects:
        if item is None:
            continue
        (y, x), (height, width) = item.origin, item.crop.shape
        ground, left = pixels[y : y + height, x : x + width], item.crop
        for colour in rings:
            inner = _eroded(left)
            ground[left & ~inner] = colour
            left = inner


def _eroded(mask: Mask) -> Mask:
    """The pixels whose four neighbours are inside too."""
    padded = np.pad(mask, 1)
    inner: Mask = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    return inner & padded[1:-1, :-2] & padded[1:-1, 2:]


def _with_prompts(pixels: Pixels, prompts: Sequence[Prompts], thin: bool) -> Pixels:
    """Boxes, green crosses on the object and red saltires on the background."""
    if not prompts:
        return pixels
    picture = PIL.Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    for prompt in prompts:
        if prompt.box is not None:
            _rectangle(pen, prompt.box.tolist(), thin)
    for prompt in prompts:
        for (x, y), label in zip(prompt.points.tolist(), prompt.point_labels, strict=True):
            _mark(pen, x, y, bool(label), 3 if thin else 6)
    return np.asarray(picture)


def _rectangle(pen: ImageDraw.ImageDraw, box: Sequence[float], thin: bool) -> None:
    """A box with a dark inner rim, so that it shows on bright ground too."""
    rings = (BOX,) if thin else (BOX, BOX, SHADE)
    x0, y0, x1, y1 = box[0], box[1], box[2] - 1, box[3] - 1
    for inset, colour in enumerate(rings):
        if x0 + inset <= x1 - inset and y0 + inset <= y1 - inset:
            pen.rectangle((x0 + inset, y0 + inset, x1 - inset, y1 - inset), outline=colour)


def _mark(pen: ImageDraw.ImageDraw, x: float, y: float, on_object: bool, arm: int) -> None:
    """A cross with a white rim, so that it shows on any ground and by its shape alone."""
    turn = ((arm, 0), (0, arm)) if on_object else ((arm, arm), (arm, -arm))
    colour = ON_OBJECT if on_object else ON_BACKGROUND
    width = max(1, arm // 3)
    for pen_colour, pen_width in ((OUTLINE, width + 2), (colour, width)):
        for dx, dy in turn:
            pen.line((x - dx, y - dy, x + dx, y + dy), fill=pen_colour, width=pen_width)


def to_pixels(image: Image) -> Pixels:
    """(3, H, W) in [0, 1] → (H, W, 3) uint8."""
    finite = np.nan_to_num(image.transpose(1, 2, 0), nan=0.0)
    return np.asarray(np.clip(finite * 255, 0, 255).round(), dtype=np.uint8)
