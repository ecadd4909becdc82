"""What is too much for the memory, written to disk once and read back piece by piece."""

from __future__ import annotations

import os
import pickle
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Spool(Generic[T]):
    """Pieces in a file without a name, which is gone when the last process that has it ends.

    It lies in the folder of temporary files (``TMPDIR``). Reading moves no position in the file,
    so a forked worker reads beside its parent.

    Args:
        pieces: Each with its number, in any order; the numbers are 0, 1, ... without a gap. One at
            a time is in memory.

    Raises:
        ValueError: A number is missing or comes twice.
        OSError: The disk is full.

    Example:
        >>> spool = Spool([(1, "b"), (0, "a")])
        >>> spool[1], list(spool)
        ('b', ['a', 'b'])
    """

    def __init__(self, pieces: Iterable[tuple[int, T]]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the spool)
        weakref.finalize(self, self._file.close)
        places: dict[int, tuple[int, int]] = {}
        end = 0
        for number, piece in pieces:
            content = pickle.dumps(piece, pickle.HIGHEST_PROTOCOL)
            if number in places:
                raise ValueError(f"piece {number} came twice")
            self._file.write(content)
            places[number] = end, len(content)
            end += len(content)
        self._file.flush()
        if sorted(places) != list(range(len(places))):
            raise ValueError(f"the pieces {sorted(places)} are not numbered 0, 1, ...")
        self._places, self.nbytes = [places[number] for number in range(len(places))], end

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> T:
        place, length = self._places[number]
        piece: T = pickle.loads(os.pread(self._file.fileno(), length, place))
        return piece

    def __iter__(self) -> Iterator[T]:
        """Read all pieces, by their numbers."""
        return (self[number] for number in range(len(self)))
