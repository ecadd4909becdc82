"""The leaderboard of a benchmark suite: one HTML page, and the same tables as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from samdomains.reports.curves import Line, learning_curve
from samdomains.reports.pages import data_uri, rendered, write_page
from samdomains.reports.scores import PROMPT_NAMES, prompt_name

Results: TypeAlias = Mapping[str, Any]
"""The content of ``results.json``."""

SYSTEMS: Mapping[str, str] = {
    "decoder": "SAM, decoder tuned",
    "lora": "SAM, LoRA",
    "full": "SAM, all tuned",
    "zero_shot": "SAM, zero-shot",
    "box_ellipse": "Ellipse in box",
    "unet": "U-Net from scratch",
}
"""Systems in the order of their rows, and what readers call them."""

DETAILS: Mapping[str, str] = {
    "iou": "IoU",
    "boundary_f": "Boundary F",
    "nsd": "Surface Dice",
    "hd95_px": "HD95 (px)",
}
"""Measures beside Dice, and what readers call them."""

VOLUMES: Mapping[str, str] = {
    "dice": "3D Dice",
    "nsd": "3D surface Dice",
    "hd95_mm": "HD95 (mm)",
}
"""Measures of whole objects of volumes, from one box in the middle slice of each."""

LOWER_IS_BETTER = ("hd95_px", "hd95_mm")

NONE = "\N{EN DASH}"
"""What is shown where there is no number."""


@dataclass(frozen=True)
class Cell:
    """A number in a table.

    Attributes:
        mean: NaN where there is none.
        low: Lower end of its 95 percent interval; NaN where there is none.
        high: Upper end.
        best: Whether no other row has a better one, as it is shown.
        digits: Decimals that are shown.
    """

    mean: float
    low: float = math.nan
    high: float = math.nan
    best: bool = False
    digits: int = 3

    @property
    def text(self) -> str:
        """The mean as it is shown."""
        return f"{self.mean:.{self.digits}f}" if math.isfinite(self.mean) else NONE

    @property
    def interval(self) -> str:
        """Both ends as they are shown; empty where there is no interval."""
        if not math.isfinite(self.low) or not math.isfinite(self.high):
            return ""
        return f"{self.low:.{self.digits}f} to {self.high:.{self.digits}f}"


@dataclass(frozen=True)
class Row:
    """A system and its numbers."""

    name: str
    cells: Sequence[Cell]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Systems by numbers.

    Attributes:
        title: What it is about.
        columns: Headings of the numbers.
        rows: In the order of ``SYSTEMS``.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]


def write_leaderboard(path: Path, results: Results) -> None:
    """Write the page as a single HTML file, atomically; it needs no network and no script."""
    page = rendered(
        "leaderboard.html.j2",
        results=results,
        summaries=summary_tables(results),
        sections=[_section(results, name) for name in results["data"]],
        title=_title(results),
        how=HOW,
    )
    write_page(path, page)


HOW = (
    "Dice from prompts made from the ground truth, identical for all systems; objects are averaged "
    "in their image, then the images. Small numbers are 95 % bootstrap intervals by group "
    "(patient, scene, slide). The U-Net is trained from scratch on the same images for as long as "
    "the slowest strategy took; it needs no prompt, so a prompt only chooses among what it found: "
    "a box cuts out the part inside, a point the object under it."
)
"""What the numbers are, in words."""


def leaderboard_markdown(results: Results) -> str:
    """The tables as Markdown."""
    lines = [f"# {_title(results)}", "", _made_by(results), "", HOW, ""]
    if results["generated"]:
        lines += ["**Generated data: these numbers say nothing about real images.**", ""]
    for summary in summary_tables(results):
        lines += [f"## {summary.title}", "", *markdown_table(summary), ""]
    for name, about in results["data"].items():
        lines += [f"## {name}", "", _about(about), ""]
        for table in _tables_of(results, name):
            lines += [f"### {_size(table)}", "", *markdown_table(dice_table(table)), ""]
            lines += [*(f"- {said}" for said in _sentences(table)), ""]
    lines += [f"Machine: {machine(results)}.", ""]
    lines += _failures(results)
    return "\n".join(lines).rstrip() + "\n"


SUMMARIES: Mapping[str, tuple[str, str]] = {
    "Dice from boxes": ("box", "dice"),
    "Dice without prompts": ("auto", "semantic_dice"),
}
"""Title of a table over all data sets → way of prompting and measure."""


def machine(results: Results) -> str:
    """What the last part was run on, in words."""
    return "; ".join(f"{name} {value}" for name, value in results["hardware"].items())


def summary_tables(results: Results) -> list[Table]:
    """Data sets by systems, with all training images: each of ``SUMMARIES`` that has a number."""
    largest = {name: own[-1] for name in results["data"] if (own := _tables_of(results, name))}
    every = [row for table in largest.values() for row in table["rows"]]
    models = {row["model"] for row in every if row["model"]}
    tables = []
    for title, (prompt, measure) in SUMMARIES.items():
        answering = [row for row in every if measure in row["prompts"].get(prompt, {})]
        names = sorted({_key(row) for row in answering}, key=_order)
        rows = []
        for data, table in largest.items() if names else ():
            by_system = {_key(row): row for row in table["rows"]}
            cells = [_cell(by_system.get(name), prompt, measure) for name in names]
            rows.append(Row(data, _with_best(cells), f"{table['train']} training images"))
        if rows:
            tables.append(Table(title, [_name(*name, models) for name in names], rows))
    return tables


def dice_table(table: Mapping[str, Any]) -> Table:
    """Dice of each system: by way of prompting, and of what it finds without any."""
    found = sorted(table["rows"], key=lambda row: _order(_key(row)))
    models = {row["model"] for row in found if row["model"]}
    prompts = [p for p in PROMPT_NAMES if p != "auto" and any(p in r["prompts"] for r in found)]
    columns = [[_cell(row, prompt, "dice") for row in found] for prompt in prompts]
    names = [prompt_name(prompt) for prompt in prompts]
    if any("auto" in row["prompts"] for row in found):
        names += ["No prompt: Dice", "AP50", "PQ"]
        columns.append([_cell(row, "auto", "semantic_dice") for row in found])
        columns += [[Cell(_number(r["instances"].get(m))) for r in found] for m in ("ap50", "pq")]
    columns = [_with_best(column) for column in columns]
    if any(row["volumes"] for row in found):
        names += VOLUMES.values()
        columns += [_volume_column(found, measure) for measure in VOLUMES]
    columns.append([Cell(row["seconds"] or math.nan, digits=0) for row in found])
    rows = [
        Row(_name(*_key(row), models), cells)
        for row, cells in zip(found, zip(*columns, strict=True), strict=True)
    ]
    return Table(_size(table), [*names, "Tuning (s)"], rows)


def _volume_column(rows: Sequence[Mapping[str, Any]], measure: str) -> list[Cell]:
    """A measure of whole objects of volumes, under the first way of prompting."""
    lowest = measure in LOWER_IS_BETTER
    cells = []
    for row in rows:
        means: Mapping[str, Any] = next(iter(row["volumes"].values()), {})
        cells.append(Cell(_number(means.get(measure)), digits=1 if lowest else 3))
    return _with_best(cells, lowest=lowest)


def detail_table(table: Mapping[str, Any]) -> Table:
    """Further measures of each system, from boxes."""
    found = sorted(table["rows"], key=lambda row: _order(_key(row)))
    models = {row["model"] for row in found if row["model"]}
    columns = [
        _with_best([_cell(row, "box", measure) for row in found], lowest=measure in LOWER_IS_BETTER)
        for measure in DETAILS
    ]
    rows = [
        Row(_name(*_key(row), models), cells)
        for row, cells in zip(found, zip(*columns, strict=True), strict=True)
    ]
    return Table("Box prompts: further measures", list(DETAILS.values()), rows)


def _section(results: Results, name: str) -> dict[str, Any]:
    """What the page says about one data set."""
    tables = _tables_of(results, name)
    lines = _lines(tables) if len(tables) > 1 else []
    curves = [learning_curve(lines, dark=dark) for dark in (False, True)] if lines else []
    return {
        "name": name,
        "about": results["data"][name],
        "tables": [
            (dice_table(table), detail_table(table), _sentences(table)) for table in tables[::-1]
        ],
        "curves": [data_uri("svg+xml", curve) for curve in curves],
    }


def _lines(tables: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Dice from boxes over the number of training images, a line a system."""
    models = {row["model"] for table in tables for row in table["rows"] if row["model"]}
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for table in tables:
        for row in table["rows"]:
            cell = _cell(row, "box", "dice")
            if math.isfinite(cell.mean):
                points.setdefault(_key(row), []).append((table["train"], cell.mean))
    return [
        Line(_name(*key, models), sorted(points[key]), trained=key[0] in _TRAINED)
        for key in sorted(points, key=_order)
    ]


