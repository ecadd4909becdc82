from __future__ import annotations

import errno
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.frame import encode_image
from samdomains.types import Image


def picture(seed: int = 0, size: tuple[int, int] = (40, 50)) -> Image:
    return np.random.default_rng(seed).random((3, *size), dtype=np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def passes(miniature: Sam) -> list[None]:
    """Gets one entry for each pass of the encoder."""
    entries: list[None] = []
    miniature.image_encoder.register_forward_hook(lambda *_: entries.append(None))
    return entries


def files(cache: EmbeddingCache) -> list[Path]:
    return sorted(cache.root.glob("*/*"))


def test_an_image_is_encoded_once_by_any_process_and_exactly_as_without_a_cache(
    miniature: Sam, cache: EmbeddingCache, passes: list[None]
) -> None:
    with torch.no_grad():
        expected = encode_image(miniature, picture())
    plain = CachedEncoder(miniature)(picture())
    first = CachedEncoder(miniature, cache)(picture())
    passes.clear()
    again = CachedEncoder(miniature, EmbeddingCache(cache.root))(picture())
    assert passes == []
    for embedding in (plain, first, again):
        assert torch.equal(embedding, expected)
        assert embedding.dtype == torch.float32


def test_other_pixels_and_other_weights_have_other_embeddings(
    miniature: Sam, cache: EmbeddingCache
) -> None:
    other = deepcopy(miniature)
    with torch.no_grad():
        next(other.image_encoder.parameters()).view(-1)[0] += 1e-3
    changed = picture()
    changed[0, 0, 0] += 1e-3
    for sam, image in ((miniature, picture()), (other, picture()), (miniature, changed)):
        expected = CachedEncoder(sam)(image)
        assert torch.equal(CachedEncoder(sam, cache)(image), expected)
    assert len(files(cache)) == 3


def test_a_tuned_decoder_leaves_the_embeddings_valid(
    miniature: Sam, cache: EmbeddingCache, passes: list[None]
) -> None:
    CachedEncoder(miniature, cache)(picture())
    with torch.no_grad():
        for parameter in miniature.mask_decoder.parameters():
            parameter.mul_(0.5)
    CachedEncoder(miniature, cache)(picture())
    assert len(passes) == 1


def test_rounded_embeddings_are_the_same_computed_and_read(
    miniature: Sam, cache: EmbeddingCache
) -> None:
    encoder = CachedEncoder(miniature, cache)
    exact = CachedEncoder(miniature)(picture())
    key, computed = encoder.keyed(picture(), half=True)
    read = encoder.read(key, half=True)
    assert read is not None
    assert torch.equal(computed, exact.half().float())
    assert torch.equal(read, computed)
    assert encoder.read(key, half=False) is None  # too coarse to be taken for exact
    assert torch.equal(encoder(picture()), exact)


def test_a_damaged_entry_is_computed_anew(
    miniature: Sam, cache: EmbeddingCache, passes: list[None]
) -> None:
    encoder = CachedEncoder(miniature, cache)
    expected = encoder(picture())
    (path,) = files(cache)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for _ in range(2):
        assert torch.equal(encoder(picture()), expected)
    assert len(passes) == 2


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "cache")


def test_a_full_disk_is_told_once_and_embeddings_are_only_computed(
    miniature: Sam, cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddingCache, "write", full_disk)
    told: list[str] = []
    encoder = CachedEncoder(miniature, cache, full=told.append)
    for seed in range(2):
        assert torch.equal(encoder(picture(seed)), CachedEncoder(miniature)(picture(seed)))
    (line,) = told
    assert "the disk is full" in line
    with pytest.raises(OSError, match="No space"):
        CachedEncoder(miniature, cache)(picture())


def test_other_failures_of_the_disk_are_errors(
    miniature: Sam, cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Tensor:
        raise PermissionError(errno.EACCES, "Permission denied", "cache")

    monkeypatch.setattr(EmbeddingCache, "write", fail)
    with pytest.raises(PermissionError):
        CachedEncoder(miniature, cache, full=print)(picture())
