from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from samdomains.data.spool import Spool


class Piece:
    def __init__(self, number: int) -> None:
        self.number = number


def test_pieces_come_back_by_their_numbers() -> None:
    pieces = {number: np.full((2, 3), number) for number in (2, 0, 1)}
    spool = Spool(pieces.items())
    assert len(spool) == 3
    for number, piece in enumerate(spool):
        np.testing.assert_array_equal(piece, pieces[number])
    np.testing.assert_array_equal(spool[1], pieces[1])


@pytest.mark.parametrize("numbers", [(0, 0), (0, 2), (1,)])
def test_numbers_with_gaps_or_twice_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"twice|not numbered"):
        Spool((number, "piece") for number in numbers)


def test_no_piece_stays_in_memory() -> None:
    alive: list[weakref.ref[Piece]] = []

    def pieces() -> Iterator[tuple[int, Piece]]:
        for number in range(5):
            assert sum(ref() is not None for ref in alive) <= 1
            piece = Piece(number)
            alive.append(weakref.ref(piece))
            yield number, piece

    spool = Spool(pieces())
    assert [piece.number for piece in spool] == [0, 1, 2, 3, 4]
    assert not any(ref() for ref in alive)


def test_the_file_is_closed_with_the_spool() -> None:
    spool = Spool([(0, "piece")])
    handle = spool._file.fileno()
    del spool
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
