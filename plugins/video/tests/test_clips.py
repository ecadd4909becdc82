from __future__ import annotations

import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from samdomains_video.clips import (
    Clip,
    ClipPixels,
    ClipSlices,
    Frame,
    FrameFolder,
    require_count,
)

from samdomains.plugin import DataError

from .conftest import Make, number_of, picture


def folder_of(path: Path) -> FrameFolder:
    return FrameFolder.of(path, tuple(sorted(path.iterdir())))


def test_images_are_frames_at_the_rate_of_davis(images: Make) -> None:
    clip = folder_of(images("walk", {f"{i}.png": picture(i) for i in range(3)}))
    assert isinstance(clip, Clip)
    assert clip.count == 3
    assert [number_of(frame.pixels) for frame in clip.frames()] == [0, 1, 2]
    assert [frame.time for frame in clip.frames()] == [0, Fraction(1, 24), Fraction(1, 12)]


def test_a_clip_travels_to_workers_and_is_a_key(images: Make) -> None:
    clip = folder_of(images("walk", {"0.png": picture(0)}))
    slices = ClipSlices(clip, None)
    assert pickle.loads(pickle.dumps(slices)) == slices
    assert len({ClipPixels(clip), ClipPixels(folder_of(clip.path))}) == 1


def test_two_sizes_are_an_error_that_names_both_frames(images: Make) -> None:
    place = images("walk", {"0.png": picture(0), "1.png": picture(1, (30, 64))})
    with pytest.raises(DataError, match=r"1\.png: it is 64 x 30 pixels.*0\.png is 64 x 48"):
        folder_of(place)


def test_a_grey_frame_among_coloured_ones_is_an_error(images: Make) -> None:
    clip = folder_of(images("walk", {"0.png": picture(0), "1.png": picture(1)[..., 0]}))
    with pytest.raises(DataError, match=r"1\.png: its pixels are uint8 of shape \(1, 48, 64\)"):
        list(clip.frames())


def test_frames_of_16_bits_stay_as_they_are(images: Make) -> None:
    deep = np.full((20, 30), 4000, dtype=np.uint16)
    clip = folder_of(images("thermal", {"0.png": deep, "1.png": deep + 1}))
    stack = ClipPixels(clip)()
    assert (stack.shape, stack.dtype) == ((1, 2, 20, 30), np.uint16)
    assert stack[0, :, 0, 0].tolist() == [4000, 4001]


class Endless:
    """Counts the frames that are in use."""

    path, count, note = Path("endless"), 10**9, ""

    def frames(self) -> Iterator[Frame]:
        for number in range(self.count):
            yield Frame(Fraction(number), np.full((1, 2, 2), number))


def test_frames_are_read_one_at_a_time() -> None:
    pixels = ClipSlices(Endless(), None).pixels()
    assert [next(pixels)[0] for _ in range(3)] == [0, 1, 2]
    assert list(ClipSlices(Endless(), None).objects()) == []


def test_another_number_of_frames_than_listed_is_an_error(images: Make) -> None:
    clip = folder_of(images("walk", {"0.png": picture(0)}))
    require_count(clip, 1)
    with pytest.raises(DataError, match="1 frames were listed, and 0 can be decoded"):
        require_count(clip, 0)
