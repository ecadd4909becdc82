"""Profiles and pictures made on the fly."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[3].parent / "shared/data/ecommerce"


@pytest.fixture
def real_data() -> Path:
    """The real product photos, where this checkout has them."""
    if not SHARED.is_dir():
        pytest.skip("the shared data is not here")
    return SHARED


@pytest.fixture
def ink_profile() -> bytes:
    """An ICC profile of CMYK: paper is white, black is black, other inks darken by a fifth each."""
    return cmyk_profile()


def cmyk_profile() -> bytes:
    """Version 2, with one lookup table (``mft1``) from the 16 corners of CMYK to CIELAB."""
    table = struct.pack(">4sI4B", b"mft1", 0, 4, 3, 2, 0)
    table += struct.pack(">9i", *(65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table += bytes(range(256)) * 4
    for corner in range(16):
        inks = [corner >> shift & 1 for shift in (3, 2, 1, 0)]
        lightness = 0 if inks[3] else 1 - 0.2 * sum(inks[:3])
        table += bytes([round(255 * lightness), 128, 128])
    table += bytes(range(256)) * 3
    white = struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)
    text = b"test\0"
    name = struct.pack(">4sII", b"desc", 0, len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    rights = b"text" + bytes(4) + text
    contents = {b"desc": name, b"cprt": rights, b"wtpt": white, b"A2B0": table}
    entries, body = b"", b""
    start = 128 + 4 + 12 * len(contents)
    for tag, content in contents.items():
        entries += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    header = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab "
    )
    header += struct.pack(">6H4s4s", 2026, 1, 1, 0, 0, 0, b"acsp", b"APPL") + bytes(24)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(contents)) + entries + body


@pytest.fixture
def product() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A red disc on grey, (60, 80, 3), and its mask."""
    y, x = np.mgrid[:60, :80]
    mask = np.hypot(y - 30, x - 40) <= 18
    picture = np.where(mask[..., None], (200, 40, 30), (190, 190, 190)).astype(np.uint8)
    return picture, mask
