"""Photos as the core lists them, read as sRGB colours on white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tifffile
from PIL import Image as PillowImage

from samdomains.plugin import (
    Case,
    DataError,
    RawImage,
    Recipe,
    image_file,
    load_source,
    read_pixels,
)
from samdomains_products.colours import (
    on_white,
    read_alpha,
    read_colours,
    read_inks,
    to_srgb,
    unmultiplied,
)

DEPTHS = ("uint8", "uint16")
"""Types of pixels that a photo may have."""

INK_SUFFIXES = (".jpeg", ".jpg", ".tif", ".tiff")
"""Suffixes of the files that may hold CMYK."""

CONVERTED_PLAINLY = (
    "the colours are CMYK without a profile; they are converted by the plain formula, which is "
    "brighter than print"
)


@dataclass(frozen=True)
class Photo:
    """Reads one photo. Hashable.

    Attributes:
        path: The file.
    """

    path: Path

    def __call__(self) -> RawImage:
        """(3, H, W) sRGB or (1, H, W) grey, 8 or 16 bit; see :func:`read_photo`."""
        return read_photo(self.path)


def read_photo(path: Path) -> RawImage:
    """Read a photo upright, in sRGB and without transparency.

    The core reads the file. What it leaves as it is stored is done here, once: an embedded ICC
    profile is applied, and transparent pixels are laid on white. CMYK without a profile is
    converted by the plain formula, ``(1 - ink) (1 - black)``.

    Args:
        path: JPEG, PNG, WebP, BMP or TIFF.

    Returns:
        (3, H, W) sRGB, or (1, H, W) for grey without a profile; ``uint8``, or ``uint16`` where
        the file has 16 bits.

    Raises:
        DataError: As for ``read_pixels``; or the ICC profile is damaged, or the picture is no
            photo (floating point, more than three colours).
    """
    pixels = read_pixels(path)
    colours = read_colours(path)
    if colours.inks and colours.profile:
        pixels = read_inks(path, colours)
    elif len(pixels) not in (1, 3):
        problem = f"the picture has {len(pixels)} channels, and a photo has 1 (grey) or 3 (RGB)"
        raise DataError(path, problem, "Save it as RGB.")
    if pixels.dtype.name not in DEPTHS:
        problem = f"the pixels are {pixels.dtype.name}, and a photo has 8 or 16 bits"
        raise DataError(path, problem, "Save it with 8 or 16 bits a channel.")
    alpha = read_alpha(path, colours) if colours.alpha else None
    if alpha is not None and colours.premultiplied:
        pixels = unmultiplied(pixels, alpha)
    if colours.profile:
        pixels = to_srgb(path, pixels, colours.profile)
    return pixels if alpha is None else on_white(pixels, alpha)


def load_photos(source: Path, recipe: Recipe) -> Sequence[Case]:
    """List photos with their masks as the core does, headers of JPEG and TIFF apart unread.

    Args:
        source: What the core reads: a photo, a folder of them, or with ``masks/``, ``labels/`` or
            COCO JSON.
        recipe: ``recipe.data`` says what mask files mean.

    Raises:
        DataError: The source is not in order.
    """
    return [_as_photo(case) for case in load_source(source, recipe.data)]


def _as_photo(case: Case) -> Case:
    path = image_file(case)
    notes = (*case.notes, CONVERTED_PLAINLY) if _has_bare_inks(path) else case.notes
    return replace(case, read_pixels=Photo(path), notes=notes)


def _has_bare_inks(path: Path) -> bool:
    """Whether the header tells of CMYK without a profile; reading tells of damage and size."""
    if path.suffix.lower() not in INK_SUFFIXES:
        return False
    try:
        colours = read_colours(path)
    except (DataError, OSError, tifffile.TiffFileError, PillowImage.DecompressionBombError):
        return False
    return colours.inks and colours.profile is None
