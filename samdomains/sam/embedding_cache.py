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
    """

    def __init__(self, path: Path) -> None:
        self._embeddings: NDArray[np.float16] = np.load(path, mmap_mode="r")

    @classmethod
    def build(
        cls,
        path: Path,
        count: int,
        embed: Callable[[int], Tensor],
        progress: Callable[[int], None] | None = None,
    ) -> EmbeddingCache:
        """Compute ``count`` embeddings one at a time; the file appears when all are there.

        Args:
            path: The ``.npy`` file to write.
            count: Number of embeddings, at least one.
            embed: Gives embedding ``i``, (C, h, w).
            progress: Called with the number done.
        """
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            for index in range(count):
                embedding = embed(index).float().cpu().numpy().astype(np.float16)
                if index == 0:
                    header = np.lib.format.header_data_from_array_1_0(embedding)
                    header["shape"] = (count, *embedding.shape)
                    np.lib.format.write_array_header_1_0(file, header)
                # Written, not mapped: on a full disk a mapped page ends the process.
                file.write(embedding.tobytes())
                if progress:
                    progress(index + 1)
        return cls(path)

    def __len__(self) -> int:
        return len(self._embeddings)

    def read(self, indices: Sequence[int]) -> Tensor:
        """(B, C, h, w) float32 embeddings of the given views."""
        return torch.from_numpy(self._embeddings[list(indices)].astype(np.float32))
