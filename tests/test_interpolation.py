"""Mixes of a miniature model; whole runs are mixed in `test_tuning.py`."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import CheckpointError, RecipeError, RunDirectoryError
from samdomains.interpolation import Mixes, keep_tuned, mix_weights, require_retention_to_weigh
from samdomains.recipe import EvaluationRecipe, ModelRecipe, Recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.artefact import ArtefactMetadata, save_artefact
from samdomains.sam.strategies import apply_strategy, merge_adapters, trained_tensors
from samdomains.training.task import Task
from samdomains.types import Case, StrategyName
from tests.training.conftest import make_case, task

STRATEGIES: tuple[StrategyName, ...] = ("decoder", "lora", "full")


def metadata(strategy: StrategyName, share: float = 1.0) -> ArtefactMetadata:
    return ArtefactMetadata(
        base_name="tiny",
        base_sha256="00",
        strategy=strategy,
        domain="images",
        distribution="samdomains",
        version="1",
        recipe=Recipe(),
        tuned_share=share,
    )


def answer(sam: Sam) -> Tensor:
    """What a model makes of noise and a point: (1, masks, h, w) and (1, masks), in one row."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        embedding = sam.image_encoder(torch.randn(1, 3, 64, 64, generator=generator))
        sparse, dense = sam.prompt_encoder(
            points=(torch.tensor([[[20.0, 30.0]]]), torch.ones(1, 1)), boxes=None, masks=None
        )
        low, iou = sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
    return torch.cat([low.flatten(), iou.flatten()])


def trained(sam: Sam, directory: Path, strategy: StrategyName) -> tuple[Task, Sam]:
    """A task whose training ended, with the base in place of its model; and the tuned model."""
    work = task(sam, [make_case(number) for number in range(6)], directory, strategy)
    tuned = deepcopy(sam)
    apply_strategy(tuned, work.recipe.strategy, strategy)
    with torch.no_grad():
        for tensor in trained_tensors(tuned).values():
            tensor.add_(0.05 * torch.randn_like(tensor))
    save_artefact(work.directory.tuned, tuned, metadata(strategy))
    return work, tuned.eval()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_ends_answer_exactly_as_the_original_and_as_the_tuned_model(
    miniature: Sam, tmp_path: Path, strategy: StrategyName
) -> None:
    original = answer(miniature.eval())
    work, tuned = trained(miniature, tmp_path, strategy)
    mixes = Mixes(work)
    for share, expected in ((0.0, original), (1.0, answer(tuned)), (0.0, original)):
        mixes.become(share)
        assert torch.equal(answer(mixes.sam), expected)
    assert not torch.equal(original, answer(tuned))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_between_them_every_weight_lies_on_the_line(
    miniature: Sam, tmp_path: Path, strategy: StrategyName
) -> None:
    """Of adapters the weights that are left when they are merged."""

    def merged(sam: Sam) -> dict[str, Tensor]:
        plain = deepcopy(sam)
        merge_adapters(plain)
        return dict(plain.state_dict())

    original = deepcopy(miniature.state_dict())
    work, tuned = trained(miniature, tmp_path, strategy)
    mixes, end = Mixes(work), merged(tuned)
    for share in (0.25, 0.6):
        mixes.become(share)
        for name, value in merged(mixes.sam).items():
            expected = original[name] + share * (end[name] - original[name])
            torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5)


def with_model(work: Task, model: ModelRecipe) -> Task:
    return replace(work, recipe=work.recipe.model_copy(update={"model": model}))


def test_a_number_is_saved_without_measuring_anything(miniature: Sam, tmp_path: Path) -> None:
    work, _ = trained(miniature, tmp_path, "decoder")
    saved: list[float] = []
    told: list[str] = []
    work = replace(with_model(work, ModelRecipe(interpolate=0.6)), tell=told.append)
    found = mix_weights(work, "images", lambda _, share: saved.append(share))
    assert (saved, found.share, found.curve) == ([0.6], 0.6, None)
    assert told == ["interpolate: 0.6 of the tuned weights, as model.interpolate says"]
    assert not work.directory.interpolation.exists()


def test_a_mix_needs_something_to_mix(miniature: Sam, tmp_path: Path) -> None:
    cases: list[Case] = [make_case(0)]
    work = task(miniature, cases, tmp_path, "decoder")
    with pytest.raises(ValueError, match="is not set"):
        mix_weights(work, "images", lambda *_: None)
    with pytest.raises(CheckpointError, match=r"tuned\.safetensors"):
        Mixes(work)


def test_a_damaged_curve_is_named(miniature: Sam, tmp_path: Path) -> None:
    work, _ = trained(miniature, tmp_path, "decoder")
    work.directory.interpolation.write_text('{"points": 3}')
    work = with_model(work, ModelRecipe(interpolate="auto"))
    with pytest.raises(RunDirectoryError, match=r"interpolation\.json.*Remove it"):
        mix_weights(work, "images", lambda *_: None)


def test_what_training_kept_stays_beside_the_mix(miniature: Sam, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    keep_tuned(directory)  # nothing yet
    assert not directory.tuned.exists()
    apply_strategy(miniature, Recipe().strategy, "decoder")
    save_artefact(directory.model, miniature, metadata("decoder"))
    keep_tuned(directory)
    whole = directory.tuned.read_bytes()
    assert whole == directory.model.read_bytes()
    save_artefact(directory.model, miniature, metadata("decoder", 0.4))
    keep_tuned(directory)
    assert directory.tuned.read_bytes() == whole
    directory.tuned.unlink()
    with pytest.raises(RunDirectoryError, match=r"holds 0\.4 of the tuned weights"):
        keep_tuned(directory)


def test_auto_needs_other_domains_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    auto = Recipe(model=ModelRecipe(interpolate="auto"))
    blind = auto.model_copy(update={"evaluation": EvaluationRecipe(retention_images=0)})
    with pytest.raises(RecipeError, match=r"evaluation\.retention_images is 0"):
        require_retention_to_weigh(blind, "images")
    monkeypatch.setattr("samdomains.retention.installed_domains", list)
    with pytest.raises(RecipeError, match=r"no other domain is installed.*interpolate=0\.5"):
        require_retention_to_weigh(auto, "images")
    require_retention_to_weigh(Recipe(model=ModelRecipe(interpolate=0.5)), "images")
