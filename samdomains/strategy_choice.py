"""The core's choice of what to tune, with its reasons in words.

Memory of training is estimated as ``fixed + batch * per_image`` bytes.

* Fixed: 4 bytes for each parameter in float32; with AdamW another 12 (gradient and two moments)
  for each one that is trained.
* Per image, when gradients flow through the image encoder: ``n * (16 d + 2 h g n)`` values, after
  Korthikanti et al. 2022 (arXiv:2205.05198, eq. 1) without dropout: n tokens, d the encoder's
  width times its depth, h attention heads, g blocks with global attention, whose scores are there
  twice at the peak. d is read off the parameters, 12 a unit of width² a block, at a width of
  1024, which is that of ViT-L (ViT-B and ViT-H differ by a quarter); h = 16 and g = 4 as in ViT-L
  and ViT-H (arXiv:2304.02643). It gives 10.6 GB for vit_b in float32, where 8.5 GB were measured.
* Per object, for the mask decoder: 7400 values a token, counted over the decoder's two layers and
  its upscaling at a width of 256: 121 MB for vit_b in float32, where 137 MB were measured.

A value has 4 bytes in float32 and 2 in fp16 and bf16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from samdomains.recipe import Recipe
from samdomains.types import Facts, StrategyChoice, StrategyName

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
"""Smallest and largest batch, the field's usual range. Smaller ones only where memory is short."""

MEMORY_SHARE = 0.8
"""Share of the free memory that the estimate may fill; the rest is for what it leaves out."""

_PATCH_SIZES = (8, 16)
"""Side of a patch in pixels: of small models, and of the official SAMs."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Estimated bytes of training.

    Attributes:
        fixed: Weights, gradients and optimiser state.
        per_image: Activations of one image and its objects.
    """

    fixed: float
    per_image: float

    def batch_within(self, memory_bytes: int) -> int:
        """The largest batch that fits, from 0 to 16."""
        free = MEMORY_SHARE * memory_bytes - self.fixed
        return max(0, min(BATCH_SIZES[1], int(free / self.per_image)))


def estimate_memory(
    strategy: StrategyName, facts: Facts, *, objects_per_image: int, precision: Precision
) -> TrainingMemory:
    """Estimate the memory of a strategy; the formula stands at the top of this module."""
    patch = _PATCH_SIZES[0] if facts.parameters < SMALL_MODEL else _PATCH_SIZES[1]
    tokens = (facts.input_size / patch) ** 2
    value = 4 if precision == "no" else 2
    decoder = objects_per_image * tokens * 7400 * value
    width_times_depth = facts.parameters / (12 * 1024)
    encoder = value * tokens * (16 * width_times_depth + 2 * 16 * 4 * tokens)
    trained = facts.parameters if strategy == "full" else 0
    return TrainingMemory(
        fixed=4 * facts.parameters + 12 * trained,
        per_image=decoder if strategy == "decoder" else decoder + encoder,
    )


def choose_strategy(recipe: Recipe, facts: Facts) -> StrategyChoice:
    """Choose strategy, batch size and precision; whatever the recipe fixes is kept."""
    precision, precision_reason = _precision(recipe, facts)
    name, reasons = _strategy(recipe, facts, precision)
    batch_size, batch_reason = _batch_size(name, recipe, facts, precision)
    return StrategyChoice(name, batch_size, precision, (*reasons, batch_reason, precision_reason))


def _strategy(
    recipe: Recipe, facts: Facts, precision: Precision
) -> tuple[StrategyName, tuple[str, ...]]:
    fixed = recipe.strategy.name
    if fixed != "auto":
        return fixed, (f"The recipe asks for {fixed}.",)
    model = f"{facts.model} has {facts.parameters / 1e6:.0f} M parameters"
    if facts.parameters < SMALL_MODEL:
        return _for_small_model(facts, model)
    if facts.device == "cpu":
        reason = (
            f"{model}, too many to train on a CPU: the encoder stays frozen and runs only once."
        )
        return "decoder", (reason,)
    if facts.train_cases < CASES_FOR_LORA:
        reason = (
            f"{facts.train_cases} training images are few (adapters start at {CASES_FOR_LORA}): "
            "only the decoder is tuned."
        )
        return "decoder", (reason,)
    return _by_memory(recipe, facts, precision, model)


