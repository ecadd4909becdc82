"""Two steps of training, as the conformance kit takes them with every recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from samdomains.data.parts import in_parts
from samdomains.facts import Facts
from samdomains.run_directory import RunDirectory
from samdomains.sam.checkpoints import load_base
from samdomains.sam.models import ARCHITECTURES
from samdomains.testing.subject import Subject
from samdomains.training.engine import train
from samdomains.training.task import Task

QUICK = (
    "model.name=tiny",
    "training.epochs=1",
    "training.mixtures=[]",
    "training.objects_per_image=2",
    "training.precision=no",
    "evaluation.prompts=[box]",
    "evaluation.validation_objects=1",
)


def two_steps(subject: Subject, recipe_name: str, out: Path) -> float:
    """Tune ``tiny`` on two images of the demo data, one a step.

    Args:
        subject: The domain.
        recipe_name: One of its recipes.
        out: A new folder.

    Returns:
        The mean loss of the two steps.
    """
    domain = subject.domain
    recipe = domain.resolve_recipe(name=recipe_name, settings=QUICK).recipe
    cases = in_parts(domain.load_cases(subject.data, recipe), recipe.scene)
    chosen = replace(subject, recipe=recipe, parts=cases).labelled(2)
    if len(chosen) < 2:
        pytest.fail(
            f"recipe '{recipe_name}' finds objects in {len(chosen)} images of the demo data, and "
            "two are needed; draw more, or say in `unfit` why it cannot read them",
            pytrace=False,
        )
    base = load_base("tiny", None)
    facts = Facts(
        model="tiny",
        parameters=sum(p.numel() for p in base.sam.parameters()),
        input_size=ARCHITECTURES["tiny"].image_size,
        train_cases=len(chosen),
        train_objects=len(chosen),
        device="cpu",
        memory_bytes=2**33,
        bf16=False,
    )
    choice = replace(domain.choose_strategy(recipe, facts), batch_size=1)
    out.mkdir(parents=True, exist_ok=True)
    task = Task(
        sam=base.sam,
        train=chosen,
        val=chosen[:1],
        normalizer=domain.normalize_intensity(recipe),
        sampler=domain.sample_prompts(recipe),
        recipe=recipe,
        choice=choice,
        directory=RunDirectory(out),
        save_best=lambda _: None,
    )
    return train(task).history[-1].train_loss
