"""The core's choice of what to tune, with its reasons in words.

What fits into the memory is measured afterwards (``samdomains/training/fitting.py``), unless the
estimate here is so far below the memory that there is no doubt. Memory of training is estimated as
``fixed + images * per_image`` bytes.

* Fixed: 4 bytes for each parameter in float32; with AdamW another 12 (gradient and two moments)
  for each one that is trained.
* Per image, when gradients flow through the image encoder: ``n * (16 d + 2 h g n)`` values, after
  Korthikanti et al. 2022 (arXiv:2205.05198, eq. 1) without dropout: n tokens, d the encoder's
  width times its depth, h attention heads, g blocks with global attention, whose scores are there
  twice at the peak. d is read off the parameters, 12 a unit of width² a block, at a width of
  1024, which is that of ViT-L (ViT-B and ViT-H differ by a quarter); h = 16 and g = 4 as in ViT-L
  and ViT-H (arXiv:2304.02643), 5 and 2 in tiny.
* Per object and round of prompting, for the mask decoder: 7400 values a token, counted over the
  decoder's two layers and its upscaling at a width of 256, and half as many at tiny's of 128:
  121 MB for vit_b in float32, where 137 MB were measured.

A value has 4 bytes in float32 and 2 in fp16 and bf16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from samdomains.facts import Facts, StrategyChoice
from samdomains.recipe import Recipe
from samdomains.types import StrategyName

Precision: TypeAlias = Literal["no", "fp16", "bf16"]

SMALL_MODEL = 20_000_000
"""Parameters below which a model is small enough to be tuned as a whole on any machine."""

CASES_FOR_SMALL_FULL = 8
"""Training images from which a small model is tuned as a whole."""

CASES_FOR_LORA = 10
"""Training images from which adapters in the encoder are worth it; below, the decoder alone."""

CASES_FOR_FULL = 1000
"""Training images from which a large model is tuned as a whole."""

BATCH_SIZES = (4, 16)
"""Smallest and largest batch, the field's usual range."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the estimate needs to know of a model beside its parameters.

    Attributes:
        patch: Side of a patch in pixels.
        scores: Attention heads times blocks with global attention.
        decoder: Values that the mask decoder keeps for a token.
    """

    patch: int
    scores: int
    decoder: int


_SMALL, _OFFICIAL = _Shape(8, 5 * 2, 3700), _Shape(16, 16 * 4, 7400)


def estimate_memory(
    strategy: StrategyName, facts: Facts, recipe: Recipe, *, images: int, precision: Precision
) -> float:
    """Estimated bytes of training with that many images at once, by the formula above.

    Args:
        strategy: What is trained.
        facts: Give model and input size.
        recipe: Gives objects of an image and rounds of prompting.
        images: Whose activations are in memory together.
        precision: Of the activations.
    """
    shape = _SMALL if facts.parameters < SMALL_MODEL else _OFFICIAL
    tokens = (facts.input_size / shape.patch) ** 2
    value = 4 if precision == "no" else 2
    answers = recipe.training.objects_per_image * (recipe.prompts.corrections + 1)
    decoder = answers * tokens * shape.decoder * value
    width_times_depth = facts.parameters / (12 * 1024)
    encoder = value * tokens * (16 * width_times_depth + 2 * shape.scores * tokens)
    trained = facts.parameters if strategy == "full" else 0
    per_image = decoder if strategy == "decoder" else decoder + encoder
    return 4 * facts.parameters + 12 * trained + images * per_image


def choose_strategy(recipe: Recipe, facts: Facts) -> StrategyChoice:
    """Choose strategy, largest batch and precision; whatever the recipe fixes is kept."""
    precision, precision_reason = _precision(recipe, facts)
    name, reason = _strategy(recipe, facts)
    batch_size, batch_reason = _batch_size(recipe, facts)
    return StrategyChoice(name, batch_size, precision, (reason, batch_reason, precision_reason))


def _strategy(recipe: Recipe, facts: Facts) -> tuple[StrategyName, str]:
    fixed, cases = recipe.strategy.name, facts.train_cases
    if fixed != "auto":
        return fixed, f"The recipe asks for {fixed}."
    model = f"{facts.model} has {facts.parameters / 1e6:.0f} M parameters"
    if facts.parameters < SMALL_MODEL:
        return _for_small_model(facts, model)
    if facts.device == "cpu":
        return "decoder", (
            f"{model}, too many to train on a CPU: the encoder stays frozen and runs only once."
        )
    if cases < CASES_FOR_LORA:
        return "decoder", (
            f"{cases} training images are few (adapters start at {CASES_FOR_LORA}): "
            "only the decoder is tuned."
        )
    if cases < CASES_FOR_FULL:
        return "lora", f"{model}: adapters are tuned on {cases} images."
    return "full", f"{model}: {cases} images are enough to tune them all."


def _for_small_model(facts: Facts, model: str) -> tuple[StrategyName, str]:
    if facts.train_cases >= CASES_FOR_SMALL_FULL:
        return "full", f"{model}, few enough to tune them all on {facts.train_cases} images."
    return "decoder", (
        f"{facts.train_cases} training images are few (all of a small model is tuned from "
        f"{CASES_FOR_SMALL_FULL} on): only the decoder is tuned."
    )


def _batch_size(recipe: Recipe, facts: Facts) -> tuple[int, str]:
    """The recipe's batch, else the largest that is of use."""
    if recipe.training.batch_size is not None:
        size = recipe.training.batch_size
        return size, f"The recipe asks for a batch of {size}."
    smallest, largest = BATCH_SIZES
    if facts.device == "cpu" and facts.parameters < SMALL_MODEL:
        return smallest, f"A batch of {smallest}: on a CPU larger ones are no faster."
    size = max(smallest, min(largest, facts.train_cases))
    return size, f"A batch of {size} at most."


def _precision(recipe: Recipe, facts: Facts) -> tuple[Precision, str]:
    asked = recipe.training.precision
    if asked != "auto":
        return asked, f"The recipe asks for precision {asked}."
    if facts.device == "cuda" and facts.bf16:
        return "bf16", "Precision bf16: the GPU computes faster and with half the memory."
    if facts.device == "cuda":
        return "fp16", "Precision fp16: this GPU has no bf16, and is faster than in float32."
    return "no", f"Precision float32: no gain from less on {facts.device}."
