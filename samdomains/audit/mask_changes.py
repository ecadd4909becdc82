"""Which pixels of which mask file change when the objects of an image are mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.mask_files import change_mask
from samdomains.audit.mending import Mended
from samdomains.data.images import read_mask
from samdomains.errors import DataError
from samdomains.types import Mask


@dataclass(slots=True)
class _File:
    """A mask file and what changes in it.

    Attributes:
        path: The file.
        values: (H, W), as stored.
        removed: (H, W), what becomes background.
        filled: Stored value → (H, W), what gets it.
    """

    path: Path
    values: NDArray[np.int64]
    removed: Mask
    filled: dict[int, Mask] = field(default_factory=dict)


def change_masks(
    files: Sequence[Path], objects: Sequence[Mended], classes: Mapping[int, str]
) -> tuple[Path, ...]:
    """Change the mask files of one image: those with all its objects, of a class, or of one object.

    Args:
        files: Of the image.
        objects: All of the image.
        classes: Class id → name; a folder of that name holds the files of the class.

    Returns:
        The files that were changed.

    Raises:
        DataError: A file cannot be read or written back without loss, or nothing tells in which
            file an object is, or which value fills its holes. Files before it are changed.
    """
    opened = [_open(path) for path in files]
    for item in objects:
        if item.specks or item.holes:
            before = item.before.mask()
            after = np.zeros_like(before) if item.after is None else item.after.mask()
            name = classes.get(item.before.class_id, "")
            _note(_file_of(opened, before, after, name), before, after)
    changed = [file for file in opened if file.removed.any() or file.filled]
    for file in changed:
        change_mask(file.path, file.removed, file.filled)
    return tuple(file.path for file in changed)


def _open(path: Path) -> _File:
    values = read_mask(path)
    return _File(path, values, np.zeros(values.shape, dtype=bool))


def _file_of(files: Sequence[_File], before: Mask, after: Mask, name: str) -> _File:
    """The file that shows an object as it was."""
    possible = [
        file
        for file in files
        if file.values.shape == before.shape
        and file.values[before].all()
        and not file.values[after & ~before].any()
    ]
    own = [file for file in possible if file.path.parent.name == name] or possible
    if len(own) != 1:
        problem = f"{len(own)} of the image's {len(files)} mask files may show an object"
        raise DataError(files[0].path, problem, "Correct them by hand.")
    return own[0]


def _note(file: _File, before: Mask, after: Mask) -> None:
    file.removed |= before & ~after
    added = after & ~before
    if added.any():
        stored = np.unique(file.values[before & after])
        if len(stored) != 1:
            problem = (
                f"an object has {len(stored)} values, and nothing tells which one fills a hole"
            )
            raise DataError(file.path, problem, "Fill its holes by hand.")
        file.filled.setdefault(int(stored[0]), np.zeros_like(before))[added] = True
