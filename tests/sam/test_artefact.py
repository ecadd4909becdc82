from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import CheckpointError
from samdomains.recipe import IntensityRecipe, Recipe, StrategyRecipe
from samdomains.sam.artefact import (
    HEADER_KEY,
    ArtefactMetadata,
    load_artefact,
    read_metadata,
    save_artefact,
)
from samdomains.sam.checkpoints import BaseModel
from samdomains.sam.models import ModelName
from samdomains.sam.strategies import apply_strategy, merge_adapters, trained_tensors
from samdomains.types import StrategyName

RECIPE = Recipe(
    strategy=StrategyRecipe(lora_rank=4, lora_alpha=8.0),
    intensity=IntensityRecipe(method="range", lower=0.0, upper=4095.0, channels=(2, 1, 0)),
)
BASE_HASH = "ab" * 32

Load = Callable[[ModelName, Path | None], BaseModel]


def metadata(strategy: StrategyName, base_name: ModelName = "tiny") -> ArtefactMetadata:
    return ArtefactMetadata(
        base_name=base_name,
        base_sha256=BASE_HASH,
        strategy=strategy,
        domain="microscopy",
        distribution="samdomains-microscopy",
        version="0.1.0",
        recipe=RECIPE,
    )


@pytest.fixture
def load(miniature: Sam) -> Load:
    """Gives the untuned miniature as the base of whatever name."""
    pristine = copy.deepcopy(miniature)

    def load_miniature(name: ModelName, checkpoint: Path | None) -> BaseModel:
        return BaseModel(copy.deepcopy(pristine), name, BASE_HASH, checkpoint or Path("base.pth"))

    return load_miniature


@pytest.fixture
def saved(miniature: Sam, load: Load, tmp_path: Path, tune: Callable[[Sam], None]) -> Path:
    """A decoder-tuned miniature in its file; asks for ``load`` so that the base stays untuned."""
    apply_strategy(miniature, RECIPE.strategy, "decoder")
    tune(miniature)
    save_artefact(tmp_path / "model.safetensors", miniature, metadata("decoder"))
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
def test_a_loaded_model_answers_as_the_saved_one(
    miniature: Sam,
    load: Load,
    answer: Callable[[Sam], Tensor],
    tune: Callable[[Sam], None],
    tmp_path: Path,
    strategy: StrategyName,
) -> None:
    untuned = answer(miniature)
    apply_strategy(miniature, RECIPE.strategy, strategy)
    tune(miniature)
    path = tmp_path / "model.safetensors"
    save_artefact(path, miniature, metadata(strategy))
    tuned = answer(miniature)
    loaded = load_artefact(path, load=load)
    torch.testing.assert_close(answer(loaded.sam), tuned, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(untuned, tuned, atol=1e-3)
    merge_adapters(miniature)
    expected = miniature.state_dict()
    assert all(torch.equal(t, expected[name]) for name, t in loaded.sam.state_dict().items())
    assert loaded.metadata == metadata(strategy)


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
def test_the_file_holds_exactly_the_trained_tensors(
    miniature: Sam, tmp_path: Path, strategy: StrategyName
) -> None:
    apply_strategy(miniature, RECIPE.strategy, strategy)
    save_artefact(tmp_path / "model.safetensors", miniature, metadata(strategy))
    stored = load_file(tmp_path / "model.safetensors")
    assert set(stored) == set(trained_tensors(miniature))
    if strategy == "lora":
        assert any(name.startswith("mask_decoder.") for name in stored)


def test_a_loaded_model_is_ready_to_predict(saved: Path, load: Load) -> None:
    sam = load_artefact(saved, load=load).sam
    assert not any(module.training for module in sam.modules())
    assert not any(parameter.requires_grad for parameter in sam.parameters())


def test_metadata_survives_the_file_recipe_included(saved: Path) -> None:
    assert read_metadata(saved) == metadata("decoder")
    assert read_metadata(saved).recipe.intensity.channels == (2, 1, 0)


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(miniature: Sam, saved: Path) -> None:
    save_artefact(saved, miniature, metadata("decoder"))
    assert list(saved.parent.iterdir()) == [saved]


def test_a_full_disk_keeps_the_earlier_file(miniature: Sam, saved: Path) -> None:
    resource = pytest.importorskip("resource")
    before, limits = saved.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"model\.safetensors"):
            save_artefact(saved, miniature, metadata("decoder"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(saved.parent.iterdir()) == [saved]
    assert saved.read_bytes() == before


def test_another_base_is_refused_and_both_hashes_are_named(saved: Path, load: Load) -> None:
    def load_other(name: ModelName, checkpoint: Path | None) -> BaseModel:
        return BaseModel(load(name, checkpoint).sam, name, "cd" * 32, Path("other.pth"))

    with pytest.raises(CheckpointError, match=f"tiny.*{BASE_HASH}.*other.pth has {'cd' * 32}"):
        load_artefact(saved, load=load_other)


def test_an_unofficial_base_is_asked_for_instead_of_downloading_the_official_one(
    miniature: Sam, saved: Path, load: Load
) -> None:
    save_artefact(saved, miniature, metadata("decoder", "vit_h"))

    def no_load(name: ModelName, checkpoint: Path | None) -> BaseModel:
        raise AssertionError("nothing may be fetched")

    with pytest.raises(CheckpointError, match=r"not from the official one.*--checkpoint FILE"):
        load_artefact(saved, load=no_load)
    own = saved.with_name("own.pth")
    assert load_artefact(saved, checkpoint=own, load=load).metadata.base_name == "vit_h"


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_tensors_other_than_the_strategys_are_refused(saved: Path, load: Load, change: str) -> None:
    tensors = load_file(saved)
    name = "mask_decoder.iou_token.weight"
    if change == "missing":
        del tensors[name]
    elif change == "unknown":
        tensors["image_encoder.pos_embed"] = torch.zeros(1)
    else:
        tensors[name] = torch.zeros(1, 5)
    save_file(tensors, saved, metadata={HEADER_KEY: metadata("decoder").model_dump_json()})
    message = {"missing": "1 missing", "unknown": "1 unknown", "shape": "1 of another shape"}
    with pytest.raises(CheckpointError, match=rf"model\.safetensors: .*{message[change]}"):
        load_artefact(saved, load=load)


def test_missing_empty_truncated_and_foreign_files_are_refused(saved: Path, load: Load) -> None:
    whole = saved.read_bytes()

    def fails_with(message: str) -> None:
        with pytest.raises(CheckpointError, match=rf"model\.safetensors: .*{message}"):
            load_artefact(saved, load=load)

    saved.write_bytes(whole[:-100])
    fails_with("truncated")
    saved.write_bytes(b"PK garbage" * 50)
    fails_with("not safetensors")
    save_file({"a": torch.zeros(1)}, saved)
    fails_with("not a model tuned by samdomains")
    saved.write_bytes(b"")
    fails_with("empty")
    saved.unlink()
    fails_with("no such file")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"schema_version":1', '"schema_version":2', "schema_version"),
        ('"seed":0', '"sead":0', "recipe.sead"),
        ('{"base_name"', '{"base', ""),
    ],
)
def test_metadata_of_another_version_is_refused(
    saved: Path, load: Load, old: str, new: str, where: str
) -> None:
    header = metadata("decoder").model_dump_json()
    assert old in header
    save_file(load_file(saved), saved, metadata={HEADER_KEY: header.replace(old, new)})
    with pytest.raises(CheckpointError, match=rf"does not understand \({where}"):
        load_artefact(saved, load=load)
