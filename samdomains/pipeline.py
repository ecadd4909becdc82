"""The data's way through the house: run, evaluate and segment, each readable on one screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from samdomains.chain import Domain, select_domain
from samdomains.data.audit import Audit, audit_cases
from samdomains.data.splits import CaseSplits, split_cases
from samdomains.errors import DataError, RunDirectoryError, UsageError
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.card import Card, case_dice, make_card
from samdomains.evaluation.results import ObjectScore, summarize
from samdomains.evaluation.scorer import score
from samdomains.files import write_json, write_text
from samdomains.inference import Model, load_model
from samdomains.progress import progress_bar
from samdomains.prompts.parsing import ObjectPrompt
from samdomains.recipe import Recipe
from samdomains.recipe_layers import ResolvedRecipe, read_recipe_file, recipe_to_yaml
from samdomains.reports.run_report import RunRecord, write_run_report
from samdomains.run_directory import RunDirectory, require_free
from samdomains.sam.artefact import ArtefactMetadata, load_artefact, save_artefact
from samdomains.sam.checkpoints import BaseModel, load_base
from samdomains.sam.devices import best_device, free_memory
from samdomains.sam.models import ARCHITECTURES
from samdomains.sam.segmenter import SamSegmenter
from samdomains.stopwatch import Stopwatch
from samdomains.training.engine import Task, train
from samdomains.training.state import EpochRecord
from samdomains.types import Case, Facts, ObjectMask, Segmenter, Split, StrategyChoice

Tell = Callable[[str], None]
"""Takes one line about what happens now."""


def _silent(_line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What ``run`` and ``evaluate`` come to.

    Attributes:
        directory: Where everything was written.
        metrics: The content of ``metrics.json``.
        card: The verdict; None for an untuned model.
    """

    directory: Path
    metrics: Mapping[str, Any]
    card: Card | None


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What is known before training begins."""

    domain: Domain
    resolved: ResolvedRecipe
    base: BaseModel
    audit: Audit
    splits: CaseSplits
    directory: RunDirectory

    @property
    def recipe(self) -> Recipe:
        """All values of the run."""
        return self.resolved.recipe

    @property
    def split_line(self) -> str:
        """The sizes of the parts, in words."""
        splits = self.splits
        sizes = f"{len(splits.train)} train, {len(splits.val)} val, {len(splits.test)} test"
        return f"split: {sizes}; {splits.how}"


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
    tell: Tell = _silent,
) -> Result:
    """Check, split, score zero-shot, tune, test, report.

    Args:
        domain: The domain's id.
        source: The labelled data; None generates the domain's demo data in ``<out>/demo_data``.
        out: The run directory: new, or with ``resume`` the one to continue.
        recipe_file: The user's recipe.
        settings: ``section.key=value``, stronger than the file.
        local_plugin: The user's own plugin file.
        resume: Continue an interrupted run, called with the same arguments.
        check: Stop before training when the audit finds errors.
        tell: Takes one line about what happens now.

    Raises:
        SamDomainsError: With what was got, what is allowed and what to do.
    """
    watch, directory = Stopwatch(), RunDirectory(Path(out))
    selected = select_domain(domain, local_plugin=local_plugin)
    resolved = selected.resolve_recipe(file=recipe_file, settings=settings)
    recipe = resolved.recipe
    _require_directory(directory, resolved, resume=resume)
    base = load_base(recipe.model.name, _checkpoint(recipe))
    with watch.stage("check"):
        data = _demo_data(selected, directory, recipe.seed) if source is None else Path(source)
        cases = selected.load_cases(data, recipe)
        audit = check_cases(cases, recipe, tell=tell)
        if check:
            require_no_errors(audit)
    splits = split_cases(cases, recipe.data, recipe.seed)
    plan = _Plan(selected, resolved, base, audit, splits, directory)
    tell(plan.split_line)
    _open(plan, resume=resume)
    with watch.stage("zero-shot"):
        untuned = _zero_shot_scores(plan)
    choice = _choose_strategy(plan, tell)
    with watch.stage("tune"):
        history = _tune(plan, choice, resume=resume)
    with watch.stage("test"):
        tuned = _tuned_segmenter(plan)
        scores = (*_score(selected, recipe, {"tuned": tuned}, splits.test), *untuned)
    return _report(plan, choice, history, scores, tuned, watch)


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
) -> Result:
    """Score a model on labelled data, with identical prompts for every system.

    Args:
        domain: The domain's id.
        source: The labelled data.
        model: A run directory (scores ``tuned`` and its base as ``zero_shot``) or a model's name.
        out: A new folder for ``metrics.json``.
        split: Score only this part of the data's own ``splits.json``; None scores every case.
        checkpoint: File with the base's weights, where they are not the shipped or official ones.
        settings: ``section.key=value``, for an untuned model only.
        local_plugin: The user's own plugin file.

    Raises:
        SamDomainsError: With what was got, what is allowed and what to do.
    """
    directory = Path(out)
    require_free(directory)
    loaded = load_model(
        model, domain, checkpoint=checkpoint, settings=settings, local_plugin=local_plugin
    )
    cases = loaded.domain.load_cases(Path(source), loaded.recipe)
    cases = _only(cases, split, Path(source))
    require_no_errors(check_cases(cases, loaded.recipe))
    scores = _score(
        loaded.domain, loaded.recipe, {**loaded.systems, "box_ellipse": BoxEllipse()}, cases
    )
    metrics = _summary(scores, loaded.recipe, cases)
    card = _card(scores, loaded.recipe, trained_on=0) if "tuned" in loaded.systems else None
    write_json(directory / "metrics.json", metrics)
    return Result(directory, metrics, card)


def segment(
    model: Model, source: Path | str, prompts: Sequence[ObjectPrompt], *, out: Path | str
) -> list[Path]:
    """Segment images and write the masks in the domain's native format.

    Args:
        model: From ``load_model``.
        source: An image or a folder of images.
        prompts: One per object, the same for every image.
        out: A folder for the masks.

    Returns:
        The files written.

    Raises:
        DataError: An image cannot be read.
        UsageError: A prompt lies outside an image, or the model found nothing at any prompt.
    """
    writer = model.domain.write_masks(model.recipe)
    cases = model.domain.load_cases(Path(source), model.recipe)
    written: list[Path] = []
    with progress_bar("segmenting", len(cases)) as show:
        for done, case in enumerate(cases, start=1):
            answers = model.segment(case.read_pixels(), [item.prompts for item in prompts])
            objects = [
                ObjectMask.from_mask(answer.mask(), class_id=item.class_id)
                for answer, item in zip(answers, prompts, strict=True)
                if (answer.logits > 0).any()
            ]
            if not objects:
                raise UsageError(f"{case.id}: the model found nothing there. Try another prompt.")
            written += writer(case, objects, Path(out))
            show(done)
    return written


def check_cases(cases: Sequence[Case], recipe: Recipe, *, tell: Tell = _silent) -> Audit:
    """Audit a data set, with a progress bar."""
    with progress_bar("checking", len(cases)) as show:
        audit = audit_cases(cases, minimum_area=recipe.data.minimum_area, progress=show)
    tell(
        f"check: {audit.cases} images, {audit.objects} objects, "
        f"{len(audit.errors)} errors, {len(audit.warnings)} warnings"
    )
    return audit


def require_no_errors(audit: Audit) -> None:
    """Stop when the audit found errors.

    Raises:
        DataError: Names the first finding and counts the others.
    """
    if audit.errors:
        first, more = audit.errors[0], len(audit.errors) - 1
        others = f" ({more} more errors: `samdomains check` lists them)" if more else ""
        raise DataError(
            first.file or first.case or "data set", first.problem, first.remedy + others
        )


def _require_directory(directory: RunDirectory, resolved: ResolvedRecipe, *, resume: bool) -> None:
    """Refuse a used folder, or a resumed run with other values than it began with."""
    if not resume:
        require_free(directory.root)
        return
    directory.open(resume=True)
    earlier = read_recipe_file(directory.recipe)
    now = resolved.recipe.model_dump(mode="json")
    if Recipe.model_validate(earlier) != resolved.recipe:
        changed = [
            f"{section}.{key}"
            for section, values in now.items()
            if isinstance(values, dict)
            for key, value in values.items()
            if earlier[section][key] != value
        ]
        raise RunDirectoryError(
            f"{directory.root}: the run began with other values "
            f"({', '.join(changed) or 'seed or name'}). Resume with the same arguments, or start a new "
            "run in another folder."
        )


def _demo_data(domain: Domain, directory: RunDirectory, seed: int) -> Path:
    """Generate the domain's demo data inside the run, or again where a run is resumed."""
    data = directory.root / "demo_data"
    if data.exists():
        shutil.rmtree(data)
    return domain.make_demo_data(data, seed)


