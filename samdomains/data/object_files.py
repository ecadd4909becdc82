"""Objects kept in a file between two calls, packed eight pixels to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from samdomains.files import atomic_path
from samdomains.types import ObjectMask


def save_objects(path: Path, objects: Sequence[ObjectMask]) -> None:
    """Write the objects of one image as an uncompressed ``.npz`` file.

    Raises:
        OSError: The file cannot be written.
    """
    crops = [item.crop.ravel() for item in objects]
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            pixels=np.packbits(np.concatenate([np.zeros(0, bool), *crops])),
            shape=np.array([item.crop.shape for item in objects], np.int64).reshape(-1, 2),
            origin=np.array([item.origin for item in objects], np.int64).reshape(-1, 2),
            image_size=np.array([item.image_size for item in objects], np.int64).reshape(-1, 2),
            class_id=np.array([item.class_id for item in objects], np.int64),
            score=np.array(
                [np.nan if item.score is None else item.score for item in objects], np.float64
            ),
        )


def load_objects(path: Path) -> tuple[ObjectMask, ...]:
    """Read them back, in their order.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such file.
    """
    with np.load(path, allow_pickle=False) as kept:
        shapes = kept["shape"]
        ends = np.cumsum([0, *shapes.prod(axis=1)])
        pixels = np.unpackbits(kept["pixels"], count=int(ends[-1])).astype(bool)
        return tuple(
            ObjectMask(
                pixels[ends[i] : ends[i + 1]].reshape(shape),
                (int(kept["origin"][i, 0]), int(kept["origin"][i, 1])),
                (int(kept["image_size"][i, 0]), int(kept["image_size"][i, 1])),
                class_id=int(kept["class_id"][i]),
                score=None if np.isnan(kept["score"][i]) else float(kept["score"][i]),
            )
            for i, shape in enumerate(shapes.tolist())
        )
