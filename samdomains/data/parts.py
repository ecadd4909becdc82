"""What is looked at one at a time: images, slices of volumes, tiles of scenes."""

from __future__ import annotations

from collections.abc import Sequence

from samdomains.data.naming import named_errors
from samdomains.data.scenes import is_scene, scene_statistics, tiles_of
from samdomains.data.statistics import case_statistics
from samdomains.data.volumes import slices_of, volume_statistics
from samdomains.protocols import Normalizer
from samdomains.recipe import SceneRecipe
from samdomains.types import Case, CaseStatistics, Image, RawImage

USUAL = SceneRecipe()
"""Tiles of the usual size."""


def in_parts(cases: Sequence[Case], scene: SceneRecipe = USUAL) -> tuple[Case, ...]:
    """Every slice of each volume and every tile of each scene in its place, and images as they are.

    Args:
        cases: As a domain lists them.
        scene: How large a tile is.
    """
    return tuple(part for case in cases for part in _parts(case, scene))


def whole_of(part: Case) -> Case:
    """The volume of a slice, the scene of a tile, or the image itself."""
    if part.slice_of is not None:
        return part.slice_of.volume
    return part if part.tile_of is None else part.tile_of.scene


def place_of(part: Case) -> str:
    """Where a part lies in its whole, for messages; empty for an image."""
    if part.slice_of is not None:
        return f"slice {part.slice_of.index}"
    if part.tile_of is not None:
        return f"tile at x {part.tile_of.window.x0}, y {part.tile_of.window.y0}"
    return ""


def statistics_of(part: Case, pixels: RawImage) -> CaseStatistics:
    """Statistics of the whole that a part belongs to, or of the image itself.

    Args:
        part: An image, a slice or a tile.
        pixels: (C, H, W), what ``part.read_pixels`` gave.
    """
    if part.slice_of is not None:
        return volume_statistics(part.slice_of.volume)
    if part.tile_of is not None:
        return scene_statistics(part.tile_of.scene)
    return case_statistics(pixels)


def normalized_image(part: Case, normalizer: Normalizer) -> Image:
    """Read an image, slice or tile and bring it to [0, 1] by the statistics of its whole.

    Args:
        part: An image, a slice or a tile.
        normalizer: The domain's.

    Returns:
        (3, H, W).

    Raises:
        SamDomainsError: It cannot be read or normalised; names the file.
    """
    pixels = part.read_pixels()
    with named_errors(part):
        return normalizer(pixels, statistics_of(part, pixels))


def _parts(case: Case, scene: SceneRecipe) -> tuple[Case, ...]:
    if case.depth is not None:
        return slices_of(case)
    return tiles_of(case, scene) if is_scene(case, scene) else (case,)