def _checkpoint(recipe: Recipe) -> Path | None:
    return Path(recipe.model.checkpoint) if recipe.model.checkpoint else None


def _open(plan: _Plan, *, resume: bool) -> None:
    """Begin the run directory with what was decided."""
    directory = plan.directory
    directory.open(resume=resume)
    write_text(directory.recipe, recipe_to_yaml(plan.resolved, with_origins=True))
    write_json(directory.explain, [asdict(answer) for answer in plan.domain.explain()])
    write_json(directory.split, plan.splits.to_json())


def _choose_strategy(plan: _Plan, tell: Tell) -> StrategyChoice:
    device, base, cases = best_device(), plan.base, plan.splits.train
    facts = Facts(
        model=base.name,
        parameters=sum(p.numel() for p in base.sam.parameters()),
        input_size=ARCHITECTURES[base.name].image_size,
        train_cases=len(cases),
        train_objects=sum(len(case.read_objects()) for case in cases if case.read_objects),
        device=device.type,
        memory_bytes=free_memory(device),
    )
    choice = plan.domain.choose_strategy(plan.recipe, facts)
    tell(f"strategy: {choice.name}. {' '.join(choice.reasons)}")
    return choice


def _score(
    domain: Domain, recipe: Recipe, systems: Mapping[str, Segmenter], cases: Sequence[Case]
) -> tuple[ObjectScore, ...]:
    with progress_bar(f"scoring {', '.join(systems)}", len(cases)) as show:
        return score(
            systems,
            cases,
            normalizer=domain.normalize_intensity(recipe),
            prompts=recipe.evaluation.prompts,
            minimum_area=recipe.data.minimum_area,
            seed=recipe.seed,
            progress=show,
        )


