"""From a plan to the saved model: training, and mixing what it kept with the original weights."""

from __future__ import annotations

from functools import partial

from segment_anything.modeling import Sam

from samdomains.checking import Tell
from samdomains.evaluation.interpolation import Interpolation
from samdomains.interpolation import keep_tuned, mix_weights
from samdomains.preparation import Plan
from samdomains.processes import current_processes
from samdomains.sam.artefact import ArtefactMetadata, save_artefact
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.training.engine import train
from samdomains.training.state import Progress
from samdomains.training.task import Task


def tune(plan: Plan, encoder: CachedEncoder, *, resume: bool, tell: Tell) -> Progress:
    """Train, and leave the best weights in ``model.safetensors``, or where ``mix`` finds them.

    Args:
        plan: Of the run.
        encoder: Of the base, whose model is changed in place.
        resume: Go on from ``state/``.
        tell: Takes one line about what happens now.

    Raises:
        SamDomainsError: As ``samdomains.training.engine.train``.
    """
    if plan.recipe.model.interpolate is not None:
        current_processes().from_main(lambda: keep_tuned(plan.directory))
    return train(_task(plan, encoder, tell), resume=resume)


def mix(plan: Plan, encoder: CachedEncoder, tell: Tell) -> Interpolation:
    """Save the mix that the recipe's ``model.interpolate`` asks for as ``model.safetensors``.

    Args:
        plan: Of the run, which has been trained.
        encoder: Of the base as it was before, whose model is changed in place.
        tell: Takes one line: which mix, and why.

    Raises:
        SamDomainsError: As ``samdomains.interpolation.mix_weights``.
    """
    task = _task(plan, encoder, tell)
    return mix_weights(task, plan.domain.name, partial(_save_mix, plan))


def _task(plan: Plan, encoder: CachedEncoder, tell: Tell) -> Task:
    """What is trained; its result is the run's model, or lies beside it until it is mixed."""
    domain, recipe, directory = plan.domain, plan.recipe, plan.directory
    path = directory.model if recipe.model.interpolate is None else directory.tuned
    return Task(
        sam=encoder.sam,
        train=plan.splits.train,
        val=plan.splits.val,
        normalizer=domain.normalize_intensity(recipe),
        sampler=domain.sample_prompts(recipe),
        recipe=recipe,
        choice=plan.choice,
        directory=directory,
        save_best=partial(save_artefact, path, metadata=_metadata(plan)),
        encoder=encoder if plan.choice.name == "decoder" else None,
        tell=tell,
    )


def _save_mix(plan: Plan, sam: Sam, share: float) -> None:
    metadata = _metadata(plan).model_copy(update={"tuned_share": share})
    save_artefact(plan.directory.model, sam, metadata)


def _metadata(plan: Plan) -> ArtefactMetadata:
    domain = plan.domain
    return ArtefactMetadata(
        base_name=plan.base.name,
        base_sha256=plan.base.sha256,
        strategy=plan.choice.name,
        domain=domain.name,
        distribution=domain.distribution,
        version=domain.version,
        normalizer=domain.winner("normalize_intensity"),
        recipe=plan.recipe,
    )
