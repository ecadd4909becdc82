"""Video files as clips, through FFmpeg's decoders in PyAV: upright, each frame with its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from samdomains.plugin import MOST_PIXELS, DataError, RawImage
from samdomains_video.clips import FRAME_RATE, Frame, require_count

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.sidedata.sidedata import SideData
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = (
    ".3gp",
    ".avi",
    ".gif",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".mts",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
)
"""Suffixes of the video files that are read, in lower case."""

MISSING_SECONDS, MISSING_SHARE = Fraction(1, 2), Fraction(1, 20)
"""Frames that end this much earlier than the file's header says are noted: sound often runs on a
little, and Matroska, AVI and MPEG streams that were cut are read without an error."""

_COPY_AGAIN = "Copy or export it again."


@dataclass(frozen=True)
class VideoFile:
    """A video file.

    Attributes:
        path: The file.
        count: Number of frames.
        note: What is strange about it, a sentence; empty where nothing is.
    """

    path: Path
    count: int
    note: str = ""

    @classmethod
    def of(cls, path: Path) -> VideoFile:
        """Count the frames by their packets, without decoding them.

        Raises:
            DataError: The file is empty, damaged, no video or without a frame.
        """
        with _opened(path) as (container, stream):
            times = list(_shown(container, stream))
            announced = Fraction(container.duration or 0, 1_000_000)
        if not times:
            raise DataError(path, "the video has no frame", _COPY_AGAIN)
        length = max(times) - min(times)
        missing = announced - length
        if missing <= max(MISSING_SECONDS, MISSING_SHARE * announced):
            return cls(path, len(times))
        note = f"frames end after {float(length):.1f} of {float(announced):.1f} seconds"
        return cls(path, len(times), f"{note}; the file may be cut short")

    def frames(self) -> Iterator[Frame]:
        """Decode the frames as 8-bit RGB, turned upright as the file's display matrix says.

        Raises:
            DataError: The file is damaged, changes its size, or has not ``count`` frames.
        """
        number, size, start = 0, None, None
        with _opened(self.path) as (container, stream):
            for decoded in container.decode(stream):
                shape = decoded.height, decoded.width
                if size is not None and shape != size:
                    problem = f"frame {number} is of size {shape}, those before it of {size}"
                    raise DataError(self.path, problem, "Encode it anew with one size.")
                time = _time(decoded, number)
                start = time if start is None else start
                size, number = shape, number + 1
                yield Frame(time - start, _upright(decoded))
        require_count(self, number)


def display(pixels: RawImage, matrix: tuple[int, int, int, int]) -> RawImage:
    """Turn and mirror stored pixels as a display matrix says.

    Args:
        pixels: (C, H, W), as stored.
        matrix: a, b, c and d of ISO/IEC 14496-12, section 6.2.2: a stored pixel at (x, y) is shown
            at (a x + c y, b x + d y), moved back into the picture. Only quarter turns and
            mirrors are known; others are taken as the nearest.

    Example:
        >>> display(np.array([[[1, 2, 3]]]), (0, 1, -1, 0)).tolist()  # a phone held upright
        [[[1], [2], [3]]]
    """
    a, b, c, d = matrix
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if turned else (a, d)
    shown = pixels.swapaxes(1, 2) if turned else pixels
    shown = shown[:, :, ::-1] if across < 0 else shown
    shown = shown[:, ::-1] if down < 0 else shown
    return np.ascontiguousarray(shown)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and give its first stream of pictures; what FFmpeg raises becomes one line."""
    import av

    if path.is_file() and path.stat().st_size == 0:
        raise DataError(path, "the file is empty (0 bytes)", _COPY_AGAIN)
    try:
        # Nothing but this file is opened, whatever a playlist that bears its name would load.
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            stream = _pictures(path, container)
            stream.thread_type = "AUTO"
            yield container, stream
    except FileNotFoundError:
        raise DataError(path, "there is no such file", "Check its name and folder.") from None
    except (av.error.FFmpegError, OSError) as error:
        problem = f"the file is no video, or is damaged or cut short ({error.strerror})"
        raise DataError(path, problem, _COPY_AGAIN) from error


def _pictures(path: Path, container: InputContainer) -> VideoStream:
    """The first stream of pictures that is no cover of an album."""
    import av

    cover = av.stream.Disposition.attached_pic
    found = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not found:
        kinds = sorted({str(stream.type) for stream in container.streams})
        problem = f"there is no video in it, only {', '.join(kinds) or 'nothing'}"
        raise DataError(path, problem, "Name a file that holds a video.")
    context = found[0].codec_context
    if context.width * context.height > MOST_PIXELS:
        problem = f"a frame has {context.width} x {context.height} pixels"
        raise DataError(path, problem, f"The most is {MOST_PIXELS}; scale it down.")
    return found[0]


def _shown(container: InputContainer, stream: VideoStream) -> Iterator[Fraction]:
    """The time of each frame in seconds, those without one at the start, in the file's order."""
    if stream.codec_context.name == "vp8":
        # Some packets of VP8 only prepare later frames, and show nothing (RFC 6386, section 9.1).
        for number, decoded in enumerate(container.decode(stream)):
            yield _time(decoded, number)
        return
    for packet in container.demux(stream):
        # Packets to be discarded lie outside of what an edit of the video kept, and empty ones
        # repeat a frame.
        if packet.size > 0 and not packet.is_discard:
            yield (packet.pts or 0) * (packet.time_base or Fraction(0))


def _time(decoded: av.VideoFrame, number: int) -> Fraction:
    """Seconds at which a frame is shown; streams without times have ``FRAME_RATE``."""
    if decoded.pts is None or decoded.time_base is None:
        return Fraction(number, FRAME_RATE)
    return decoded.pts * decoded.time_base


def _upright(decoded: av.VideoFrame) -> RawImage:
    """(3, H, W) of a decoded frame, 8 bits."""
    pixels = decoded.to_ndarray(format="rgb24").transpose(2, 0, 1)
    matrix = decoded.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return np.ascontiguousarray(pixels)
    a, b, _, c, d = np.frombuffer(bytes(cast("SideData", matrix)), dtype=np.int32)[:5].tolist()
    return display(pixels, (a, b, c, d))
