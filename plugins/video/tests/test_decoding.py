from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from samdomains_video.decoding import VideoFile, display

from samdomains.plugin import DataError

from .conftest import SIZE, Make, number_of, picture, with_display_matrix


def converted(film: Path, name: str, codec: str) -> Path:
    """The film in another container with another codec."""
    path = film.with_name(name)
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def test_frames_are_counted_without_decoding_and_read_in_their_order(film: Make) -> None:
    clip = VideoFile.of(film(count=7))
    assert clip.count == 7
    frames = list(clip.frames())
    assert [number_of(frame.pixels) for frame in frames] == list(range(7))
    assert [frame.time for frame in frames] == [Fraction(i, 25) for i in range(7)]
    assert (frames[0].pixels.shape, frames[0].pixels.dtype) == ((3, *SIZE), np.uint8)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", "mpeg4"),
        ("a.avi", "mpeg4"),
        ("a.mov", "mpeg4"),
        ("a.webm", "libvpx"),
    ],
)
def test_the_usual_containers_are_read(film: Make, name: str, codec: str) -> None:
    clip = VideoFile.of(converted(film(), name, codec))
    assert [number_of(frame.pixels) for frame in clip.frames()] == [0, 1, 2, 3, 4]


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    first, *others = (PillowImage.fromarray(picture(i)) for i in range(4))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=100)
    frames = list(VideoFile.of(tmp_path / "a.gif").frames())
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == [Fraction(i, 10) for i in range(4)]


def test_a_variable_rate_keeps_the_times(film: Make) -> None:
    times = [Fraction(value, 100) for value in (0, 3, 20, 21, 50)]
    assert [frame.time for frame in VideoFile.of(film(times=times)).frames()] == times


@pytest.mark.parametrize(
    ("matrix", "size", "corner"),
    [
        ((1, 0, 0, 1), SIZE, (0, 0)),
        ((0, 1, -1, 0), SIZE[::-1], (0, -1)),  # a quarter turn to the right: a phone held upright
        ((-1, 0, 0, -1), SIZE, (-1, -1)),
        ((0, -1, 1, 0), SIZE[::-1], (-1, 0)),
        ((-1, 0, 0, 1), SIZE, (0, -1)),  # mirrored, as some front cameras do
    ],
)
def test_a_turned_video_is_shown_upright(
    film: Make, matrix: tuple[int, int, int, int], size: tuple[int, int], corner: tuple[int, int]
) -> None:
    """The white patch of the upper left goes to the corner that a player shows it in."""
    frame = next(VideoFile.of(with_display_matrix(film(), matrix)).frames())
    assert frame.pixels.shape == (3, *size)
    assert frame.pixels[0][corner] > 240
    others = {(0, 0), (0, -1), (-1, 0), (-1, -1)} - {corner}
    assert all(frame.pixels[0][other] < 60 for other in others)


@given(
    st.sampled_from([(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (1, 0, 0, -1)]),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_each_pixel_goes_where_the_matrix_says(
    matrix: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    a, b, c, d = matrix
    pixels = np.arange(size[0] * size[1]).reshape(1, *size)
    shown = display(pixels, matrix)
    y, x = np.indices(size)
    across, down = a * x + c * y, b * x + d * y
    across, down = across - across.min(), down - down.min()
    np.testing.assert_array_equal(shown[0, down, across], pixels[0])


class TestBadFiles:
    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").touch()
        with pytest.raises(DataError, match=r"a\.mp4: the file is empty"):
            VideoFile.of(tmp_path / "a.mp4")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="there is no such file"):
            VideoFile.of(tmp_path / "a.mp4")

    def test_no_video_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"no video" * 99)
        with pytest.raises(DataError, match="no video, or is damaged or cut short"):
            VideoFile.of(tmp_path / "a.mp4")

    def test_a_file_that_was_cut(self, film: Make) -> None:
        path = film(count=9)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataError, match="damaged or cut short"):
            VideoFile.of(path)

    def test_a_playlist_loads_no_other_file(self, film: Make) -> None:
        other = film("other.mp4")
        path = other.with_name("a.mp4")
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n")
        with pytest.raises(DataError, match="no video"):
            VideoFile.of(path)

    def test_sound_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        with av.open(str(path), "w") as target:
            stream = target.add_stream("aac", rate=44100)
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
            )
            silence.rate = 44100
            target.mux(stream.encode(silence))
            target.mux(stream.encode(None))
        with pytest.raises(DataError, match="there is no video in it, only audio"):
            VideoFile.of(path)

    def test_a_video_that_has_changed_since_it_was_listed(self, film: Make) -> None:
        with pytest.raises(DataError, match="7 frames were listed, and 5 can be decoded"):
            list(VideoFile(film(), 7).frames())

    def test_a_frame_without_end(self, film: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("samdomains_video.decoding.MOST_PIXELS", 99)
        with pytest.raises(DataError, match="a frame has 64 x 48 pixels"):
            VideoFile.of(film())


def test_a_cut_stream_is_noted(film: Make) -> None:
    """Matroska can be read to where it breaks off; its header knows how long it was."""
    times = [Fraction(i, 2) for i in range(10)]
    path = converted(film(count=10, times=times), "a.mkv", "mpeg4")
    assert VideoFile.of(path).note == ""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = VideoFile.of(path)
    assert len(list(clip.frames())) == clip.count < 10
    assert "seconds; the file may be cut short" in clip.note


def test_pictures_of_the_tests_are_apart() -> None:
    assert [number_of(picture(i).transpose(2, 0, 1)) for i in range(10)] == list(range(10))
