"""Intensities to the image that SAM sees, black where a scene holds nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samdomains.plugin import CaseStatistics, Image, Normalizer, RawImage


@dataclass(frozen=True)
class NodataNormalizer:
    """A normaliser of the core, which takes no NaN, for scenes with NaN.

    Attributes:
        stretch: The normaliser.
    """

    stretch: Normalizer

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:
        """(C, H, W) of any real dtype → (3, H, W) float32 in [0, 1], 0 where a pixel is NaN.

        Raises:
            RecipeError: ``intensity.channels`` is needed, or names a band that the image lacks.
            SamDomainsError: The image holds infinite values.
        """
        if pixels.dtype.kind == "f" and (nothing := np.isnan(pixels)).any():
            # The lowest number there is lies below every lower bound, so it becomes 0.
            pixels = np.where(nothing, np.finfo(pixels.dtype).min, pixels)
        return self.stretch(pixels, statistics)
