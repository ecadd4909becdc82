"""Writing a video frame by frame, each at its own time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from samdomains.plugin import Size
from samdomains_video.clips import FRAME_RATE
from samdomains_video.drawing import Picture

if TYPE_CHECKING:
    from av.video.stream import VideoStream

TICK = Fraction(1, 60000)
"""Unit of the times in a written video, in seconds: 24, 25, 30, 50, 60 and 30000/1001 frames a
second are whole numbers of it, and MPEG-4 Part 2 has 16 bits for its inverse."""

QUALITY = {"libx264": {"crf": "18", "preset": "fast"}, "mpeg4": {"qscale": "3"}}
"""Options of each encoder for pictures without visible loss; H.264 is the first choice."""

Put = Callable[[Fraction, Picture], None]
"""Takes a frame's time in seconds and its picture."""


@contextmanager
def written_video(path: Path, size: Size) -> Iterator[Put]:
    """Encode pictures as MP4: H.264 where PyAV has its encoder, else MPEG-4 Part 2.

    Colours have half the resolution, as every player expects; in H.264 an odd side forbids that,
    and they keep all of it (4:4:4), which some players lack.

    Args:
        path: With the suffix ``.mp4``.
        size: (H, W) of all pictures.

    Example:
        >>> import tempfile, numpy as np
        >>> path = Path(tempfile.mkdtemp()) / "grey.mp4"
        >>> with written_video(path, (48, 64)) as put:
        ...     put(Fraction(0), np.full((48, 64, 3), 128, dtype=np.uint8))
        >>> path.stat().st_size > 0
        True
    """
    import av

    codec = next(name for name in QUALITY if name in av.codecs_available)
    whole = codec == "libx264" and (size[0] % 2 or size[1] % 2)
    with av.open(str(path), "w") as container:
        added = container.add_stream(codec, rate=FRAME_RATE, options=dict(QUALITY[codec]))
        stream = cast("VideoStream", added)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv444p" if whole else "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        # The same pictures give the same file, whatever the number of cores.
        stream.codec_context.thread_count = 1
        pace = _Pace()

        def mux(frame: av.VideoFrame | None) -> None:
            for packet in stream.encode(frame):
                packet.duration = pace.duration
                container.mux(packet)

        def put(time: Fraction, picture: Picture) -> None:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = pace.next(time), TICK
            mux(frame)

        yield put
        mux(None)


@dataclass(slots=True)
class _Pace:
    """The times of the frames so far.

    Attributes:
        last: That of the last one, in ticks.
        duration: How long the last one is shown, in ticks: as long as the one before it, since no
            file says, so that the rate of the whole is right.
    """

    last: int = -1
    duration: int = round(1 / FRAME_RATE / TICK)

    def next(self, time: Fraction) -> int:
        """The time of the next frame in ticks.

        Two frames cannot be shown at once, as in streams that were cut together.
        """
        ticks = max(self.last + 1, round(time / TICK))
        if self.last >= 0:
            self.duration = ticks - self.last
        self.last = ticks
        return ticks
