"""Checks of the pixel values of one image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from samdomains.audit.findings import Finding, about_image
from samdomains.types import Case, RawImage


def check_pixel_values(case: Case, pixels: RawImage) -> Iterator[Finding]:
    """Pixels that are not finite, and images that show nothing.

    Args:
        case: An image or slice; a tile of a scene may hold nothing, or nothing but sea.
        pixels: (C, H, W), as ``case.read_pixels`` gave them.
    """
    if case.tile_of is not None:
        return
    finite = sum(channel.size for channel in _finite_channels(pixels))
    if finite == 0:
        yield about_image(
            case,
            "error",
            "the image has no finite pixel value",
            "Export it again or remove it.",
            check="no_finite_pixel",
            badness=1.0,
        )
        return
    if finite < pixels.size:
        yield about_image(
            case,
            "warning",
            f"{pixels.size - finite} of {pixels.size} pixel values are NaN or infinite",
            "Nothing to do where no data was recorded; otherwise export the image again.",
            check="not_finite",
            badness=0.3 + 0.5 * (1 - finite / pixels.size),
        )
    if is_constant(pixels):
        yield about_image(
            case,
            "warning",
            "every pixel of the image has the same value",
            "Check that the file was exported properly, or remove the image.",
            check="constant_image",
            badness=0.9,
        )


def is_constant(pixels: RawImage) -> bool:
    """Whether no channel varies; an opaque alpha channel does not hide a blank picture.

    Args:
        pixels: (C, H, W).
    """
    return all(
        channel.size == 0 or channel.min() == channel.max() for channel in _finite_channels(pixels)
    )


def _finite_channels(pixels: RawImage) -> Iterator[RawImage]:
    """Each channel, as (H, W) or, for floats, as its finite values in a row."""
    for channel in pixels:
        yield channel[np.isfinite(channel)] if channel.dtype.kind == "f" else channel
