"""Embeddings of the training views while the encoder is frozen, computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.training.dataset import Sample, ViewDataset


class ViewEmbeddings:
    """Gives the embeddings of samples; each view is read and encoded once in each variant.

    Args:
        encoder: Of the frozen model, with a cache.
        dataset: Has the views.
        stopping: Called before a view is encoded; may raise to stop there.
        half: Round them to half precision.
    """

    def __init__(
        self,
        encoder: CachedEncoder,
        dataset: ViewDataset,
        stopping: Callable[[], None],
        *,
        half: bool,
    ) -> None:
        self._encoder, self._dataset, self._stopping, self._half = encoder, dataset, stopping, half
        self._keys: dict[tuple[int, int], str] = {}

    def __call__(self, samples: Sequence[Sample]) -> Tensor:
        """(B, C, h, w) embeddings of B samples, float32.

        Raises:
            OSError: An embedding cannot be kept, because the disk is full for example.
        """
        return torch.cat([self._of(sample.index, sample.variant) for sample in samples])

    def _of(self, index: int, variant: int) -> Tensor:
        key = self._keys.get((index, variant))
        embedding = None if key is None else self._encoder.read(key, half=self._half)
        if embedding is None:
            self._stopping()
            image = self._dataset.window_image(index, variant)
            self._keys[index, variant], embedding = self._encoder.keyed(image, half=self._half)
        return embedding
