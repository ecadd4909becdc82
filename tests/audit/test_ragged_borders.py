from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from samdomains.audit.ragged_borders import RaggedBorders, raggedness
from samdomains.types import Mask, ObjectMask
from tests.audit_making import Picture, disk, pictures


def frayed(mask: Mask, seed: int) -> Mask:
    """A mask whose border pixels, and those beside them, are of it or not by chance."""
    rng = np.random.default_rng(seed)
    border = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
    result: Mask = np.where(border, rng.random(mask.shape) < 0.5, mask)
    return result


def collected(shown: list[Picture]) -> RaggedBorders:
    ragged = RaggedBorders()
    for place, item in enumerate(shown):
        ragged.look_at(item.as_case(str(place)), item.objects)
    return ragged


def test_smooth_borders_have_no_findings() -> None:
    ragged = collected(pictures(8))
    assert list(ragged.findings()) == []
    assert list(ragged.unjudged()) == []


def test_a_ragged_mask_among_smooth_ones_is_found() -> None:
    shown = pictures(8)
    objects = tuple(
        ObjectMask.from_mask(frayed(item.mask(), seed))
        for seed, item in enumerate(shown[3].objects)
    )
    shown[3] = replace(shown[3], objects=objects)
    (finding,) = collected(shown).findings()
    assert (finding.case, finding.check) == ("3", "ragged_border")
    assert "is usual" in finding.problem


def test_where_all_borders_are_ragged_that_is_the_way_of_the_set() -> None:
    shown = [
        replace(
            item,
            objects=tuple(ObjectMask.from_mask(frayed(one.mask(), seed)) for one in item.objects),
        )
        for seed, item in enumerate(pictures(8))
    ]
    assert list(collected(shown).findings()) == []


def test_a_short_border_says_nothing_and_few_images_are_not_judged() -> None:
    assert raggedness([ObjectMask.from_mask(disk(20, 20, 3))]) is None
    assert raggedness([]) is None
    (item,) = collected(pictures(2)).unjudged()
    assert item.check == "ragged_border"
    assert "2 images" in item.reason
