from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from samdomains.audit.looks import LONGEST_SIDE, label_map, reduced, stretched, take_look
from samdomains.types import ObjectMask
from tests.audit_making import SIZE, disk, picture


def test_a_look_has_the_size_of_a_small_image_and_its_labels() -> None:
    shown = picture(0)
    look = take_look(shown.pixels, shown.objects)
    assert look.scale == 1
    assert look.channels.shape == (1, *SIZE)
    assert look.gradient.shape == (2, *SIZE)
    for place, item in enumerate(shown.objects):
        assert np.array_equal(look.labels == place + 1, item.mask())


def test_the_gradient_is_strongest_at_borders() -> None:
    shown = picture(0)
    look = take_look(shown.pixels, shown.objects)
    steps = look.labels[:, 1:] != look.labels[:, :-1]
    assert look.gradient[0, :, :-1][steps].mean() > 2 * look.gradient.mean()


def test_a_large_image_is_reduced_by_a_whole_factor() -> None:
    pixels = np.zeros((1, 40, LONGEST_SIDE + 2), dtype=np.uint8)
    pixels[:, 10:30, 100:200] = 200
    mask = ObjectMask.from_mask(pixels[0] > 0)
    look = take_look(pixels, (mask,))
    assert look.scale == 2
    assert look.labels.shape == look.channels.shape[1:] == (20, LONGEST_SIDE // 2 + 1)
    assert look.size == (40, LONGEST_SIDE + 2)
    assert np.count_nonzero(look.labels) == 10 * 50


def test_alpha_and_equal_channels_do_not_count() -> None:
    grey = picture(0).pixels
    opaque = np.full_like(grey, 255)
    assert take_look(np.concatenate([grey, grey, grey, opaque]), ()).channels.shape[0] == 1
    assert take_look(np.concatenate([grey, opaque]), ()).channels.shape[0] == 1
    colours = np.concatenate([grey, grey // 2, grey])
    assert take_look(colours, ()).channels.shape[0] == 3


def test_values_that_are_not_finite_become_the_darkest() -> None:
    values = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    values[0, 0, 5], values[0, 9, 9] = np.nan, np.inf
    result = stretched(values, 1)
    assert np.isfinite(result).all()
    assert result[0, 0, 5] == result[0, 9, 9] == result.min()


def test_a_few_bright_targets_on_an_even_ground_stay_visible() -> None:
    pixels = np.zeros((1, 64, 64), dtype=np.uint16)
    pixels[0, 30:32, 30:32] = 900
    assert stretched(pixels, 1).max() == pytest.approx(1.0)


def test_the_smaller_of_two_objects_lies_on_top_and_crowds_are_left_out() -> None:
    small, large = (ObjectMask.from_mask(disk(40, 40, radius)) for radius in (5, 12))
    crowd = replace(ObjectMask.from_mask(disk(80, 80, 6)), crowd=True)
    labels = label_map((small, large, crowd), SIZE)
    assert labels[40, 40] == 1
    assert labels[40, 49] == 2
    assert labels[80, 80] == 0


@pytest.mark.parametrize("shape", [(64, 64), (100, 70), (5, 90), (7, 3)])
def test_a_reduced_image_has_the_asked_size_and_about_the_mean(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    small = reduced(values, 16)
    assert small.shape == (16, 16)
    assert small.min() >= values.min()
    assert small.max() <= values.max() + 1e-6
    assert reduced(np.ones(shape, np.float32), 16) == pytest.approx(np.ones((16, 16)))
