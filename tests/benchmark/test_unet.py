from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from samdomains.benchmark import unet_training
from samdomains.benchmark.unet import UNetSegmenter, load_unet, train_unet
from samdomains.data.parts import normalized_image
from samdomains.errors import CheckpointError
from samdomains.protocols import Segmenter
from samdomains.recipe import Recipe
from samdomains.types import Prompts

from .conftest import square_case, to_unit_range

CPU = torch.device("cpu")


def train(steps: int) -> UNetSegmenter:
    cases = [square_case(number) for number in range(8)]
    return train_unet(
        cases[:6],
        cases[6:],
        normalizer=to_unit_range,
        recipe=Recipe(),
        seconds=0.0,
        seed=0,
        device=CPU,
        steps=steps,
    )


@pytest.fixture(scope="module")
def trained() -> UNetSegmenter:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unet_training, "LARGEST_BATCH", 4)
        return train(25)


def test_a_bright_square_is_learnt_in_a_few_steps(trained: UNetSegmenter) -> None:
    case = square_case(99)
    assert case.read_objects is not None
    (truth,) = case.read_objects()
    segmenter: Segmenter = trained
    image = segmenter.encode(normalized_image(case, to_unit_range))
    (answer,) = image.predict([Prompts(box=truth.box)], multimask=False)
    shared = (answer.mask() & truth.mask()).sum()
    assert 2 * shared / (answer.mask().sum() + truth.area) > 0.9
    assert trained.metadata.training.validation_dice is not None
    assert trained.metadata.training.validation_dice > 0.9


def test_a_saved_network_answers_as_before(trained: UNetSegmenter, tmp_path: Path) -> None:
    trained.save(tmp_path / "unet.safetensors")
    loaded = load_unet(tmp_path / "unet.safetensors", CPU)
    assert loaded.metadata == trained.metadata
    image = np.random.default_rng(0).random((3, 50, 70), dtype=np.float32)
    assert np.array_equal(loaded.encode(image).logits, trained.encode(image).logits)


def test_what_is_no_unet_of_ours_is_refused(tmp_path: Path, trained: UNetSegmenter) -> None:
    path = tmp_path / "unet.safetensors"
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_unet(path, CPU)
    path.write_bytes(b"pickle")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_unet(path, CPU)
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="not a U-Net trained by samdomains"):
        load_unet(path, CPU)
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, metadata={"samdomains-unet": "{}"})
    with pytest.raises(CheckpointError, match="metadata that this version"):
        load_unet(path, CPU)
    header = {"samdomains-unet": trained.metadata.model_dump_json()}
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, metadata=header)
    with pytest.raises(CheckpointError, match="does not hold the weights"):
        load_unet(path, CPU)


def test_training_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(1)
    assert torch.equal(torch.rand(3), expected)