_TRAINED = ("decoder", "lora", "full", "unet")


def _sentences(table: Mapping[str, Any]) -> list[str]:
    """What the paired tests of the box say, in words."""
    said = []
    for entry in table["comparisons"]:
        if entry["prompt"] != "box" or not math.isfinite(_number(entry["mean"])):
            continue
        low, high = (_number(end) for end in entry["ci95"])
        interval = f", 95 % interval {low:+.3f} to {high:+.3f}" if math.isfinite(low) else ""
        p = _number(entry["p_holm"])
        test = f", p = {p:.2g} after Holm's correction" if math.isfinite(p) else ""
        against = SYSTEMS.get(entry["against"], entry["against"])
        name = SYSTEMS.get(entry["system"], entry["system"])
        said.append(
            f"{name} against {against}, box: {entry['mean']:+.3f} Dice{interval}{test} "
            f"({entry['cases']} images)."
        )
    return said


def markdown_table(table: Table) -> Iterator[str]:
    """The lines of a table in Markdown, the best in bold, intervals in brackets."""
    yield "| " + " | ".join(["", *table.columns]) + " |"
    yield "|" + " --- |" + " ---: |" * len(table.columns)
    for row in table.rows:
        cells = [f"**{c.text}**" if c.best else c.text for c in row.cells]
        shown = [
            f"{text} ({cell.interval})" if cell.interval else text
            for text, cell in zip(cells, row.cells, strict=True)
        ]
        name = f"{row.name} ({row.note})" if row.note else row.name
        yield "| " + " | ".join([name, *shown]) + " |"


