"""The data's way through the house: run and evaluate, each readable on one screen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from samdomains.chain import select_domain
from samdomains.checking import Tell, check_cases, require_no_errors, silent
from samdomains.data.parts import in_parts
from samdomains.energy import EnergyMeter, cpu_counters, gpu_counters
from samdomains.errors import UsageError
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.card import Card
from samdomains.evaluation.interpolation import Interpolation
from samdomains.evaluation.scores import Scores
from samdomains.files import write_json
from samdomains.health import with_health
from samdomains.inference import load_model
from samdomains.interpolation import require_retention_to_weigh
from samdomains.preparation import (
    Plan,
    begin,
    keep_recipe,
    prepare,
    require_same_recipe,
    wants_another_mix,
)
from samdomains.processes import current_processes
from samdomains.protocols import Segmenter
from samdomains.recipe import Recipe
from samdomains.recipe_layers import ResolvedRecipe
from samdomains.reports.run_report import RunRecord, write_run_report
from samdomains.run_directory import RunDirectory, require_free, undone_on_failure
from samdomains.sam.artefact import load_artefact
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.checkpoints import load_base
from samdomains.sam.devices import best_device, gpu_uuid
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.segmenter import SamSegmenter
from samdomains.scoring import (
    compared,
    encoder_for,
    read_kept,
    score_cases,
    score_test,
    summarized,
    untuned_scores,
    write_scores_to,
)
from samdomains.segmentation import segment
from samdomains.stopwatch import Stopwatch
from samdomains.training.state import Progress, kept_weights
from samdomains.tuning import mix, tune
from samdomains.types import Case, Split
from samdomains.volume_pictures import FirstSections, Pages
from samdomains.volume_scoring import ScoredVolume, follow_volumes

__all__ = ["Result", "evaluate", "run", "segment"]


PAGES = "volumes"
"""Folder of the pages of volumes, in that of ``evaluate``."""

PICTURED_VOLUMES = 3
"""Volumes that the report of a run shows, at most: each is a few megabytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What ``run`` and ``evaluate`` come to.

    Attributes:
        directory: Where everything was written.
        metrics: The content of ``metrics.json``.
        card: The verdict; None for an untuned model.
        scores: What the metrics sum up; None of a run that was complete before.
        seconds: Stage of a run → wall time, since it was started or resumed.
    """

    directory: Path
    metrics: Mapping[str, Any]
    card: Card | None
    scores: Scores | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def run(
    domain: str,
    source: Path | str | None = None,
    *,
    out: Path | str,
    recipe_file: Path | None = None,
    settings: Sequence[str] = (),
    local_plugin: Path | None = None,
    resume: bool = False,
    check: bool = True,
    cache: EmbeddingCache | None = None,
    tell: Tell = silent,
) -> Result:
    """Check, split, score zero-shot, tune, test, report.

    Args:
        domain: The domain's id.
        source: The labelled data; None generates the domain's demo data in ``<out>/demo_data``.
        out: The run directory: new, or with ``resume`` the one to continue.
        recipe_file: The user's recipe.
        settings: ``section.key=value``, stronger than the file.
        local_plugin: The user's own plugin file.
        resume: Continue an interrupted run, called with the same arguments. A complete one stays
            as it is, unless another ``model.interpolate`` is given: that mix of weights is saved,
            tested and reported without training again.
        check: Stop before training when the audit finds errors.
        cache: Keeps the frozen encoder's embeddings after the run, for others; None keeps them in
            the run's folder until it is finished.
        tell: Takes one line about what happens now.

    Raises:
        SamDomainsError: With what was got, what is allowed and what to do.
    """
    processes, watch, directory = current_processes(), Stopwatch(), RunDirectory(Path(out))
    selected = select_domain(domain, local_plugin=local_plugin)
    resolved = selected.resolve_recipe(file=recipe_file, settings=settings)
    require_retention_to_weigh(resolved.recipe, selected.name)
    if resume:
        processes.from_main(partial(require_same_recipe, directory, resolved))
        if processes.from_main(lambda: _is_done(directory, resolved)):
            return processes.from_main(lambda: _completed(directory, tell))
    else:
        processes.from_main(partial(require_free, directory.root))
    data = None if source is None else Path(source)
    begins = processes.is_main and not resume
    with undone_on_failure(directory.root) if begins else nullcontext(), watch.stage("check"):
        processes.from_main(partial(keep_recipe, directory, resolved))
        plan = prepare(selected, resolved, data, directory, check=check, tell=tell)
        processes.from_main(partial(begin, plan))
    with directory.resumable():
        return _carry_out(plan, watch, cache, resume=resume, tell=tell)


def evaluate(
    domain: str,
    source: Path | str,
    *,
    model: Path | str,
    out: Path | str,
    split: Split | None = None,
    checkpoint: Path | None = None,
    settings: Sequence[str] = (),
    local_plugin: Path | None = None,
    cache: EmbeddingCache | None = None,
    tell: Tell = silent,
) -> Result:
    """Score a model on labelled data, with identical prompts for every system.

    The domain reads the data. A tuned model's images are prepared as they were in its training,
    even where that was in another domain.

    Args:
        domain: The domain's id.
        source: The labelled data.
        model: A run directory (scores ``tuned`` and its base as ``zero_shot``) or a model's name.
        out: A new folder for ``metrics.json``, ``scores.csv`` with every object's scores, for a
            tuned model ``card.json``, and ``volumes/`` with a page for each whole volume.
        split: Score only this part of the data's own ``splits.json``; None scores every case.
        checkpoint: File with the base's weights, where they are not the shipped or official ones.
        settings: ``section.key=value``; for a tuned model only of ``data`` and ``evaluation``.
        local_plugin: The user's own plugin file.
        cache: Keeps embeddings of images for the next time; None keeps nothing.
        tell: Takes one line about what happens now.

    Raises:
        SamDomainsError: With what was got, what is allowed and what to do.
    """
    processes, directory, data = current_processes(), Path(out), Path(source)
    processes.from_main(partial(require_free, directory))
    loaded = load_model(
        model,
        domain,
        checkpoint=checkpoint,
        settings=settings,
        local_plugin=local_plugin,
        with_base=True,
        cache=cache,
        tell=tell,
    )
    tell(loaded.description)
    with undone_on_failure(directory) if processes.is_main else nullcontext():
        listed = loaded.domain.load_cases(data, loaded.recipe)
        cases = _only(in_parts(listed, loaded.recipe.scene), split, data)
        processes.from_main(lambda: _require_fit(cases, loaded.recipe, data, tell))
        systems: dict[str, Segmenter] = {**loaded.systems, "box_ellipse": BoxEllipse()}
        scores = score_cases(systems, cases, loaded.normalizer, loaded.find)
        pages = Pages(directory / PAGES)
        volumes = follow_volumes(loaded.systems, cases, loaded.normalizer, loaded.recipe, pages)
        metrics = summarized(scores, volumes, loaded.recipe, cases)
        card = (
            compared(scores.objects, loaded.recipe, trained_on=0)
            if "tuned" in loaded.systems
            else None
        )
        processes.from_main(lambda: write_scores_to(RunDirectory(directory), scores, metrics, card))
    return Result(directory, metrics, card, scores)


def _require_fit(cases: Sequence[Case], recipe: Recipe, source: Path, tell: Tell) -> None:
    """Stop where the audit of the data finds errors."""
    require_no_errors(check_cases(cases, recipe, tell=tell), source)


def _is_done(directory: RunDirectory, resolved: ResolvedRecipe) -> bool:
    return directory.complete and not wants_another_mix(directory, resolved)


def _completed(directory: RunDirectory, tell: Tell) -> Result:
    """What a run came to that has nothing left to do."""
    tell(f"complete: {directory.root} holds a finished run; nothing was changed")
    directory.finish()  # it may have been killed just before
    metrics, card = (
        json.loads(path.read_text(encoding="utf-8")) for path in (directory.metrics, directory.card)
    )
    seconds = json.loads(directory.seconds.read_text("utf-8")) if directory.seconds.exists() else {}
    return Result(directory.root, metrics, Card.from_json(card), seconds=seconds)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a run has come to before its report: training, scores, and the systems to picture."""

    progress: Progress
    interpolation: Interpolation | None
    scores: Scores
    volumes: Sequence[ScoredVolume]
    systems: Mapping[str, Segmenter]
    joules: Mapping[str, float]


