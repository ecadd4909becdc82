"""Running one cell: scoring what is untuned, tuning by a strategy, or training a U-Net."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from samdomains import pipeline
from samdomains.benchmark.data import FoundData
from samdomains.benchmark.folder import ResultsFolder
from samdomains.benchmark.matrix import CaseValues, Cell, CellResult
from samdomains.benchmark.suites import Suite
from samdomains.benchmark.unet import train_unet
from samdomains.chain import Domain
from samdomains.checking import Tell
from samdomains.discovery import core_version
from samdomains.errors import TrainingError
from samdomains.evaluation.averages import finite_mean, grouped
from samdomains.evaluation.instance_results import semantic_overlaps
from samdomains.evaluation.score_table import read_scores
from samdomains.evaluation.scores import Scores
from samdomains.files import write_text
from samdomains.preparation import Plan, prepare
from samdomains.processes import current_processes
from samdomains.progress import progress_bar
from samdomains.recipe import Recipe
from samdomains.recipe_layers import ResolvedRecipe, recipe_to_yaml
from samdomains.run_directory import RunDirectory
from samdomains.sam.devices import best_device
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.scoring import encoder_for, score_test, summarized, untuned_scores
from samdomains.stopwatch import Stopwatch
from samdomains.yaml_values import dump_value

MEASURES = ("dice", "iou", "boundary_f", "nsd", "hd95_px")
"""Measures of an object that are kept by case."""

EVALUATION: Mapping[str, Mapping[str, Any]] = {
    "evaluation": {"prompts": ["box", "point", "point+3", "auto"], "health": False},
    "auto": {"points": 16},
}
"""What every suite asks: without prompts too, where a quarter of the points of ``segment --auto``
finds what is not tiny. The health card is for one model that is to be shipped."""


@dataclass(frozen=True, slots=True, eq=False)
class Laboratory:
    """What the cells of a suite have in common.

    Attributes:
        domain: Reads and prepares the images.
        local_plugin: The user's own plugin file.
        suite: What is compared.
        folder: Where the results go.
        settings: ``section.key=value`` of the user, for every cell.
        cache: Keeps embeddings from cell to cell.
        tell: Takes one line about what happens now.
    """

    domain: Domain
    local_plugin: Path | None
    suite: Suite
    folder: ResultsFolder
    settings: Sequence[str]
    cache: EmbeddingCache
    tell: Tell

    def fingerprint(self, cell: Cell, data: FoundData) -> str:
        """SHA-256 of what decides about a cell: version, recipe, data, and who prepares them."""
        decides = [
            core_version(),
            self.domain.version,
            self.domain.winner("normalize_intensity"),
            recipe_to_yaml(self.resolved(cell, data), with_origins=False),
            data.sha256,
        ]
        return hashlib.sha256("\n".join(decides).encode()).hexdigest()

    def perform(self, cell: Cell, data: FoundData, done: Sequence[CellResult]) -> CellResult:
        """Run a cell.

        Args:
            cell: Which.
            data: Its data set.
            done: Results of the cells before it, of the same data set and seed.

        Raises:
            SamDomainsError: It cannot be run, with the reason.
        """
        if cell.kind == "untuned":
            return self._untuned(cell, data)
        if cell.kind == "unet":
            return self._unet(cell, data, seconds_for_unet(cell, done))
        return self._tuned(cell, data)

    def _untuned(self, cell: Cell, data: FoundData) -> CellResult:
        watch, plan = Stopwatch(), self._plan(cell, data)
        with watch.stage("zero-shot"):
            encoder = encoder_for(plan, self.cache, self.tell, plan.base.sam)
            scores = untuned_scores(plan, encoder)
        return self._result(cell, data, plan, scores, watch.seconds)

    def _tuned(self, cell: Cell, data: FoundData) -> CellResult:
        directory = RunDirectory(self.folder.run(cell))
        result = pipeline.run(
            self.domain.name,
            data.source,
            out=directory.root,
            recipe_file=self._recipe_file(data),
            settings=self._settings(cell),
            local_plugin=self.local_plugin,
            resume=directory.root.exists(),
            cache=self.cache,
            tell=self.tell,
        )
        parts = json.loads(directory.split.read_text(encoding="utf-8"))
        values, groups = values_by_case(result.scores or Scores(read_scores(directory.scores)))
        return CellResult(
            cell,
            self.fingerprint(cell, data),
            data.about,
            images={name: len(cases) for name, cases in parts.items()},
            seconds={**result.seconds, "tune": _seconds_of_tuning(result, directory)},
            metrics=result.metrics,
            values=values,
            groups=groups,
        )

    def _unet(self, cell: Cell, data: FoundData, seconds: float) -> CellResult:
        watch, plan = Stopwatch(), self._plan(cell, data)
        with watch.stage("tune"), progress_bar("training a U-Net", round(seconds)) as show:
            unet = train_unet(
                plan.splits.train,
                plan.splits.val,
                normalizer=self.domain.normalize_intensity(plan.recipe),
                recipe=plan.recipe,
                seconds=seconds,
                seed=cell.seed,
                device=best_device(),
                processes=current_processes(),
                progress=show,
            )
        current_processes().from_main(
            partial(unet.save, self.folder.run(cell) / "unet.safetensors")
        )
        with watch.stage("test"):
            scores = score_test(_with_auto(plan), {"unet": unet})
        return self._result(cell, data, plan, scores, watch.seconds)

    def _result(
        self, cell: Cell, data: FoundData, plan: Plan, scores: Scores, seconds: Mapping[str, float]
    ) -> CellResult:
        recipe, splits = plan.recipe, plan.splits
        summary = summarized(scores, (), recipe, splits.test)
        values, groups = values_by_case(scores)
        return CellResult(
            cell,
            self.fingerprint(cell, data),
            data.about,
            images={name: len(cases) for name, cases in splits.to_json().items()},
            seconds=dict(seconds),
            metrics=summary,
            values=values,
            groups=groups,
        )

    def _plan(self, cell: Cell, data: FoundData) -> Plan:
        """Data, parts and base model as ``run`` has them."""
        resolved, directory = self.resolved(cell, data), RunDirectory(self.folder.run(cell))
        return prepare(self.domain, resolved, data.source, directory, tell=self.tell)

    def resolved(self, cell: Cell, data: FoundData) -> ResolvedRecipe:
        """Every value of a cell, with its origin.

        Raises:
            RecipeError: A value of the suite, of the data set or of the user does not fit.
        """
        return self.domain.resolve_recipe(
            file=self._recipe_file(data), settings=self._settings(cell)
        )

    def _settings(self, cell: Cell) -> list[str]:
        """The user's settings, then what makes the cell."""
        own: dict[str, object] = {"seed": cell.seed, "strategy.name": "decoder"}
        if cell.model:
            own["model.name"] = cell.model
        if cell.kind not in ("untuned", "unet"):
            own["strategy.name"] = cell.kind
        if cell.images != "all":
            own["data.train_images"] = cell.images
        return [*self.settings, *(f"{key}={value}" for key, value in own.items())]

    def _recipe_file(self, data: FoundData) -> Path:
        """The suite's values for a data set, as a recipe file, so that they bear its name."""
        merged: dict[str, dict[str, Any]] = {}
        for values in (EVALUATION, self.suite.recipe, data.description.recipe):
            for section, own in values.items():
                merged[section] = {**merged.get(section, {}), **own}
        lines = [f"# benchmark suite: {self.suite.title}; {data.description.title}"]
        lines.append(f"name: {dump_value(data.description.named)}")
        for section, own in merged.items():
            lines += [f"{section}:", *(f"  {key}: {dump_value(own[key])}" for key in own)]
        path, text = self.folder.recipe(data.description.name), "\n".join(lines) + "\n"
        current_processes().from_main(partial(_write_once, path, text))
        return path


