from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
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


def test_a_temporary_cache_is_gone_with_its_folder_when_nobody_uses_it() -> None:
    cache = EmbeddingCache.temporary()
    cache.write(key(0), embedding(0))
    root = cache.root
    assert files(root)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    del cache
    assert not root.exists()


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


@pytest.mark.parametrize("entries", [0.5, 1, 3.5, 20])
def test_the_folder_stays_within_its_limit(tmp_path: Path, entries: float) -> None:
    limit = int(entries * BYTES)
    for process in range(2):  # another one knows what the first left
        cache = EmbeddingCache(tmp_path, limit)
        for number in range(25):
            cache.write(key(100 * process + number), embedding(number))
            assert sum(path.stat().st_size for path in files(tmp_path)) <= limit


WRITE_MANY = """
import sys, pathlib, torch
from samdomains.sam.embedding_cache import EmbeddingCache
cache = EmbeddingCache(pathlib.Path(sys.argv[1]), limit=10**7)
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 300):
    value = torch.full((4, 2, 3), number)
    cache.write(f"{number:08x}", value)
    assert torch.equal(cache.read(f"{number:08x}"), value.float())
"""

WRITE_LARGE = """
import sys, pathlib, torch
from samdomains.sam.embedding_cache import EmbeddingCache
cache, value = EmbeddingCache(pathlib.Path(sys.argv[1])), torch.ones(64, 512, 512)
while True:
    cache.write("00" * 32, value)
"""


def start(script: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, *words])


def test_processes_may_write_the_same_and_other_entries_at_once(tmp_path: Path) -> None:
    writers = [start(WRITE_MANY, str(tmp_path), str(first)) for first in (0, 150)]
    assert [writer.wait() for writer in writers] == [0, 0]
    cache = EmbeddingCache(tmp_path)
    for number in range(450):
        read = cache.read(f"{number:08x}")
        assert read is not None
        assert torch.equal(read, torch.full((4, 2, 3), float(number)))
    assert len(files(tmp_path)) == 450


def test_a_writer_that_is_killed_in_the_middle_leaves_whole_entries(tmp_path: Path) -> None:
    writer = start(WRITE_LARGE, str(tmp_path))
    while not (whole := list(tmp_path.glob("*/*.f32"))) or not list(tmp_path.glob("*/.tmp-*")):
        assert writer.poll() is None
    writer.kill()
    writer.wait()
    cache = EmbeddingCache(tmp_path)
    read = cache.read("00" * 32)
    assert read is not None
    assert torch.equal(read, torch.ones(64, 512, 512))
    fresh = whole[0].with_name(".tmp-of-a-living-process")
    for path in tmp_path.glob("*/.tmp-*"):
        os.utime(path, (time.time() - 2 * ABANDONED,) * 2)
    fresh.touch()
    cache.write(key(1), embedding(1))
    assert list(tmp_path.glob("*/.tmp-*")) == [fresh]


def test_a_full_disk_is_an_error_that_names_the_cache_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES - 1, limits[1]))
    try:
        with pytest.raises(OSError, match="cache") as caught:
            EmbeddingCache(tmp_path / "cache").write(key(0), embedding(0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert files(tmp_path) == []
