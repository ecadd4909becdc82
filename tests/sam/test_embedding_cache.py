from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import stat
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import Tensor

from samdomains.sam.embedding_cache import ABANDONED, HEADER, EmbeddingCache

BYTES = HEADER.size + 4 * 2 * 3 * 4
"""Of one entry in full precision."""


def key(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def embedding(number: int) -> Tensor:
    return torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(number))


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def numbers_in(root: Path, upto: int) -> set[int]:
    cache = EmbeddingCache(root)
    return {number for number in range(upto) if cache.read(key(number)) is not None}


def test_embeddings_come_back_exactly_and_in_half_precision_rounded(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.write(key(0), embedding(0))
    cache.write(key(1), embedding(1), half=True)
    rounded = [embedding(number).half().float() for number in range(2)]
    for read, expected in (
        (cache.read(key(0)), embedding(0)),
        (cache.read(key(0), half=True), rounded[0]),
        (cache.read(key(1), half=True), rounded[1]),
    ):
        assert read is not None
        assert read.dtype == torch.float32
        assert torch.equal(read, expected)
        read.add_(1)  # it is the caller's own
    assert cache.read(key(1)) is None
    assert cache.read(key(2)) is None
    assert [path.stat().st_size for path in files(tmp_path) if path.suffix == ".f32"] == [BYTES]


def test_a_folder_of_embeddings_is_open_to_the_user_alone(tmp_path: Path) -> None:
    root = tmp_path / "new"
    EmbeddingCache(root).write(key(0), embedding(0))
    assert [stat.S_IMODE(p.stat().st_mode) for p in (root, *root.iterdir())] == [0o700, 0o700]


@pytest.mark.parametrize("kept", [0, 10, HEADER.size, BYTES - 1])
def test_a_torn_entry_is_missing_and_removed(tmp_path: Path, kept: int) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.write(key(0), embedding(0))
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    assert cache.read(key(0)) is None
    assert files(tmp_path) == []


@pytest.mark.parametrize("place", range(0, BYTES, 7))
def test_any_changed_byte_is_found_out(tmp_path: Path, place: int) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.write(key(0), embedding(0))
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)
    assert cache.read(key(0)) is None


def test_the_least_recently_used_are_removed_first(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, limit=4 * BYTES)
    for number in range(4):
        cache.write(key(number), embedding(number))
        (path,) = (p for p in files(tmp_path) if p.stem == key(number))
        os.utime(path, ns=(number, number))
    assert cache.read(key(0)) is not None
    cache.write(key(4), embedding(4))
    assert numbers_in(tmp_path, 5) == {0, 3, 4}


@pytest.mark.parametrize("entries", [0.5, 1, 3.5, 40])
def test_the_folder_stays_within_its_limit(tmp_path: Path, entries: float) -> None:
    limit = int(entries * BYTES)
    for process in range(2):  # another one knows what the first left
        cache = EmbeddingCache(tmp_path, limit)
        for number in range(60):
            cache.write(key(100 * process + number), embedding(number))
            assert sum(path.stat().st_size for path in files(tmp_path)) <= limit


def write_many(root: Path, first: int, start: float) -> None:
    torch.set_num_threads(1)
    cache = EmbeddingCache(root, limit=10**6)
    time.sleep(max(0.0, start - time.time()))
    for number in range(first, first + 300):
        cache.write(key(number), embedding(number))
        read = cache.read(key(number))
        if read is None or not torch.equal(read, embedding(number)):
            raise AssertionError(number)


def write_large(root: Path) -> None:
    torch.set_num_threads(1)
    cache, large = EmbeddingCache(root), torch.ones(64, 128, 128)
    while True:
        cache.write(key(0), large)


def test_processes_may_write_the_same_and_other_entries_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    begin = time.time() + 0.1
    writers = [
        context.Process(target=write_many, args=(tmp_path, first, begin)) for first in (0, 0, 150)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert numbers_in(tmp_path, 450) == set(range(450))
    assert len(files(tmp_path)) == 450


def test_a_writer_that_is_killed_leaves_whole_entries(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for delay in (0.03, 0.035, 0.04, 0.05):
        writer = context.Process(target=write_large, args=(tmp_path,))
        writer.start()
        time.sleep(delay)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        read = EmbeddingCache(tmp_path).read(key(0))
        assert read is None or torch.equal(read, torch.ones(64, 128, 128))
    for path in tmp_path.glob("*/.tmp-*"):
        os.utime(path, (time.time() - 2 * ABANDONED,) * 2)
    (tmp_path / key(0)[:2]).mkdir(exist_ok=True)
    fresh = tmp_path / key(0)[:2] / ".tmp-of-a-living-process"
    fresh.touch()
    EmbeddingCache(tmp_path).write(key(1), embedding(1))
    assert list(tmp_path.glob("*/.tmp-*")) == [fresh]


def test_a_full_disk_is_an_error_that_names_the_cache_and_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES - 1, limits[1]))
    try:
        with pytest.raises(OSError, match="cache") as caught:
            EmbeddingCache(tmp_path / "cache").write(key(0), embedding(0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert files(tmp_path) == []
