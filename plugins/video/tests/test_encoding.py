from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from samdomains_video.encoding import QUALITY, written_video

from .conftest import picture


def write(path: Path, size: tuple[int, int], times: list[Fraction]) -> list[av.VideoFrame]:
    with written_video(path, size) as put:
        for number, time in enumerate(times):
            put(time, picture(number, size))
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("codec", sorted(QUALITY))
@pytest.mark.parametrize("size", [(48, 64), (47, 64), (48, 63), (33, 35)])
def test_every_size_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(av, "codecs_available", {codec})
    frames = write(tmp_path / "a.mp4", size, [Fraction(i, 25) for i in range(3)])
    assert [(frame.height, frame.width) for frame in frames] == [size] * 3
    for number, frame in enumerate(frames):
        close = np.abs(frame.to_ndarray(format="rgb24").astype(int) - picture(number, size))
        assert close.mean() < 4


def test_the_rate_is_that_of_the_times(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", (48, 64), [Fraction(i, 50) for i in range(10)])
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == 50


def test_frames_at_the_same_time_follow_each_other(tmp_path: Path) -> None:
    frames = write(tmp_path / "a.mp4", (48, 64), [Fraction(0), Fraction(0), Fraction(1)])
    assert len(frames) == 3
    assert frames[2].time == pytest.approx(1)


def test_the_same_pictures_give_the_same_file(tmp_path: Path) -> None:
    times = [Fraction(i, 25) for i in range(4)]
    write(tmp_path / "a.mp4", (48, 64), times)
    write(tmp_path / "b.mp4", (48, 64), times)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
