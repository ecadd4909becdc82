"""Random changes of a training image that can be replayed on its masks, points and boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from samdomains.recipe import AugmentationRecipe
from samdomains.types import Box, Image, Mask, Points, Size

Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One drawn change, applied in the order of the attributes.

    Attributes:
        window: (y0, x0, y1, x1) in pixels of the crop that is kept, y1 and x1 exclusive.
        flip_x: Mirror left and right.
        flip_y: Mirror top and bottom.
        quarter_turns: Turns of 90 degrees, counter-clockwise as one looks at the image, 0 to 3.
        brightness: Shift of all values, in the [0, 1] scale of an image.
        contrast: Relative change of the values' distance from their mean; -1 makes a flat image.

    Raises:
        ValueError: The window holds no pixel or begins outside the image, or there are more than
            three quarter turns.
    """

    window: tuple[int, int, int, int]
    flip_x: bool = False
    flip_y: bool = False
    quarter_turns: int = 0
    brightness: float = 0.0
    contrast: float = 0.0

    def __post_init__(self) -> None:
        y0, x0, y1, x1 = self.window
        if not (0 <= y0 < y1 and 0 <= x0 < x1):
            raise ValueError(f"a window needs 0 <= y0 < y1 and 0 <= x0 < x1, got {self.window}")
        if self.quarter_turns not in range(4):
            raise ValueError(f"quarter_turns must be 0 to 3, got {self.quarter_turns}")

    @classmethod
    def identity(cls, size: Size) -> Augmentation:
        """The change that keeps an image of ``size`` (H, W) as it is."""
        height, width = size
        return cls((0, 0, height, width))

    @property
    def size(self) -> Size:
        """(H, W) in pixels of the changed image."""
        height, width = self._window_size
        return (height, width) if self.quarter_turns % 2 == 0 else (width, height)

    @property
    def _window_size(self) -> Size:
        y0, x0, y1, x1 = self.window
        return y1 - y0, x1 - x0

    def apply_image(self, image: Image) -> Image:
        """Change an image, (3, H, W) in [0, 1]; the result, (3, *size), stays in [0, 1].

        Raises:
            ValueError: The image is smaller than the window.
        """
        moved = self._move_pixels(image)
        if self.contrast == 0.0 and self.brightness == 0.0:
            return moved
        mean = np.float32(moved.mean(dtype=np.float64))
        changed = (moved - mean) * np.float32(1.0 + self.contrast) + (
            mean + np.float32(self.brightness)
        )
        clipped: Image = np.clip(changed, 0.0, 1.0)
        return clipped

    def apply_mask(self, mask: Mask) -> Mask:
        """Change a mask, (H, W) → ``size``. It may be empty: the object can lie outside the window.

        Raises:
            ValueError: The mask is smaller than the window.
        """
        return self._move_pixels(mask)

    def apply_points(self, points: Points) -> Points:
        """Change points, (P, 2) as (x, y) in pixels, so that each names the same pixel as before.

        A point outside the window comes out outside the changed image.
        """
        # A point names a pixel, whose centre is half a pixel from the edges that are mirrored.
        return self._move_positions(points + np.float32(0.5)) - np.float32(0.5)

    def apply_box(self, box: Box) -> Box:
        """Change a box, (4,) as x0, y0, x1, y1 with exclusive ends, and clip it to the window.

        Raises:
            ValueError: The box lies outside the window.
        """
        corners = self._move_positions(box.reshape(2, 2))
        height, width = self.size
        limit = np.array([width, height], dtype=np.float32)
        low, high = np.clip(corners.min(axis=0), 0, limit), np.clip(corners.max(axis=0), 0, limit)
        if not (low < high).all():
            raise ValueError(f"box {box.tolist()} lies outside the window {self.window}")
        return np.concatenate([low, high])

    def _move_pixels(self, pixels: NDArray[Pixel]) -> NDArray[Pixel]:
        """Crop, mirror and turn the last two axes; always a copy."""
        y0, x0, y1, x1 = self.window
        if pixels.shape[-2] < y1 or pixels.shape[-1] < x1:
            raise ValueError(f"the window {self.window} exceeds pixels of size {pixels.shape[-2:]}")
        window = pixels[..., y0:y1, x0:x1]
        if self.flip_x:
            window = window[..., ::-1]
        if self.flip_y:
            window = window[..., ::-1, :]
        return np.rot90(window, self.quarter_turns, axes=(-2, -1)).copy()

    def _move_positions(self, positions: Points) -> Points:
        """Crop, mirror and turn (P, 2) positions (x, y), measured from the image's outer corner."""
        y0, x0, _, _ = self.window
        height, width = self._window_size
        x, y = positions[:, 0] - x0, positions[:, 1] - y0
        x = width - x if self.flip_x else x
        y = height - y if self.flip_y else y
        for _ in range(self.quarter_turns):
            x, y = y, width - x
            height, width = width, height
        return np.stack([x, y], axis=1).astype(np.float32)


def draw_augmentation(
    size: Size, recipe: AugmentationRecipe, rng: np.random.Generator
) -> Augmentation:
    """Draw one change for an image.

    Args:
        size: (H, W) of the image in pixels.
        recipe: How often and how far to change.
        rng: The only source of randomness.

    Example:
        >>> still = AugmentationRecipe(flip=0, rotate=0, crop=1, brightness=0, contrast=0)
        >>> draw_augmentation((4, 6), still, np.random.default_rng(0)).window
        (0, 0, 4, 6)
    """
    (y0, y1), (x0, x1) = (_draw_side(side, recipe.crop, rng) for side in size)
    return Augmentation(
        window=(y0, x0, y1, x1),
        flip_x=bool(rng.random() < recipe.flip),
        flip_y=bool(rng.random() < recipe.flip),
        quarter_turns=int(rng.integers(1, 4)) if rng.random() < recipe.rotate else 0,
        brightness=float(rng.uniform(-recipe.brightness, recipe.brightness)),
        contrast=float(rng.uniform(-recipe.contrast, recipe.contrast)),
    )


def _draw_side(side: int, smallest: float, rng: np.random.Generator) -> tuple[int, int]:
    """Begin and exclusive end of a crop of one side that keeps at least the share ``smallest``."""
    length = int(rng.integers(math.ceil(smallest * side), side + 1))
    start = int(rng.integers(0, side - length + 1))
    return start, start + length
