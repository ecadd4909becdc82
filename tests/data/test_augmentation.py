from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from samdomains.data.augmentation import Augmentation, draw_augmentation
from samdomains.recipe import AugmentationRecipe
from samdomains.types import Image, Mask, ObjectMask, Size

STRONG = AugmentationRecipe(flip=0.5, rotate=0.7, crop=0.4, brightness=0.6, contrast=0.9)
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32 - 1)


def drawn(size: Size, seed: int, recipe: AugmentationRecipe = STRONG) -> Augmentation:
    return draw_augmentation(size, recipe, np.random.default_rng(seed))


def random_mask(size: Size, seed: int) -> Mask:
    """(H, W), about every third pixel true."""
    mask: Mask = np.random.default_rng(seed).random(size) < 0.3
    return mask


def random_image(size: Size, seed: int) -> Image:
    return np.random.default_rng(seed).random((3, *size), dtype=np.float32)


def ramp(size: Size) -> Image:
    """(3, H, W) in [0, 1] whose pixels all differ."""
    height, width = size
    values = np.linspace(0, 1, height * width, dtype=np.float32).reshape(size)
    return np.stack([values] * 3)


@given(sizes, seeds, seeds)
def test_the_box_of_an_object_in_the_window_stays_the_box_of_its_mask(
    size: Size, mask_seed: int, seed: int
) -> None:
    augmentation = drawn(size, seed)
    y0, x0, y1, x1 = augmentation.window
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = random_mask((y1 - y0, x1 - x0), mask_seed)
    assume(mask.any())
    box = ObjectMask.from_mask(mask).box
    expected = ObjectMask.from_mask(augmentation.apply_mask(mask)).box
    np.testing.assert_array_equal(augmentation.apply_box(box), expected)


@given(sizes, seeds, st.data())
def test_the_box_of_a_filled_rectangle_is_clipped_as_its_mask_is(
    size: Size, seed: int, data: st.DataObject
) -> None:
    height, width = size
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    box = np.array([x0, y0, x1, y1], dtype=np.float32)
    augmentation = drawn(size, seed)
    moved = augmentation.apply_mask(mask)
    if moved.any():
        np.testing.assert_array_equal(augmentation.apply_box(box), ObjectMask.from_mask(moved).box)
    else:
        with pytest.raises(ValueError, match="outside the window"):
            augmentation.apply_box(box)


@given(sizes, seeds, seeds)
def test_points_name_the_same_pixels_before_and_after(
    size: Size, mask_seed: int, seed: int
) -> None:
    augmentation, mask = drawn(size, seed), random_mask(size, mask_seed)
    y0, x0, y1, x1 = augmentation.window
    rows, columns = np.mgrid[y0:y1, x0:x1].reshape(2, -1)
    points = augmentation.apply_points(np.stack([columns, rows], axis=1).astype(np.float32))
    moved_columns, moved_rows = points.astype(np.int64).T
    moved = augmentation.apply_mask(mask)
    np.testing.assert_array_equal(moved[moved_rows, moved_columns], mask[rows, columns])


@given(sizes, seeds)
def test_a_point_outside_the_window_comes_out_outside(size: Size, seed: int) -> None:
    augmentation = drawn(size, seed)
    y0, x0, y1, x1 = augmentation.window
    outside = np.array([[x0 - 1, y0], [x1, y0], [x0, y0 - 1], [x0, y1]], dtype=np.float32)
    x, y = augmentation.apply_points(outside).T
    height, width = augmentation.size
    assert not ((x >= 0) & (x < width) & (y >= 0) & (y < height)).any()


@given(sizes, seeds, seeds)
def test_identity_changes_nothing(size: Size, mask_seed: int, seed: int) -> None:
    identity, mask = Augmentation.identity(size), random_mask(size, mask_seed)
    image = random_image(size, seed)
    points = np.random.default_rng(seed).integers(0, 12, (5, 2)).astype(np.float32)
    box = np.array([0, 0, size[1], size[0]], dtype=np.float32)
    np.testing.assert_array_equal(identity.apply_image(image), image)
    np.testing.assert_array_equal(identity.apply_mask(mask), mask)
    np.testing.assert_array_equal(identity.apply_points(points), points)
    np.testing.assert_array_equal(identity.apply_box(box), box)