def _energy_meter() -> EnergyMeter:
    """Of this machine and the GPU; of nothing where several processes have GPUs and machines."""
    if current_processes().count > 1:
        return EnergyMeter(())
    return EnergyMeter([*cpu_counters(), *gpu_counters(gpu_uuid(best_device()))])


def _carry_out(
    plan: Plan,
    watch: Stopwatch,
    shared: EmbeddingCache | None,
    *,
    resume: bool,
    tell: Tell,
) -> Result:
    """All that takes time, from the untuned scores to the report."""
    encoder_of = partial(encoder_for, plan, shared, tell)
    encoder, model = encoder_of(plan.base.sam), plan.recipe.model
    meter = _energy_meter()
    with watch.stage("zero-shot"), meter.running():
        untuned = _zero_shot_scores(plan, encoder)
    with watch.stage("tune"), meter.running():
        progress = tune(plan, encoder, resume=resume, tell=tell)
    interpolation = None
    if plan.recipe.model.interpolate is not None:
        with watch.stage("interpolate"), meter.running():
            # The base once more: tuning changed it in place.
            encoder = encoder_of(load_base(plan.base.name, plan.checkpoint).sam)
            interpolation = mix(plan, encoder, tell)
    with watch.stage("test"), meter.running():
        # As anybody will load it: from its file.
        encoder = encoder_of(load_artefact(plan.directory.model, checkpoint=plan.checkpoint).sam)
        tuned = SamSegmenter.of(encoder.sam, model, encoder)
        normalizer = plan.domain.normalize_intensity(plan.recipe)
        own = score_test(plan, {"tuned": tuned})
        encoder = encoder_of(load_base(plan.base.name, plan.checkpoint).sam)
        systems = {"tuned": tuned, "zero_shot": SamSegmenter.of(encoder.sam, model, encoder)}
        first = FirstSections(PICTURED_VOLUMES)
        volumes = follow_volumes(systems, plan.splits.test, normalizer, plan.recipe, first)
    found = _Found(progress, interpolation, own + untuned, volumes, systems, meter.joules)
    return current_processes().from_main(lambda: _report(plan, found, watch))