def _zero_shot_scores(plan: _Plan) -> tuple[ObjectScore, ...]:
    """Scores of the systems that tuning does not change; kept for a resumed run."""
    kept = plan.directory.zero_shot
    if kept.exists():
        values = json.loads(kept.read_text(encoding="utf-8"))
        return tuple(ObjectScore.from_json(score) for score in values)
    zero_shot = SamSegmenter(plan.base.sam.to(best_device()), plan.recipe.model.tile)
    systems: dict[str, Segmenter] = {"zero_shot": zero_shot, "box_ellipse": BoxEllipse()}
    scores = _score(plan.domain, plan.recipe, systems, plan.splits.test)
    write_json(kept, [asdict(score) for score in scores])
    return scores


def _tune(plan: _Plan, choice: StrategyChoice, *, resume: bool) -> Sequence[EpochRecord]:
    domain, recipe, base = plan.domain, plan.recipe, plan.base
    metadata = ArtefactMetadata(
        base_name=base.name,
        base_sha256=base.sha256,
        strategy=choice.name,
        domain=domain.name,
        distribution=domain.distribution,
        version=domain.version,
        recipe=recipe,
    )
    task = Task(
        sam=base.sam.to(best_device()),
        train=plan.splits.train,
        val=plan.splits.val,
        normalizer=domain.normalize_intensity(recipe),
        sampler=domain.sample_prompts(recipe),
        recipe=recipe,
        choice=choice,
        directory=plan.directory.root,
        save_best=partial(save_artefact, plan.directory.model, metadata=metadata),
    )
    return train(task, resume=resume).history


def _tuned_segmenter(plan: _Plan) -> SamSegmenter:
    """The model as anybody will load it: from its file."""
    loaded = load_artefact(plan.directory.model, checkpoint=_checkpoint(plan.recipe))
    return SamSegmenter(loaded.sam.to(best_device()), plan.recipe.model.tile)


def _untuned_segmenter(plan: _Plan) -> SamSegmenter:
    """The base model once more, since tuning changed the loaded one in place."""
    base = load_base(plan.base.name, _checkpoint(plan.recipe))
    return SamSegmenter(base.sam.to(best_device()), plan.recipe.model.tile)


def _report(
    plan: _Plan,
    choice: StrategyChoice,
    history: Sequence[EpochRecord],
    scores: Sequence[ObjectScore],
    tuned: Segmenter,
    watch: Stopwatch,
) -> Result:
    """Write scores, verdict and, as the last file, the report."""
    directory, splits = plan.directory, plan.splits
    metrics = _summary(scores, plan.recipe, splits.test)
    card = _card(scores, plan.recipe, trained_on=len(splits.train))
    write_json(directory.metrics, metrics)
    write_json(directory.card, card.to_json())
    record = RunRecord(
        domain=plan.domain,
        resolved=plan.resolved,
        audit=plan.audit,
        splits=splits,
        choice=choice,
        history=[asdict(epoch) for epoch in history],
        scores=scores,
        metrics=metrics,
        card=card,
        seconds=watch.seconds,
        base=f"{plan.base.name} (SHA-256 {plan.base.sha256[:16]}…)",
        systems={"tuned": tuned, "zero_shot": _untuned_segmenter(plan)},
    )
    write_run_report(directory.report, record)
    directory.finish()
    return Result(directory.root, metrics, card)


def _summary(
    scores: Sequence[ObjectScore], recipe: Recipe, cases: Sequence[Case]
) -> dict[str, Any]:
    return summarize(
        scores, resamples=recipe.evaluation.bootstrap, seed=recipe.seed, cases=len(cases)
    )


def _card(scores: Sequence[ObjectScore], recipe: Recipe, *, trained_on: int) -> Card:
    dice, groups = case_dice(scores)
    return make_card(
        dice,
        groups,
        trained_on=trained_on,
        resamples=recipe.evaluation.bootstrap,
        seed=recipe.seed,
    )


def _only(cases: Sequence[Case], split: Split | None, source: Path) -> Sequence[Case]:
    """The cases of one split of the data's own ``splits.json``."""
    if split is None:
        return cases
    chosen = [case for case in cases if case.split == split]
    if not chosen:
        raise UsageError(
            f"{source}: no case belongs to the split '{split}'. "
            "--split needs a splits.json beside the images."
        )
    return chosen
