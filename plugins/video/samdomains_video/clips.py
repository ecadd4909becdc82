"""What a clip is made of, a video file or a folder of frames, read one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from samdomains.plugin import (
    DataError,
    ObjectMask,
    RawImage,
    RawVolume,
    Size,
    image_size,
    read_pixels,
)

FRAME_RATE = 24
"""Frames a second of a folder of images, which says nothing of time: that of the sequences of
DAVIS (Pont-Tuset et al. 2017, arXiv:1704.00675)."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a clip.

    Attributes:
        time: In seconds from the start of the clip.
        pixels: (C, H, W), upright.
    """

    time: Fraction
    pixels: RawImage


@runtime_checkable
class Clip(Protocol):
    """Frames in their order, decoded when asked. Hashable, and pickles."""

    @property
    def path(self) -> Path:
        """The file, or the folder of frames; errors name it."""
        ...

    @property
    def count(self) -> int:
        """Number of frames."""
        ...

    @property
    def note(self) -> str:
        """What is strange about it, a sentence; empty where nothing is."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Decode the frames, one in memory at a time.

        Raises:
            DataError: The clip is damaged, or has changed since it was listed.
        """
        ...


class ObjectsByFrame(Protocol):
    """Reads what is annotated in a clip. Hashable, and pickles."""

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The cross-sections in all frames."""
        ...

    def by_frame(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """Those in each frame, with its number."""
        ...


@dataclass(frozen=True)
class FrameFolder:
    """Images in a folder as the frames of one clip, all of one size, channels and type.

    Attributes:
        path: The folder.
        files: The images in their order.
    """

    path: Path
    files: tuple[Path, ...]

    @classmethod
    def of(cls, path: Path, files: tuple[Path, ...]) -> FrameFolder:
        """From the headers of the images.

        Raises:
            DataError: Two images differ in size; names both.
        """
        sizes = [image_size(file) for file in files]
        other = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
        if other is not None:
            raise DataError(
                files[other],
                f"it is {_by(sizes[other])} pixels, and the first frame {files[0].name} is "
                f"{_by(sizes[0])}",
                "Frames of one video have one size: bring them to it, or put each video into a "
                "folder of its own.",
            )
        return cls(path, files)

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.files)

    @property
    def note(self) -> str:
        """Empty: what is strange about images is an error."""
        return ""

    def frames(self) -> Iterator[Frame]:
        """Read the images, ``FRAME_RATE`` to a second."""
        first: RawImage | None = None
        for number, file in enumerate(self.files):
            pixels = read_pixels(file)
            first = pixels if first is None else first
            if (pixels.shape, pixels.dtype) != (first.shape, first.dtype):
                raise DataError(
                    file,
                    f"its pixels are {pixels.dtype} of shape {pixels.shape}, those of the first "
                    f"frame {self.files[0].name} are {first.dtype} of shape {first.shape}",
                    "Save all frames with the same size, channels and depth.",
                )
            yield Frame(Fraction(number, FRAME_RATE), pixels)


@dataclass(frozen=True)
class ClipPixels:
    """Reads a whole clip."""

    clip: Clip

    def __call__(self) -> RawVolume:
        """(C, T, H, W)."""
        return np.stack([frame.pixels for frame in self.clip.frames()], axis=1)


@dataclass(frozen=True)
class ClipSlices:
    """Reads a clip frame by frame.

    Attributes:
        clip: Its frames.
        annotated: Reads its objects; None where it has none.
    """

    clip: Clip
    annotated: ObjectsByFrame | None

    def pixels(self) -> Iterator[tuple[int, RawImage]]:
        """(C, H, W) of each frame, with its number."""
        for number, frame in enumerate(self.clip.frames()):
            yield number, frame.pixels

    def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """The objects in each frame, with its number."""
        if self.annotated is not None:
            yield from self.annotated.by_frame()


def require_count(clip: Clip, got: int) -> None:
    """Refuse a clip of which another number of frames is read than was listed.

    Raises:
        DataError: The numbers differ.
    """
    if got != clip.count:
        raise DataError(
            clip.path,
            f"{clip.count} frames were listed, and {got} can be decoded",
            "The file is damaged, or has changed since. Copy it again, or encode it anew.",
        )


def _by(size: Size) -> str:
    return f"{size[1]} x {size[0]}"
