from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from samdomains.errors import TrainingError
from samdomains.facts import StrategyChoice
from samdomains.recipe import Recipe
from samdomains.training.fitting import fit, without_measuring
from samdomains.training.probe import MeasuredMemory
from samdomains.types import StrategyName

GB = 10**9
PER_IMAGE: dict[StrategyName, int] = {"full": 10 * GB, "lora": 5 * GB, "decoder": GB}


def measure(name: StrategyName) -> MeasuredMemory:
    return MeasuredMemory(resting=GB, fixed=GB, per_image=PER_IMAGE[name], gradients=GB)


def fitted(free: int, *, images: int = 100, batch: int = 16, **recipe: Any) -> StrategyChoice:
    choice = StrategyChoice("full", batch, "no", ("As wanted.",))
    return fit(
        choice,
        measure,
        recipe=Recipe.model_validate(recipe),
        images=images,
        free=free,
        device=torch.device("cuda"),
    )


@pytest.mark.parametrize(
    ("free", "name", "batch", "at_once"),
    [
        (200 * GB, "full", 16, 16),
        (100 * GB, "full", 8, 8),
        (40 * GB, "full", 4, 2),  # three would fit, but two and two take no longer
        (14 * GB, "full", 4, 1),
        (13 * GB, "lora", 4, 1),
        (5 * GB, "decoder", 4, 2),
    ],
)
def test_the_largest_batch_that_fits_is_taken_from_4_on_and_divided_below(
    free: int, name: StrategyName, batch: int, at_once: int
) -> None:
    choice = fitted(free)
    assert (choice.name, choice.batch_size, choice.images_at_once) == (name, batch, at_once)


def test_the_prediction_and_the_way_down_are_said() -> None:
    choice = fitted(13 * GB)
    assert choice.reasons[1:] == (
        "full does not fit into the 13.0 GB that are free on cuda: "
        "measured, one image at once takes about 11.0 GB.",
        "Measured: predicted peak 7.0 GB of 13.0 GB free, 4 images a step, "
        "1 at once, their gradients added up.",
    )


def test_a_fixed_strategy_that_cannot_fit_is_an_error_with_its_numbers() -> None:
    with pytest.raises(TrainingError, match=r"^full does not fit into the 9.0 GB .*11.0 GB. Free"):
        fitted(9 * GB, strategy={"name": "full"})


def test_where_nothing_fits_every_strategy_is_named() -> None:
    with pytest.raises(TrainingError, match=r"full does .* lora does .* decoder does .* Free some"):
        fitted(GB)


def test_memory_that_runs_out_while_measuring_counts_as_not_fitting() -> None:
    def limited(name: StrategyName) -> MeasuredMemory:
        if name == "full":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return measure(name)

    wanted = StrategyChoice("full", 16, "no", ())
    device = torch.device("cuda")
    choice = fit(wanted, limited, recipe=Recipe(), images=9, free=50 * GB, device=device)
    assert choice.name == "lora"
    assert "one image at once takes more than that" in choice.reasons[0]


def test_another_error_while_measuring_is_not_hidden() -> None:
    def broken(_: StrategyName) -> MeasuredMemory:
        raise RuntimeError("shapes do not match")

    wanted, device = StrategyChoice("full", 4, "no", ()), torch.device("cuda")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        fit(wanted, broken, recipe=Recipe(), images=9, free=GB, device=device)


def test_a_batch_of_the_recipe_is_kept_and_divided() -> None:
    choice = fitted(40 * GB, batch=6, training={"batch_size": 6})
    assert (choice.batch_size, choice.images_at_once) == (6, 3)


def test_no_more_images_are_predicted_than_there_are() -> None:
    choice = fitted(200 * GB, images=2, batch=4)
    assert (choice.batch_size, choice.images_at_once) == (4, 2)
    assert "predicted peak 21.0 GB" in choice.reasons[-1]


@given(st.integers(4 * GB, 300 * GB), st.integers(1, 40))
def test_what_is_taken_fits_with_the_error_of_the_prediction(free: int, images: int) -> None:
    choice = fitted(free, images=images)
    assert choice.images_at_once is not None
    assert 1 <= choice.images_at_once <= choice.batch_size
    assert 4 <= choice.batch_size <= 16
    filled = min(choice.batch_size, images)
    assert 1.15 * measure(choice.name).peak(choice.images_at_once, filled) <= free


def test_what_needs_no_measuring_takes_its_batch_at_once() -> None:
    assert without_measuring(StrategyChoice("full", 4, "no", ())).images_at_once == 4