def _seconds_of_tuning(result: pipeline.Result, directory: RunDirectory) -> float:
    """Since the run began: the stage counts from the last start, the log counts every epoch."""
    lines = directory.log.read_text(encoding="utf-8").splitlines()
    logged: float = sum(json.loads(line).get("seconds", 0.0) for line in lines)
    return max(result.seconds.get("tune", 0.0), logged)


def _write_once(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def _with_auto(plan: Plan) -> Plan:
    """The plan with answers without prompts scored too: a U-Net gives them anyway."""
    prompts = tuple(dict.fromkeys((*plan.recipe.evaluation.prompts, "auto")))
    evaluation = plan.recipe.evaluation.model_copy(update={"prompts": prompts})
    recipe: Recipe = plan.recipe.model_copy(update={"evaluation": evaluation})
    return replace(plan, resolved=replace(plan.resolved, recipe=recipe))


def seconds_for_unet(cell: Cell, done: Sequence[CellResult]) -> float:
    """As long as the slowest strategy tuned on the same images.

    Raises:
        TrainingError: None of them came to its end.
    """
    taken = [
        result.seconds["tune"]
        for result in done
        if result.cell.images == cell.images and result.cell.kind not in ("untuned", "unet")
        if "tune" in result.seconds
    ]
    if not taken:
        raise TrainingError(
            "the U-Net trains for as long as the slowest strategy on the same images, and none of "
            "them came to its end. See why in their cells, or leave it out with --no-unet"
        )
    return max(taken)


def values_by_case(scores: Scores) -> tuple[dict[str, CaseValues], dict[str, str]]:
    """Means of the objects of each case, and the cases' groups.

    Returns:
        Measure → system → prompt → case → value, without what has none; case → group.
    """
    values: dict[str, dict[str, dict[str, dict[str, float]]]] = {}

    def keep(measure: str, system: str, prompt: str, case: str, value: float) -> None:
        if math.isfinite(value):
            by_prompt = values.setdefault(measure, {}).setdefault(system, {})
            by_prompt.setdefault(prompt, {})[case] = value

    answers = grouped(scores.objects, lambda score: (score.system, score.prompt, score.case))
    for (system, prompt, case), own in answers.items():
        for measure in MEASURES:
            mean = finite_mean(getattr(score, measure) for score in own)
            keep(measure, system, prompt, case, mean)
    whole = semantic_overlaps(scores.images)
    for item in whole:
        keep("semantic_dice", item.system, "auto", item.whole, item.dice)
    groups = {score.case: score.group for score in scores.objects}
    groups |= {item.whole: item.group for item in whole}
    return dict(values), groups
