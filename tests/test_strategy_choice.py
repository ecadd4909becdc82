from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.facts import Facts
from samdomains.recipe import Recipe
from samdomains.strategy_choice import choose_strategy, estimate_memory
from samdomains.types import StrategyName

GB = 10**9


def facts(**changed: Any) -> Facts:
    values: dict[str, Any] = {
        "model": "vit_b",
        "parameters": 93_735_472,
        "input_size": 1024,
        "train_cases": 100,
        "train_objects": 1000,
        "device": "cuda",
        "memory_bytes": 80 * GB,
        "bf16": True,
    }
    return Facts(**(values | changed))


def tiny(**changed: Any) -> Facts:
    values = {"model": "tiny", "parameters": 3_000_000, "input_size": 256, "device": "cpu"}
    return facts(**({**values, "memory_bytes": 8 * GB} | changed))


def recipe(**sections: Any) -> Recipe:
    return Recipe.model_validate(sections)


@pytest.mark.parametrize(("cases", "name"), [(7, "decoder"), (8, "full"), (5000, "full")])
def test_a_small_model_is_tuned_as_a_whole_from_eight_images_on(cases: int, name: str) -> None:
    assert choose_strategy(Recipe(), tiny(train_cases=cases)).name == name


def test_a_large_model_on_a_cpu_gets_its_decoder_tuned() -> None:
    choice = choose_strategy(Recipe(), facts(device="cpu", train_cases=5000))
    assert choice.name == "decoder"
    assert "CPU" in choice.reasons[0]


@pytest.mark.parametrize(
    ("cases", "name"), [(9, "decoder"), (10, "lora"), (999, "lora"), (1000, "full")]
)
def test_a_large_model_on_a_gpu_goes_by_the_number_of_images(cases: int, name: str) -> None:
    assert choose_strategy(Recipe(), facts(train_cases=cases)).name == name


def test_the_recipes_strategy_batch_and_precision_are_kept() -> None:
    wanted = recipe(strategy={"name": "full"}, training={"batch_size": 1, "precision": "fp16"})
    choice = choose_strategy(wanted, facts(device="cpu", train_cases=1))
    assert (choice.name, choice.batch_size, choice.precision) == ("full", 1, "fp16")


@pytest.mark.parametrize(("cases", "batch"), [(2, 4), (9, 9), (100, 16)])
def test_the_batch_is_at_most_the_training_images_and_from_4_to_16(cases: int, batch: int) -> None:
    choice = choose_strategy(Recipe(), facts(train_cases=cases))
    assert choice.batch_size == batch
    assert choice.reasons[1] == f"A batch of {batch} at most."
    assert choice.images_at_once is None


def test_a_small_model_on_a_cpu_takes_four_images_a_step() -> None:
    assert choose_strategy(Recipe(), tiny()).batch_size == 4


@pytest.mark.parametrize(
    ("device", "bf16", "precision"),
    [("cuda", True, "bf16"), ("cuda", False, "fp16"), ("mps", False, "no"), ("cpu", False, "no")],
)
def test_precision_follows_the_device(device: str, bf16: bool, precision: str) -> None:
    assert choose_strategy(Recipe(), facts(device=device, bf16=bf16)).precision == precision


@given(st.integers(1, 5000), st.sampled_from(["cpu", "cuda", "mps"]))
def test_the_batch_stays_between_4_and_16_and_every_choice_has_reasons(
    cases: int, device: str
) -> None:
    choice = choose_strategy(Recipe(), facts(train_cases=cases, device=device))
    assert 4 <= choice.batch_size <= 16
    assert len(choice.reasons) == 3


def test_full_tuning_needs_twelve_bytes_a_parameter_more_than_adapters() -> None:
    full, lora = (
        estimate_memory(name, facts(), Recipe(), images=4, precision="bf16")
        for name in ("full", "lora")
    )
    assert full - lora == 12 * facts().parameters


def test_half_the_precision_halves_the_activations() -> None:
    weights = 4 * facts().parameters
    single = estimate_memory("lora", facts(), Recipe(), images=4, precision="no") - weights
    half = estimate_memory("lora", facts(), Recipe(), images=4, precision="bf16") - weights
    assert single == 2 * half


@pytest.mark.parametrize(
    ("model", "strategy", "measured"),
    [
        (tiny(), "decoder", 1.96e9),
        (tiny(), "full", 2.66e9),
        (facts(), "decoder", 12.5e9),
    ],
)
def test_the_estimate_is_right_to_a_factor_of_two(
    model: Facts, strategy: StrategyName, measured: float
) -> None:
    estimate = estimate_memory(strategy, model, Recipe(), images=4, precision="no")
    assert measured / 2 < estimate < 2 * measured
