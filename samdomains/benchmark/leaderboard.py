"""Tables of a suite: means over seeds with intervals by group, and tests between systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samdomains.benchmark.matrix import SCHEMA, CellResult
from samdomains.benchmark.suites import GENERATED, Images, Suite
from samdomains.chain import Domain
from samdomains.discovery import core_version
from samdomains.evaluation.averages import finite_mean, grouped, mean_of
from samdomains.evaluation.paired import PairedTest, holm, paired_test
from samdomains.reports.provenance import hardware

RESAMPLES = 1000
"""Bootstrap resamples of each interval."""

OF_OBJECTS = ("ap", "ap50", "pq")
"""Measures of answers without prompts that the tables repeat, from ``instances``."""

OF_VOLUMES = ("dice", "nsd", "hd95_mm")
"""Measures of whole objects of volumes that the tables repeat, from ``volumes``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system in one table.

    Attributes:
        system: ``zero_shot``, ``box_ellipse``, a strategy or ``unet``.
        model: Name of the SAM; empty where there is none.
        values: Measure → prompt → case → mean over the seeds.
        instances: Measure → mean over the seeds, of answers without prompts.
        volumes: Prompt → measure → mean over the seeds, of whole objects of volumes.
        seconds: Of training, mean over the seeds; 0 where nothing was trained.
    """

    system: str
    model: str
    values: Mapping[str, Mapping[str, Mapping[str, float]]]
    instances: Mapping[str, float]
    volumes: Mapping[str, Mapping[str, float]]
    seconds: float

    def to_json(self, groups: Mapping[str, str]) -> dict[str, Any]:
        """As ``results.json`` holds it, each mean with its interval."""
        prompts: dict[str, dict[str, Any]] = {}
        for measure, by_prompt in self.values.items():
            for prompt, cases in by_prompt.items():
                mean = mean_of(
                    list(cases.values()),
                    [groups[case] for case in cases],
                    resamples=RESAMPLES,
                    seed=0,
                )
                prompts.setdefault(prompt, {})[measure] = mean
        return {
            "system": self.system,
            "model": self.model,
            "seconds": self.seconds,
            "prompts": prompts,
            "instances": dict(self.instances),
            "volumes": {prompt: dict(means) for prompt, means in self.volumes.items()},
        }


def leaderboard(
    domain: Domain, suite: Suite, results: Sequence[CellResult], missing: Mapping[str, str]
) -> dict[str, Any]:
    """The content of ``results.json``.

    Args:
        domain: Whose suite it is.
        suite: What was compared.
        results: Of all cells so far.
        missing: Data set → why it was not used.

    Returns:
        ``{"schema", "samdomains", "domain", "plugin", "suite", "generated", "hardware", "data",
        "tables", "failed"}``. ``tables`` has an entry for each data set and number of training
        images: ``{"data", "images", "train", "val", "test", "seeds", "rows", "comparisons"}``.
    """
    sound = [result for result in results if not result.error]
    data = {result.cell.data: dict(result.about) for result in results}
    tables = [
        _table(name, images, [r for r in sound if r.cell.data == name])
        for name in data
        for images in _sizes(sound, name)
    ]
    return {
        "schema": SCHEMA,
        "samdomains": core_version(),
        "domain": domain.name,
        "plugin": f"{domain.distribution} {domain.version}",
        "suite": suite.title,
        "generated": GENERATED in data,
        "hardware": hardware(),
        "data": data,
        "tables": tables,
        "failed": {**missing, **{r.cell.key: r.error for r in results if r.error}},
    }


def _sizes(results: Sequence[CellResult], data: str) -> list[Images]:
    """Numbers of training images that anything was trained with; ``all`` where nothing was."""
    own = [r.cell for r in results if r.cell.data == data]
    trained = list(dict.fromkeys(cell.images for cell in own if cell.kind != "untuned"))
    return trained or (["all"] if own else [])


def _table(data: str, images: Images, results: Sequence[CellResult]) -> dict[str, Any]:
    own = [r for r in results if r.cell.kind == "untuned" or r.cell.images == images]
    sized = [r for r in own if r.cell.kind != "untuned"] or own
    groups = {case: group for result in own for case, group in result.groups.items()}
    rows = _rows(own)
    return {
        "data": data,
        "images": images,
        **{part: max((r.images[part] for r in sized), default=0) for part in _PARTS},
        "seeds": sorted({result.cell.seed for result in own}),
        "rows": [row.to_json(groups) for row in rows],
        "comparisons": _comparisons(rows, groups),
    }


_PARTS = ("train", "val", "test")


def _rows(results: Sequence[CellResult]) -> list[Row]:
    """Untuned systems, strategies and U-Net, each over its seeds."""
    rows: list[Row] = []
    for (kind, model), own in grouped(results, lambda r: (r.cell.kind, r.cell.model)).items():
        names = {"untuned": ("zero_shot", "box_ellipse"), "unet": ("unet",)}.get(kind, ("tuned",))
        for name in names:
            row = Row(
                system=kind if name == "tuned" else name,
                model="" if name in ("box_ellipse", "unet") else model,
                values=_over_seeds(name, own),
                instances=_instances(name, own),
                volumes=_volumes(name, results if name == "zero_shot" else own, model),
                seconds=finite_mean(r.seconds.get("tune", 0.0) for r in own),
            )
            if row.values and all((row.system, row.model) != (r.system, r.model) for r in rows):
                rows.append(row)
    return rows


def _over_seeds(
    system: str, results: Sequence[CellResult]
) -> dict[str, dict[str, dict[str, float]]]:
    """Measure → prompt → case → mean over the seeds in which the case was tested."""
    collected: dict[str, dict[str, dict[str, list[float]]]] = {}
    for result in results:
        for measure, systems in result.values.items():
            for prompt, cases in systems.get(system, {}).items():
                for case, value in cases.items():
                    by_prompt = collected.setdefault(measure, {}).setdefault(prompt, {})
                    by_prompt.setdefault(case, []).append(value)
    return {
        measure: {
            prompt: {case: finite_mean(values) for case, values in cases.items()}
            for prompt, cases in by_prompt.items()
        }
        for measure, by_prompt in collected.items()
    }


def _instances(system: str, results: Sequence[CellResult]) -> dict[str, float]:
    found = [r.metrics["instances"].get(system) for r in results if "instances" in r.metrics]
    return {
        measure: finite_mean(
            _number(entry[measure]["mean"]) for entry in found if entry is not None
        )
        for measure in OF_OBJECTS
        if any(entry is not None for entry in found)
    }


def _volumes(system: str, results: Sequence[CellResult], model: str) -> dict[str, dict[str, float]]:
    """Prompt → measure → mean over the seeds; only runs follow objects, zero-shot ones too."""
    found = [
        (prompt, entry)
        for result in results
        if result.cell.model == model
        for prompt, entry in result.metrics.get("volumes", {}).get(system, {}).items()
    ]
    return {
        prompt: {
            measure: finite_mean(_number(entry[measure]["mean"]) for _, entry in own)
            for measure in OF_VOLUMES
        }
        for prompt, own in grouped(found, lambda item: item[0]).items()
    }


def _number(value: float | None) -> float:
    """A mean as JSON has it."""
    return math.nan if value is None else value


def _comparisons(rows: Sequence[Row], groups: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each trained SAM against its untuned self and against the U-Net, by Dice.

    The p-values of one way of prompting are corrected together.
    """
    found = []
    trained = [row for row in rows if row.model and row.system != "zero_shot"]
    for prompt in dict.fromkeys(p for row in rows for p in row.values.get("dice", {})):
        pairs = [
            (first, second)
            for first in trained
            for second in rows
            if (second.system == "zero_shot" and second.model == first.model)
            or second.system == "unet"
            if prompt in first.values["dice"] and prompt in second.values.get("dice", {})
        ]
        tests = [
            _compared(first.values["dice"][prompt], second.values["dice"][prompt], groups)
            for first, second in pairs
        ]
        corrected = holm([test.p_value for test in tests])
        for (first, second), test, p in zip(pairs, tests, corrected, strict=True):
            names = {"system": first.system, "model": first.model, "against": second.system}
            entry = {"mean": test.mean, "ci95": list(test.ci95), "p": test.p_value, "p_holm": p}
            found.append({"prompt": prompt, **names, **entry, "cases": test.cases})
    return found


def _compared(
    first: Mapping[str, float], second: Mapping[str, float], groups: Mapping[str, str]
) -> PairedTest:
    """On the cases that both have a number for: with several seeds a split may differ."""
    both = [case for case in first if case in second]
    return paired_test(
        {case: first[case] for case in both},
        {case: second[case] for case in both},
        groups,
        resamples=RESAMPLES,
        seed=0,
    )
