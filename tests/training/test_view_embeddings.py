from __future__ import annotations

from pathlib import Path

import torch
from segment_anything.modeling import Sam

from samdomains.sam.frame import encode_image
from samdomains.training.task import dataset_of
from samdomains.training.view_embeddings import embed_views
from samdomains.types import Case

from .conftest import task


def test_each_view_gets_the_embedding_of_its_window(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    dataset = dataset_of(task(miniature, cases, tmp_path, "decoder"))
    calls: list[None] = []
    cache = embed_views(tmp_path / "e.npy", miniature, dataset, [0, 2], lambda: calls.append(None))
    with torch.inference_mode():
        expected = encode_image(miniature.eval(), dataset.window_image(2))
    torch.testing.assert_close(cache.read([2]), expected, rtol=1e-3, atol=1e-3)
    assert len(calls) == 2
