from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from samdomains.sam.embedding_cache import EmbeddingCache


def embed(index: int) -> Tensor:
    generator = torch.Generator().manual_seed(index)
    return torch.randn(4, 2, 3, generator=generator)


def test_embeddings_come_back_in_any_order_at_half_precision(tmp_path: Path) -> None:
    done: list[int] = []
    path = tmp_path / "state" / "embeddings.npy"
    keys = [2, 3, 5, 7, 11]
    cache = EmbeddingCache.build(path, keys, embed, done.append)
    assert len(np.load(path)) == 5
    assert done == [1, 2, 3, 4, 5]
    read = cache.read([7, 2, 7])
    assert (read.shape, read.dtype) == ((3, 4, 2, 3), torch.float32)
    expected = torch.stack([embed(7), embed(2), embed(7)])
    torch.testing.assert_close(read, expected, rtol=1e-3, atol=1e-3)
    assert torch.equal(EmbeddingCache(path, keys).read([7, 2, 7]), read)
    with pytest.raises(KeyError):
        cache.read([4])


def test_a_file_of_other_keys_is_refused(tmp_path: Path) -> None:
    EmbeddingCache.build(tmp_path / "embeddings.npy", range(3), embed)
    with pytest.raises(ValueError, match="holds 3 embeddings, not 2"):
        EmbeddingCache(tmp_path / "embeddings.npy", range(2))


def test_the_file_is_a_plain_array(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.npy"
    EmbeddingCache.build(path, range(2), embed)
    array = np.load(path)
    assert (array.shape, array.dtype) == ((2, 4, 2, 3), np.float16)


def test_what_stops_the_building_leaves_nothing(tmp_path: Path) -> None:
    def fail(index: int) -> Tensor:
        if index == 2:
            raise KeyboardInterrupt
        return embed(index)

    with pytest.raises(KeyboardInterrupt):
        EmbeddingCache.build(tmp_path / "embeddings.npy", range(3), fail)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"embeddings\.npy") as caught:
            EmbeddingCache.build(tmp_path / "embeddings.npy", range(100), embed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())