def _for_small_model(facts: Facts, model: str) -> tuple[StrategyName, tuple[str, ...]]:
    if facts.train_cases >= CASES_FOR_SMALL_FULL:
        return "full", (f"{model}, few enough to tune them all on {facts.train_cases} images.",)
    reason = (
        f"{facts.train_cases} training images are few (all of a small model is tuned from "
        f"{CASES_FOR_SMALL_FULL} on): only the decoder is tuned."
    )
    return "decoder", (reason,)


def _by_memory(
    recipe: Recipe, facts: Facts, precision: Precision, model: str
) -> tuple[StrategyName, tuple[str, ...]]:
    """For a large model on an accelerator with enough images for adapters."""
    reasons: list[str] = []
    candidates: tuple[StrategyName, ...] = ("full", "lora")
    for name in candidates if facts.train_cases >= CASES_FOR_FULL else candidates[1:]:
        batch = recipe.training.batch_size or BATCH_SIZES[0]
        needed = _needed(name, recipe, facts, precision, batch)
        compared = f"about {_gigabytes(needed)} of {_gigabytes(facts.memory_bytes)} free"
        if needed <= MEMORY_SHARE * facts.memory_bytes:
            return name, (
                *reasons,
                f"{model}, {facts.train_cases} images: {name} fits ({compared}).",
            )
        reasons.append(f"{name} would not fit ({compared}).")
    return "decoder", (
        *reasons,
        f"{model}: only the decoder is tuned, on embeddings computed once.",
    )


def _needed(
    name: StrategyName, recipe: Recipe, facts: Facts, precision: Precision, batch: int
) -> float:
    """Bytes of training with that batch."""
    objects = recipe.training.objects_per_image
    memory = estimate_memory(name, facts, objects_per_image=objects, precision=precision)
    return memory.fixed + batch * memory.per_image


def _batch_size(
    name: StrategyName, recipe: Recipe, facts: Facts, precision: Precision
) -> tuple[int, str]:
    size, reason = _asked_or_fitting(name, recipe, facts, precision)
    needed = _needed(name, recipe, facts, precision, size)
    if needed > facts.memory_bytes:
        reason += f" It may not fit: about {_gigabytes(needed)} are needed."
    return size, reason


def _asked_or_fitting(
    name: StrategyName, recipe: Recipe, facts: Facts, precision: Precision
) -> tuple[int, str]:
    """The recipe's batch, else the largest that the estimate lets fit, at least one image."""
    if recipe.training.batch_size is not None:
        size = recipe.training.batch_size
        return size, f"The recipe asks for a batch of {size}."
    smallest = BATCH_SIZES[0]
    objects = recipe.training.objects_per_image
    memory = estimate_memory(name, facts, objects_per_image=objects, precision=precision)
    size = max(1, memory.batch_within(facts.memory_bytes))
    free = f"{_gigabytes(facts.memory_bytes)} of free memory"
    if size < smallest:
        return size, f"A batch of {size}: {smallest}, the usual least, would not fit into {free}."
    if facts.device == "cpu" and facts.parameters < SMALL_MODEL:
        return smallest, f"A batch of {smallest}: on a CPU larger ones are no faster."
    return size, f"A batch of {size}, for {free}."


def _precision(recipe: Recipe, facts: Facts) -> tuple[Precision, str]:
    asked = recipe.training.precision
    if asked != "auto":
        return asked, f"The recipe asks for precision {asked}."
    if facts.device == "cuda" and facts.bf16:
        return "bf16", "Precision bf16: the GPU computes faster and with half the memory."
    if facts.device == "cuda":
        return "fp16", "Precision fp16: this GPU has no bf16, and is faster than in float32."
    return "no", f"Precision float32: no gain from less on {facts.device}."


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
