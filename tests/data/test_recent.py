from __future__ import annotations

import tempfile

import numpy as np
import pytest

from samdomains.data import recent
from samdomains.data.recent import Recent
from samdomains.data.spool import Spool
from samdomains.types import ObjectMask


def test_what_was_read_is_not_read_again() -> None:
    kept = Recent()
    first, second = (kept.get("a", lambda: np.zeros(4)) for _ in range(2))
    assert first is second


def test_objects_take_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "KEPT_BYTES", 16)
    kept = Recent()
    item = ObjectMask.from_mask(np.ones((3, 4), dtype=bool))
    kept.get("a", lambda: (item,))
    kept.get("b", lambda: {0: (item,)})
    assert list(kept.kept) == ["b"]


def test_what_was_used_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "KEPT_BYTES", 16)
    kept = Recent()
    for key in ("a", "b", "a", "c"):
        kept.get(key, lambda: np.zeros(1))
    assert list(kept.kept) == ["a", "c"]


def test_no_more_files_are_open_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST_SPOOLS", 2)
    kept = Recent()
    for key in "abc":
        kept.get(key, lambda: Spool([(0, "slice")]))
    assert list(kept.kept) == ["b", "c"]


def test_a_file_too_large_is_kept_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "SPOOLED_BYTES", 1)
    kept = Recent()
    for key in "ab":
        kept.get(key, lambda: Spool([(0, "slice")]))
    assert list(kept.kept) == ["b"]


def mapped(count: int) -> np.memmap[tuple[int], np.dtype[np.float64]]:
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float64, "w+", shape=(count,))


def test_an_array_on_disk_takes_room_there_and_not_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "KEPT_BYTES", 8)
    monkeypatch.setattr(recent, "SPOOLED_BYTES", 24)
    kept = Recent()
    for key in "ab":
        kept.get(key, lambda: mapped(1))
    kept.get("c", lambda: np.zeros(1))
    assert list(kept.kept) == ["a", "b", "c"]
    kept.get("d", lambda: mapped(2))
    assert list(kept.kept) == ["b", "c", "d"]


def test_an_array_on_disk_is_an_open_file_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "MOST_SPOOLS", 1)
    kept = Recent()
    kept.get("a", lambda: mapped(2))
    kept.get("b", lambda: Spool([(0, "slice")]))
    assert list(kept.kept) == ["b"]
