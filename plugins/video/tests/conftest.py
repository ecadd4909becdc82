"""Tiny clips: frames in which every picture tells its number, and the files that hold them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from samdomains_video.encoding import written_video

from samdomains.chain import select_domain
from samdomains.plugin import Recipe

SIZE = (48, 64)
"""(H, W) of the frames."""

Make = Callable[..., Path]


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Grey that rises with the number, and a white corner at the upper left."""
    pixels = np.full((*size, 3), 20 + 20 * number, dtype=np.uint8)
    pixels[:12, :20] = 255
    return pixels


def number_of(pixels: NDArray[np.generic]) -> int:
    """The number that a frame, (C, H, W), tells in its middle."""
    _, height, width = pixels.shape
    return round((float(np.mean(pixels[:, height // 2, width // 2])) - 20) / 20)


def labels(
    *boxes: tuple[int, int, int, int, int], size: tuple[int, int] = SIZE
) -> NDArray[np.uint8]:
    """A label image: boxes (value, y0, x0, y1, x1)."""
    values = np.zeros(size, dtype=np.uint8)
    for value, y0, x0, y1, x1 in boxes:
        values[y0:y1, x0:x1] = value
    return values


@pytest.fixture
def recipe() -> Recipe:
    return select_domain("video").resolve_recipe().recipe


@pytest.fixture
def film(tmp_path: Path) -> Make:
    """Writes a video file of some frames, at given times in seconds."""

    def write(
        name: str = "film.mp4",
        count: int = 5,
        size: tuple[int, int] = SIZE,
        times: Sequence[Fraction] | None = None,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_video(path, size) as put:
            for number in range(count):
                time = Fraction(number, 25) if times is None else times[number]
                put(time, picture(number, size))
        return path

    return write


@pytest.fixture
def images(tmp_path: Path) -> Make:
    """Writes pictures as image files of a folder, by their names."""

    def write(folder: str, pictures: dict[str, NDArray[np.generic]]) -> Path:
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, pixels in pictures.items():
            PillowImage.fromarray(pixels).save(place / name)
        return place

    return write


def with_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a, b, c and d into the track header of an MP4 file (ISO/IEC 14496-12, 8.3.2)."""
    content = path.read_bytes()
    start = content.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 8
    a, b, c, d = (value << 16 for value in matrix)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:start] + turned + content[start + len(turned) :])
    return path
