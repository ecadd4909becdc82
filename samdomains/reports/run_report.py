"""From a finished run to its report: picks the pictures and lays out what was run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from markupsafe import Markup

from samdomains.audit.findings import Audit
from samdomains.chain import Domain
from samdomains.data.parts import normalized_image
from samdomains.data.splits import CaseSplits
from samdomains.evaluation.card import Card, case_dice
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.volume_targets import whole_volumes
from samdomains.facts import StrategyChoice
from samdomains.protocols import PromptedImage, Segmenter
from samdomains.recipe_layers import ResolvedRecipe
from samdomains.reports.figures import Panel, case_panels
from samdomains.reports.html import (
    ExplainRow,
    Group,
    Picture,
    RecipeRow,
    ReportData,
    SplitCount,
    write_report,
)
from samdomains.reports.provenance import (
    command_line,
    data_hash,
    energy_line,
    hardware,
    peak_memory,
)
from samdomains.sam.download import sha256_of
from samdomains.types import Case, Mask, Prompts

PICTURED = "box"
"""The way of prompting whose answers are shown."""

Dice: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float]]]
"""System → prompt → case → Dice."""

LIBRARIES = ("samdomains", "torch", "segment-anything", "accelerate", "peft", "monai", "numpy")


@dataclass(frozen=True, slots=True, eq=False)
class RunRecord:
    """What a finished run knows.

    Attributes:
        domain: The selected domain.
        resolved: Recipe and origins.
        audit: What the check found.
        splits: The cases.
        choice: Strategy and reasons.
        history: One mapping for each epoch, as ``curves.loss_curve`` takes it.
        kept: Which weights were kept, in a sentence.
        scores: Of all systems on the test split.
        metrics: Their summary.
        card: The verdict.
        seconds: Stage → wall time.
        base: Name and hash of the base model.
        base_sha256: Its whole hash.
        systems: The systems whose answers are pictured.
        model: The tuned model's file; None where there is none yet.
        demo: Whether the domain generated the data.
        joules: What was measured → energy, since the run was started or resumed.
        volumes: Sections about volumes, from ``volume_page.volume_section``.
    """

    domain: Domain
    resolved: ResolvedRecipe
    audit: Audit
    splits: CaseSplits
    choice: StrategyChoice
    history: Sequence[Mapping[str, float]]
    kept: str
    scores: Sequence[ObjectScore]
    metrics: Mapping[str, Any]
    card: Card
    seconds: Mapping[str, float]
    base: str
    systems: Mapping[str, Segmenter]
    base_sha256: str = ""
    model: Path | None = None
    demo: bool = False
    joules: Mapping[str, float] | None = None
    volumes: Sequence[Markup] = ()


def write_run_report(path: Path, record: RunRecord) -> None:
    """Write ``report.html`` of a run."""
    parts = {"train": record.splits.train, "val": record.splits.val, "test": record.splits.test}
    data = ReportData(
        title=f"SAM tuned for {record.domain.name}",
        domain=record.domain.name,
        base=record.base,
        metrics=record.metrics,
        card=record.card,
        splits=[
            SplitCount(name, len(cases), len({c.group for c in cases}))
            for name, cases in parts.items()
        ],
        split_rule=record.splits.how,
        findings=record.audit.findings,
        history=record.history,
        kept=record.kept,
        strategy=record.choice,
        recipe=[
            RecipeRow(key, str(_value(record.resolved, key)), origin)
            for key, origin in record.resolved.origins.items()
        ],
        explain=_explain_rows(record.domain),
        versions={name: metadata.version(name) for name in LIBRARIES},
        hardware=hardware() | peak_memory() | {"energy": energy_line(record.joules)},
        hashes=_hashes(record),
        again=command_line(
            record.domain.name, demo=record.demo, plugin=_plugin_file(record.domain)
        ),
        seconds=record.seconds,
        pictures=_pictures(record),
        volumes=record.volumes,
        volume_note=_volume_note(record),
    )
    write_report(path, data)


def _volume_note(record: RunRecord) -> str:
    """Why there are no scores of whole volumes, where slices of volumes were tested."""
    recipe, test = record.resolved.recipe, record.splits.test
    if "volumes" in record.metrics or all(case.slice_of is None for case in test):
        return ""
    if recipe.evaluation.volume_objects == 0:
        return "Whole objects were not scored, since evaluation.volume_objects is 0."
    if not whole_volumes(test):
        return (
            "Whole objects were not scored: that needs test volumes with all of their slices, and "
            "here each volume was divided between training and test. Add volumes."
        )
    return "Whole objects were not scored, since the test volumes have none that is large enough."


def _hashes(record: RunRecord) -> dict[str, str]:
    """What the numbers hang on → its SHA-256."""
    splits = record.splits
    data = data_hash([*splits.train, *splits.val, *splits.test])
    hashes = {
        "data": "" if data is None else str(data),
        "base model": record.base_sha256,
        "model.safetensors": "" if record.model is None else sha256_of(record.model),
    }
    return {name: value for name, value in hashes.items() if value}


def _plugin_file(domain: Domain) -> str:
    """Name of the user's own plugin file; empty where there is none."""
    local = {
        Path(item.file).name
        for answer in domain.explain()
        for item in answer.implementations
        if item.layer.startswith("local file")
    }
    return next(iter(local), "")


