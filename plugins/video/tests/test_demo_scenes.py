from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from samdomains_video.demo_scenes import Motion, make_clip


def areas(labels: NDArray[np.uint8], value: int) -> list[int]:
    """Visible pixels of an object in each frame."""
    return [int(np.count_nonzero(frame == value)) for frame in labels]


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_objects_keep_their_size_and_move(seed: int, objects: int) -> None:
    motion = Motion(size=(96, 128), frames=4, objects=objects)
    clip = make_clip(np.random.default_rng(seed), motion)
    assert clip.frames.shape == (4, 96, 128, 3)
    assert np.unique(clip.labels).tolist() == list(range(objects + 1))
    for value in range(1, objects + 1):
        visible = areas(clip.labels, value)
        assert min(visible) > 0.8 * max(visible) > 30
        columns = [np.nonzero(frame == value)[1].mean() for frame in clip.labels]
        assert abs(columns[-1] - columns[0]) > 0.3 * 128


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_each_object_is_hidden_and_comes_back(seed: int) -> None:
    motion = Motion(frames=12, occlusion=True)
    labels = make_clip(np.random.default_rng(seed), motion).labels
    for value in (1, 2):
        visible = areas(labels, value)
        assert 0 in visible
        assert min(visible[0], visible[-1]) > 100
    assert len(set(areas(labels, 3))) == 1  # the occluder stands still


def test_every_other_object_grows_and_the_others_shrink() -> None:
    labels = make_clip(np.random.default_rng(0), Motion(growth=2.0)).labels
    first, second = areas(labels, 1), areas(labels, 2)
    assert first[-1] / first[0] == pytest.approx(4, rel=0.25)
    assert second[0] / second[-1] == pytest.approx(4, rel=0.25)


def test_the_seed_is_all_of_its_chance() -> None:
    first, again, other = (make_clip(np.random.default_rng(s), Motion(frames=2)) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.frames, again.frames)
    assert (first.frames != other.frames).any()


def test_a_texture_moves_with_its_object() -> None:
    """The same patch around the middle, wherever that is; noise and blur are small beside it."""
    clip = make_clip(np.random.default_rng(3), Motion(frames=2, objects=1))
    for frame, label in zip(clip.frames, clip.labels, strict=True):
        inside = frame[label == 1].astype(float)
        assert inside.std(axis=0).max() > 8
        assert np.ptp(inside.mean(axis=0)) > 60  # a strong colour, other than the ground's
