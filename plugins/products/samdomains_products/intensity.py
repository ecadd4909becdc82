"""Photos of 8 and of 16 bits by one and the same range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samdomains.plugin import CaseStatistics, FixedRange, Image, RawImage

LEVELS = 255
"""The range of a recipe counts in levels of 8 bits, whatever the depth of a photo."""


@dataclass(frozen=True, slots=True)
class PhotoRange:
    """Divide between two levels, given for 8 bits; a 16-bit photo's are 257 times as large.

    Attributes:
        lower: Level that becomes 0, of 0 to 255.
        upper: Level that becomes 1, of 0 to 255.
        channels: Which stored channels make red, green and blue; see ``IntensityRecipe.channels``.

    Example:
        >>> nothing = CaseStatistics("uint16", np.zeros((1, 1001)), np.zeros(1), np.zeros(1))
        >>> deep = np.array([[[0, 13107, 65535]]], dtype=np.uint16)
        >>> [round(float(value), 6) for value in PhotoRange(0, 255)(deep, nothing)[0, 0]]
        [0.0, 0.2, 1.0]
    """

    lower: float
    upper: float
    channels: tuple[int, ...] | None = None

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:
        """(C, H, W) ``uint8`` or ``uint16`` → (3, H, W) float32 in [0, 1]."""
        step = np.iinfo(pixels.dtype).max / LEVELS
        fixed = FixedRange(self.lower * step, self.upper * step, self.channels)
        return fixed(pixels, statistics)