def _pictures(record: RunRecord) -> list[Picture]:
    """Test cases from both ends and the middle of the tuned model's ranking."""
    dice = case_dice(record.scores)[0]
    means = dice.get("tuned", {}).get(PICTURED, {})
    ranked = sorted((case for case in means if math.isfinite(means[case])), key=means.__getitem__)
    cases = {case.id: case for case in record.splits.test}
    return [
        Picture(
            f"{name}: Dice {means[name]:.3f} from boxes", _panels(record, cases[name], dice), group
        )
        for name, group in chosen_cases(ranked)
    ]


def chosen_cases(ranked: Sequence[str]) -> list[tuple[str, Group]]:
    """The two worst, the two in the middle and the two best, fewer where there are not so many.

    Args:
        ranked: Cases, the worst first.

    Returns:
        Case and group in the same order; none is there twice, and the worst is there in any case.

    Example:
        >>> chosen_cases(["a", "b", "c", "d"])
        [('a', 'worst'), ('b', 'worst'), ('c', 'median'), ('d', 'best')]
    """
    shown = min(len(ranked), 6)
    worst, best, median = (shown + 2) // 3, (shown + 1) // 3, shown // 3
    start = max(worst, min((len(ranked) - median + 1) // 2, len(ranked) - best - median))
    groups: list[tuple[Group, Sequence[str]]] = [
        ("worst", ranked[:worst]),
        ("median", ranked[start : start + median]),
        ("best", ranked[len(ranked) - best :]),
    ]
    return [(case, group) for group, cases in groups for case in cases]


def _panels(record: RunRecord, case: Case, dice: Dice) -> list[Panel]:
    """Input, prompts, truth, and each system's answer and errors for one case."""
    recipe = record.resolved.recipe
    image = normalized_image(case, record.domain.normalize_intensity(recipe))
    objects = [
        item
        for item in (case.read_objects() if case.read_objects else ())
        if not item.crowd and item.area >= recipe.data.minimum_area
    ]
    prompts = [Prompts(box=item.box) for item in objects]
    return case_panels(
        image,
        prompts=prompts,
        truth=(item.mask() for item in objects),
        predictions={
            name: _masks(system.encode(image), prompts) for name, system in record.systems.items()
        },
        dice={
            system: prompts[PICTURED][case.id]
            for system, prompts in dice.items()
            if case.id in prompts.get(PICTURED, {})
        },
    )


def _masks(image: PromptedImage, prompts: Sequence[Prompts]) -> Iterator[Mask]:
    """(H, W) answers, a few in memory at a time."""
    for start in range(0, len(prompts), 32):
        for prediction in image.predict(prompts[start : start + 32], multimask=False):
            yield prediction.mask()


def _explain_rows(domain: Domain) -> list[ExplainRow]:
    rows = []
    for answer in domain.explain():
        for place, item in enumerate(answer.implementations):
            if answer.rule == "all" or place == 0:
                layer = item.layer  # a local file has no version, and its path is nobody's business
                if item.version:
                    layer += f" ({item.distribution} {item.version})"
                rows.append(ExplainRow(answer.hook, layer, f"{Path(item.file).name}:{item.line}"))
    return rows


def _value(resolved: ResolvedRecipe, key: str) -> object:
    """The value of a dotted key."""
    value: object = resolved.recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value