@given(sizes, seeds)
def test_images_stay_in_range_and_share_no_memory(size: Size, seed: int) -> None:
    augmentation, image = drawn(size, seed), random_image(size, seed)
    changed = augmentation.apply_image(image)
    assert changed.shape == (3, *augmentation.size)
    assert changed.dtype == np.float32
    assert changed.flags.c_contiguous
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not np.shares_memory(changed, image)


@given(sizes, seeds)
def test_a_drawn_window_keeps_the_share_of_each_side(size: Size, seed: int) -> None:
    y0, x0, y1, x1 = drawn(size, seed).window
    assert 0.4 * size[0] <= y1 - y0
    assert 0.4 * size[1] <= x1 - x0
    assert y1 <= size[0]
    assert x1 <= size[1]


def test_the_same_generator_state_draws_the_same_change() -> None:
    assert drawn((40, 60), 7) == drawn((40, 60), 7)
    assert len({drawn((40, 60), seed) for seed in range(20)}) == 20


def test_every_flip_and_turn_is_drawn() -> None:
    changes = [drawn((8, 8), seed) for seed in range(100)]
    assert {change.quarter_turns for change in changes} == {0, 1, 2, 3}
    assert {(change.flip_x, change.flip_y) for change in changes} == {
        (x, y) for x in (False, True) for y in (False, True)
    }


def test_a_recipe_of_nothing_draws_the_identity() -> None:
    still = AugmentationRecipe(flip=0, rotate=0, crop=1, brightness=0, contrast=0)
    assert drawn((5, 9), 0, still) == Augmentation.identity((5, 9))


def test_a_quarter_turn_goes_counter_clockwise() -> None:
    turn = Augmentation(window=(0, 0, 2, 3), quarter_turns=1)
    image = ramp((2, 3))
    top_right = np.array([[2, 0]], dtype=np.float32)
    assert turn.size == (3, 2)
    assert turn.apply_image(image)[0, 0, 0] == image[0, 0, 2]
    assert turn.apply_points(top_right).tolist() == [[0, 0]]


def test_crop_comes_before_flip() -> None:
    change = Augmentation(window=(0, 1, 2, 3), flip_x=True)
    image = ramp((2, 4))
    np.testing.assert_array_equal(change.apply_image(image)[0], image[0, :, [2, 1]].T)


def test_brightness_shifts_and_contrast_stretches_about_the_mean() -> None:
    image = np.full((3, 1, 2), 0.5, dtype=np.float32)
    image[:, 0] = [0.4, 0.6]
    window = (0, 0, 1, 2)
    brighter = Augmentation(window, brightness=0.1).apply_image(image)
    stronger = Augmentation(window, contrast=0.5).apply_image(image)
    flat = Augmentation(window, contrast=-1).apply_image(image)
    np.testing.assert_allclose(brighter[0, 0], [0.5, 0.7], rtol=1e-6)
    np.testing.assert_allclose(stronger[0, 0], [0.35, 0.65], rtol=1e-6)
    np.testing.assert_allclose(flat[0, 0], [0.5, 0.5], rtol=1e-6)


def test_intensity_does_not_touch_masks() -> None:
    mask = random_mask((6, 7), 0)
    change = Augmentation((0, 0, 6, 7), brightness=0.5, contrast=0.5)
    np.testing.assert_array_equal(change.apply_mask(mask), mask)


@pytest.mark.parametrize("window", [(0, 0, 0, 4), (0, 3, 4, 3), (-1, 0, 4, 4), (2, 0, 1, 4)])
def test_an_empty_or_negative_window_is_refused(window: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="a window needs"):
        Augmentation(window)


def test_more_than_three_quarter_turns_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 3, got 4"):
        Augmentation((0, 0, 1, 1), quarter_turns=4)


def test_pixels_smaller_than_the_window_are_refused_instead_of_cut() -> None:
    with pytest.raises(ValueError, match=r"exceeds pixels of size \(4, 5\)"):
        Augmentation((0, 0, 5, 5)).apply_mask(np.zeros((4, 5), dtype=bool))
