from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.recipe import AugmentationRecipe
from samdomains.sam.frame import encode_image
from samdomains.training.dataset import ViewDataset
from samdomains.training.task import Task, dataset_of
from samdomains.training.view_embeddings import ViewEmbeddings
from samdomains.types import Case

from .conftest import task


@pytest.fixture
def work(miniature: Sam, cases: list[Case], tmp_path: Path) -> Task:
    """Tuning of a decoder, with two pictures of each view."""
    plain = task(miniature, cases, tmp_path, "decoder")
    augmentation = AugmentationRecipe(crop=0.5, variants=2)
    return replace(plain, recipe=plain.recipe.model_copy(update={"augmentation": augmentation}))


def embeddings(work: Task, dataset: ViewDataset, *, half: bool) -> ViewEmbeddings:
    assert work.encoder is not None
    return ViewEmbeddings(work.encoder, dataset, lambda: None, half=half)


@pytest.mark.parametrize("half", [True, False])
@torch.no_grad()
def test_samples_get_the_embeddings_of_the_pictures_that_they_show(work: Task, half: bool) -> None:
    dataset = dataset_of(work)
    samples = [dataset[index, seed] for index in (2, 0) for seed in range(6)]
    assert {sample.variant for sample in samples} == {0, 1}
    pictures = [dataset.window_image(sample.index, sample.variant) for sample in samples]
    expected = torch.cat([encode_image(work.sam, picture) for picture in pictures])
    given = embeddings(work, dataset, half=half)
    for _ in ("computed", "read"):
        assert torch.equal(given(samples), expected.half().float() if half else expected)


def test_a_picture_is_read_and_encoded_once(work: Task) -> None:
    passes: list[None] = []
    work.sam.image_encoder.register_forward_hook(lambda *_: passes.append(None))
    readings = count()

    def read_pixels() -> object:
        next(readings)
        return work.train[0].read_pixels()

    first = replace(work.train[0], read_pixels=read_pixels)  # type: ignore[arg-type]
    dataset = dataset_of(replace(work, train=[first]))
    given = embeddings(work, dataset, half=True)
    for seed in range(12):
        given([dataset[0, seed]])
    assert (len(passes), next(readings)) == (2, 2)


def test_what_was_removed_from_the_cache_is_computed_again(work: Task) -> None:
    dataset = dataset_of(work)
    given, sample = embeddings(work, dataset, half=True), dataset[1, 0]
    before = given([sample])
    assert work.encoder is not None
    assert work.encoder.cache is not None
    for path in work.encoder.cache.root.glob("*/*"):
        path.unlink()
    assert torch.equal(given([sample]), before)


def test_it_may_be_stopped_before_each_encoding(work: Task) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    dataset = dataset_of(work)
    assert work.encoder is not None
    with pytest.raises(KeyboardInterrupt):
        ViewEmbeddings(work.encoder, dataset, stop, half=True)([dataset[0, 0]])
