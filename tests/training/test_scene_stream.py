from __future__ import annotations

import numpy as np
import torch

from samdomains.training.scene_stream import Phase, SceneStream, geometry_scene


def test_a_scene_batch_depends_on_seed_and_step_alone() -> None:
    phase = Phase("small", 4, 64, 2, 3, 1e-3, 0.0)
    whole, later = list(SceneStream(phase, 5, 0)), list(SceneStream(phase, 5, 2))
    assert torch.equal(whole[3].images, later[1].images)
    assert not torch.equal(whole[0].images, whole[1].images)


def test_geometry_scenes_hold_ellipses_inside_the_picture() -> None:
    scene = geometry_scene(np.random.default_rng(0), 64)
    assert scene.objects
    assert all(mask.shape == (64, 64) and mask.sum() >= 12 for mask in scene.objects)


def test_each_process_has_scenes_of_its_own() -> None:
    phase = Phase("small", 1, 64, 2, 3, 1e-3, 0.0)
    (first,), (second,) = (list(SceneStream(phase, 5, 0, rank)) for rank in range(2))
    assert not torch.equal(first.images, second.images)


def test_large_objects_are_drawn_more_often_than_small_ones() -> None:
    phase = Phase("small", 30, 64, 4, 1, 1e-3, 0.0)
    drawn = [mask.sum() for batch in SceneStream(phase, 0, 0) for mask in batch.masks]
    assert np.median(drawn) > 64