def _failures(results: Results) -> list[str]:
    if not results["failed"]:
        return []
    lines = ["## Without scores", ""]
    return lines + [f"- `{name}`: {_last(why)}" for name, why in results["failed"].items()]


def _last(why: str) -> str:
    """The last line of a traceback, or the message itself."""
    return why.splitlines()[-1] if why else ""


def _title(results: Results) -> str:
    return f"Benchmark of the domain {results['domain']}: {results['suite']}"


def _made_by(results: Results) -> str:
    return f"samdomains {results['samdomains']}, plugin {results['plugin']}."


def _about(about: Mapping[str, str]) -> str:
    return (
        f"{about['title']}. Source: {about['source']}. Licence: {about['licence']}. "
        f"Split: {about['split']}. SHA-256 of its files: `{about['sha256'][:16]}…`."
    )


def _size(table: Mapping[str, Any]) -> str:
    seeds = ", ".join(str(seed) for seed in table["seeds"])
    return (
        f"{table['train']} training, {table['val']} validation, {table['test']} test images, "
        f"seed {seeds}"
    )


def _tables_of(results: Results, data: str) -> list[Mapping[str, Any]]:
    """The tables of a data set, fewest training images first."""
    own = [table for table in results["tables"] if table["data"] == data]
    return sorted(own, key=lambda table: (table["images"] == "all", table["train"]))


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["system"], row["model"]


def _order(key: tuple[str, str]) -> tuple[int, str, str]:
    system, model = key
    place = list(SYSTEMS).index(system) if system in SYSTEMS else len(SYSTEMS)
    return place, system, model


def _name(system: str, model: str, models: set[str]) -> str:
    name = SYSTEMS.get(system, system)
    return f"{name} ({model})" if model and len(models) > 1 else name


def _cell(row: Mapping[str, Any] | None, prompt: str, measure: str) -> Cell:
    values = {} if row is None else row["prompts"].get(prompt, {}).get(measure, {})
    digits = 1 if measure in LOWER_IS_BETTER else 3
    low, high = values.get("ci95", (None, None))
    return Cell(_number(values.get("mean")), _number(low), _number(high), digits=digits)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _with_best(cells: Sequence[Cell], *, lowest: bool = False) -> list[Cell]:
    """The cells, the best of them marked, as they are shown."""
    sign = -1 if lowest else 1
    finite = [sign * float(cell.text) for cell in cells if math.isfinite(cell.mean)]
    return [
        replace(cell, best=math.isfinite(cell.mean) and sign * float(cell.text) == max(finite))
        for cell in cells
    ]