def _zero_shot_scores(plan: Plan, encoder: CachedEncoder) -> Scores:
    """Scores of the systems that tuning does not change; kept for a resumed run."""
    kept, processes = plan.directory.zero_shot, current_processes()
    if processes.from_main(kept.exists):
        return processes.from_main(lambda: read_kept(kept))
    scores = untuned_scores(plan, encoder)
    processes.from_main(lambda: write_json(kept, scores.to_json()))
    return scores


def _report(plan: Plan, found: _Found, watch: Stopwatch) -> Result:
    """Write scores, verdict and, as the last file, the report."""
    directory, splits = plan.directory, plan.splits
    scores = found.scores
    metrics = summarized(scores, found.volumes, plan.recipe, splits.test)
    card = compared(scores.objects, plan.recipe, trained_on=len(splits.train))
    kept = kept_weights(found.progress)
    if found.interpolation is not None:
        metrics["interpolation"] = found.interpolation.to_json()
        card = replace(card, interpolation=found.interpolation)
        kept += f" Saved: {found.interpolation.reason}."
    if plan.recipe.evaluation.health:
        with watch.stage("health"):
            card = with_health(card, plan, found.systems, scores.objects, found.progress)
    write_scores_to(directory, scores, metrics, card)
    record = RunRecord(
        domain=plan.domain,
        resolved=plan.resolved,
        audit=plan.audit,
        splits=splits,
        choice=plan.choice,
        history=[asdict(epoch) for epoch in found.progress.history],
        kept=kept,
        scores=scores.objects,
        metrics=metrics,
        card=card,
        seconds=watch.seconds,
        base=plan.base.name,
        base_sha256=plan.base.sha256,
        systems=found.systems,
        model=directory.model,
        demo=directory.demo_data.exists(),
        joules=found.joules,
        volumes=[volume.section for volume in found.volumes if volume.section is not None],
    )
    write_json(directory.seconds, watch.seconds)
    write_run_report(directory.report, record)
    directory.finish()
    return Result(directory.root, metrics, card, scores, dict(watch.seconds))


def _only(cases: Sequence[Case], split: Split | None, source: Path) -> Sequence[Case]:
    """The cases of one split of the data's own ``splits.json``."""
    if split is None:
        return cases
    chosen = [case for case in cases if case.split == split]
    if not chosen:
        raise UsageError(
            f"{source}: no case belongs to the split '{split}'. "
            "--split needs a splits.json in the data folder (a run's split.json may be copied)."
        )
    return chosen
