"""What the conformance kit asks of a domain's choice of a strategy."""

from __future__ import annotations

from typing import get_args

from samdomains.chain import Domain
from samdomains.facts import Facts, StrategyChoice
from samdomains.recipe import Recipe
from samdomains.testing.requirements import require
from samdomains.types import StrategyName

LAPTOP = Facts(
    model="tiny",
    parameters=4_000_000,
    input_size=256,
    train_cases=8,
    train_objects=40,
    device="cpu",
    memory_bytes=4 * 2**30,
    bf16=False,
)
"""A small data set on a machine without a GPU."""

SERVER = Facts(
    model="vit_h",
    parameters=641_000_000,
    input_size=1024,
    train_cases=5_000,
    train_objects=60_000,
    device="cuda",
    memory_bytes=80 * 2**30,
    bf16=True,
)
"""A large one on a large GPU."""

PRECISIONS = ("no", "fp16", "bf16")


def require_trainable(domain: Domain, recipe: Recipe) -> None:
    """A domain chooses what exists, says why, and keeps what the user fixed."""
    for facts in (LAPTOP, SERVER):
        for fixed in ("auto", *get_args(StrategyName)):
            strategy = recipe.strategy.model_copy(update={"name": fixed})
            asked = recipe.model_copy(update={"strategy": strategy})
            choice = domain.choose_strategy(asked, facts)
            _require_sound(choice, f"choose_strategy, asked for {facts.model} on {facts.device},")
            require(
                fixed in ("auto", choice.name),
                f"choose_strategy gives {choice.name} where strategy.name is {fixed}; "
                "a strategy that the user fixed is kept",
            )


def _require_sound(choice: StrategyChoice, start: str) -> None:
    names = get_args(StrategyName)
    require(choice.name in names, f"{start} gives {choice.name!r}; allowed: {', '.join(names)}")
    at_once = choice.batch_size if choice.images_at_once is None else choice.images_at_once
    require(
        choice.batch_size >= 1 and 1 <= at_once <= choice.batch_size,
        f"{start} gives batches of {choice.batch_size} and {at_once} images at once; "
        "both are 1 at least, and a batch is not smaller",
    )
    require(
        choice.precision in PRECISIONS,
        f"{start} gives precision {choice.precision!r}; allowed: {', '.join(PRECISIONS)}",
    )
    reasons = choice.reasons
    require(
        isinstance(reasons, tuple) and bool(reasons) and all(reason.strip() for reason in reasons),
        f"{start} gives reasons {reasons!r}; say why, a sentence each in a tuple, for the user",
    )
