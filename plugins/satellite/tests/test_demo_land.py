from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_satellite.demo_land import GAP, land
from samdomains_satellite.polygons import rasterised
from scipy import ndimage

from samdomains.plugin import Mask

SIZE = (130, 150)


def masks_of(seed: int, keep_free: Mask) -> tuple[np.ndarray, list[Mask]]:
    reflectance, houses = land(np.random.default_rng(seed), SIZE, keep_free)
    masks = []
    for house in houses:
        found = rasterised([[house.outline]], SIZE)
        assert found is not None
        crop, (y, x) = found
        mask = np.zeros(SIZE, bool)
        mask[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        masks.append(mask)
    return reflectance, masks


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_houses_keep_apart_and_out_of_what_is_kept_free(seed: int) -> None:
    free = np.zeros(SIZE, bool)
    free[:, :40] = True
    reflectance, masks = masks_of(seed, free)
    assert reflectance.shape == (4, *SIZE)
    assert 1 <= len(masks) <= 10
    taken = free
    for mask in masks:
        assert not (ndimage.binary_dilation(mask, iterations=GAP) & taken).any()
        taken = taken | mask


def test_plants_are_brightest_in_near_infrared_and_houses_stand_out() -> None:
    reflectance, masks = masks_of(0, np.zeros(SIZE, bool))
    houses = np.logical_or.reduce(masks)
    assert np.median(reflectance[3]) > 1.4 * np.median(reflectance[0])
    contrast = []
    for mask in masks:
        around = ndimage.binary_dilation(mask, iterations=3) & ~houses
        inside, outside = (np.median(reflectance[0][part]) for part in (mask, around))
        contrast.append(abs(inside - outside) / outside)
    assert np.median(contrast) > 0.5
