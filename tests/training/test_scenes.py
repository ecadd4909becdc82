from __future__ import annotations

import numpy as np
import pytest

from samdomains.training import scenes as scenes_module
from samdomains.training.scenes import MIN_OBJECT_PIXELS, Scene, enlarged_scene, generate_scene


def scenes(count: int, size: int) -> list[Scene]:
    return [generate_scene(np.random.default_rng(seed), size) for seed in range(count)]


@pytest.mark.parametrize("size", [128, 256])
def test_image_is_rgb_float32_between_0_and_1(size: int) -> None:
    for scene in scenes(12, size):
        assert scene.image.shape == (3, size, size)
        assert scene.image.dtype == np.float32
        assert scene.image.flags.c_contiguous
        assert np.isfinite(scene.image).all()
        assert scene.image.min() >= 0
        assert scene.image.max() <= 1


@pytest.mark.parametrize("size", [32, 65, 128, 256])
def test_every_scene_has_visible_objects_of_at_least_the_smallest_size(size: int) -> None:
    for scene in scenes(25, size):
        assert scene.objects
        for mask in scene.objects:
            assert mask.shape == (size, size)
            assert mask.dtype == np.bool_
            assert np.count_nonzero(mask) >= MIN_OBJECT_PIXELS


@pytest.mark.parametrize("size", [32, 64, 256])
def test_an_enlarged_scene_is_a_scene(size: int) -> None:
    for seed in range(10):
        scene = enlarged_scene(np.random.default_rng(seed), size)
        assert scene.image.shape == (3, size, size)
        assert scene.image.dtype == np.float32
        assert 0 <= scene.image.min() <= scene.image.max() <= 1
        assert all(mask.shape == (size, size) and mask.any() for mask in scene.objects)


def test_an_enlarged_scene_has_no_fine_detail() -> None:
    sharp, soft = (
        np.mean([fine_detail(make(np.random.default_rng(seed), 256)) for seed in range(20)])
        for make in (generate_scene, enlarged_scene)
    )
    assert soft < 0.6 * sharp


def test_a_scene_that_is_too_small_is_refused() -> None:
    for make in (generate_scene, enlarged_scene):
        with pytest.raises(ValueError, match="at least 32 pixels, got 31"):
            make(np.random.default_rng(0), 31)


def fine_detail(scene: Scene) -> float:
    """Mean difference of neighbouring pixels."""
    return float(np.abs(np.diff(scene.image[0], axis=1)).mean())


def test_same_seed_gives_same_scene() -> None:
    for seed in range(15):
        first = generate_scene(np.random.default_rng(seed), 128)
        second = generate_scene(np.random.default_rng(seed), 128)
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.objects, second.objects)


def test_different_seeds_give_different_scenes() -> None:
    images = {scene.image.tobytes() for scene in scenes(20, 128)}
    assert len(images) == 20


def test_two_objects_are_apart_or_one_contains_the_other() -> None:
    nested = 0
    for scene in scenes(40, 128):
        flat = np.array(scene.objects[:40]).reshape(len(scene.objects[:40]), -1).astype(np.float32)
        shared, areas = flat @ flat.T, flat.sum(axis=1)
        smaller = np.minimum(areas[:, None], areas[None])
        assert ((shared == 0) | (shared == smaller)).all()
        nested += int(np.count_nonzero(np.triu(shared, 1)))
    assert nested > 0


def test_a_hollow_scene_lists_wholes_without_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes_module, "HOLLOW_SHARE", 1.0)
    for scene in scenes(20, 96):
        assert np.sum(scene.objects, axis=0).max() == 1


def test_fading_takes_contrast_from_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    contrasts = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(scenes_module, "FADING_SHARE", share)
        contrasts.append(np.mean([edge_contrast(scene) for scene in scenes(40, 96)]))
    assert contrasts[1] < 0.9 * contrasts[0]


def edge_contrast(scene: Scene) -> float:
    """Mean step in grey value across the borders of a scene's objects."""
    inside = np.any(scene.objects, axis=0)
    border = inside[:, 1:] != inside[:, :-1]
    return float(np.abs(np.diff(scene.image[0], axis=1))[border].mean()) if border.any() else 0.0


def test_scenes_vary_in_number_size_border_and_colour() -> None:
    sample = scenes(150, 128)
    counts = [len(scene.objects) for scene in sample]
    assert min(counts) == 1
    assert max(counts) > 60
    shares = [mask.mean() for scene in sample for mask in scene.objects]
    assert min(shares) < 0.002
    assert max(shares) > 0.3
    assert any(mask[0].any() for scene in sample for mask in scene.objects)
    grey = sum(bool((scene.image[0] == scene.image[1]).all()) for scene in sample)
    assert 0.3 < grey / len(sample) < 0.8


def test_most_objects_differ_from_their_surroundings() -> None:
    clear = []
    for scene in scenes(60, 128):
        background = ~np.any(scene.objects, axis=0)
        if np.count_nonzero(background) < 500:
            continue
        mask = scene.objects[0]
        inside, outside = scene.image[:, mask], scene.image[:, background]
        gap = np.abs(np.median(inside, axis=1) - np.median(outside, axis=1)).max()
        clear.append(gap > 0.5 * outside.std(axis=1).max())
    assert np.mean(clear) > 0.7


def test_tiny_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 pixels, got 16"):
        generate_scene(np.random.default_rng(0), 16)
