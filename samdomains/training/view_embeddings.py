"""Embeddings of the training views, computed once while the encoder is frozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.progress import progress_bar
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.frame import encode_image
from samdomains.training.dataset import ViewDataset


def embed_views(
    path: Path,
    sam: Sam,
    dataset: ViewDataset,
    views: Sequence[int],
    stopping: Callable[[], None],
) -> EmbeddingCache:
    """Embed views with the frozen encoder.

    Args:
        path: The file of the embeddings.
        sam: The model.
        dataset: Has the views.
        views: Which of them.
        stopping: Called after each view; may raise to stop here.
    """

    @torch.inference_mode()
    def embed(index: int) -> Tensor:
        return encode_image(sam.eval(), dataset.window_image(index))[0]

    with progress_bar("embedding", len(views)) as show:

        def advance(done: int) -> None:
            show(done)
            stopping()

        return EmbeddingCache.build(path, views, embed, advance)
