"""Small data folders for the tests of reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image

SaveImage = Callable[[Path, ArrayLike], Path]


@pytest.fixture(scope="session")
def save_image() -> SaveImage:
    """Save an array, (H, W) or (H, W, C), in the format that the suffix names."""

    def save(path: Path, pixels: ArrayLike) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        array: Any = np.asarray(pixels)
        Image.fromarray(array).save(path)
        return path

    return save
