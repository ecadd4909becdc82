"""Embeddings of a frozen encoder, computed once and kept in a memory-mapped file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samdomains.files import atomic_path


class EmbeddingCache:
    """N embeddings in half precision, (N, C, h, w), read from disk as they are needed.

    Half precision keeps three decimal digits, against activations that LayerNorm holds near 1.

    Args:
        path: An ``.npy`` file made by ``build``.
        keys: What each embedding is of, N numbers, all different.

    Raises:
        ValueError: The file is no array of N embeddings.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, keys: Sequence[int]) -> None:
        self._embeddings: NDArray[np.float16] = np.load(path, mmap_mode="r")
        if len(self._embeddings) != len(keys):
            raise ValueError(f"{path} holds {len(self._embeddings)} embeddings, not {len(keys)}")
        self._rows = {key: row for row, key in enumerate(keys)}

    @classmethod
    def build(
        cls,
        path: Path,
        keys: Sequence[int],
        embed: Callable[[int], Tensor],
        progress: Callable[[int], None] | None = None,
    ) -> EmbeddingCache:
        """Compute the embeddings one at a time; the file appears when all are there.

        Args:
            path: The ``.npy`` file to write.
            keys: What to embed, at least one; all different.
            embed: Gives the embedding of a key, (C, h, w).
            progress: Called with the number done.
        """
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            for row, key in enumerate(keys):
                embedding = embed(key).float().cpu().numpy().astype(np.float16)
                if row == 0:
                    header = np.lib.format.header_data_from_array_1_0(embedding)
                    header["shape"] = (len(keys), *embedding.shape)
                    np.lib.format.write_array_header_1_0(file, header)
                # Written, not mapped: on a full disk a mapped page ends the process.
                file.write(embedding.tobytes())
                if progress:
                    progress(row + 1)
        return cls(path, keys)

    def read(self, keys: Sequence[int]) -> Tensor:
        """(B, C, h, w) float32 embeddings of the given keys.

        Raises:
            KeyError: One of them was not embedded.
        """
        rows = [self._rows[key] for key in keys]
        return torch.from_numpy(self._embeddings[rows].astype(np.float32))
