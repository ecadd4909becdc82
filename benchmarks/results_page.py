"""Write docs/results.md from the results of the suites in benchmarks/results/, one folder a domain.

Each folder holds the ``results.json`` and ``results.md`` that ``samdomains bench`` wrote. With
``--check`` nothing is written, and the exit code is 1 where the page is out of date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.reports.leaderboard import Table, machine, markdown_table, summary_tables

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results.md"
UNET = "U-Net from scratch"

INTRODUCTION = """\
# Results

<!-- Written by benchmarks/results_page.py from benchmarks/results/: run it after a suite. -->

What `samdomains bench` found with the shipped model [`tiny`](tiny.md), all training images of each
data set, the default recipe of each domain and one seed. [Benchmarks](benchmarks.md) says what is
compared and how. These are small public sets, of which often a few images are left for the test:
**look at the intervals** before you conclude anything. One seed says nothing about the spread
between trainings. Each set ran alone on one of two cores. The U-Net had as many minutes as the
slowest way of tuning SAM: some hundred steps, which is few for a network that begins from nothing.
With a GPU, or a night, it would do better, and so would SAM.

Three things to know before you choose. Boxes around all objects are SAM's game, and most of its
score was there before tuning; the ellipse says how much of it the box alone gives away. Without
prompts, finding what is of a kind is the U-Net's game. And of the three ways to tune, all of `tiny`
gained most; LoRA, with the default learning rate and ten passes over so few images, gained least:
from boxes 0.02 at most, and nothing on half of the sets.
"""


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; return the exit code."""
    text = page(sorted(RESULTS.glob("*/results.json")))
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.stderr.write("docs/results.md is out of date: run python benchmarks/results_page.py\n")
        return 1
    return 0


def page(files: Sequence[Path]) -> str:
    """The page about the results in these files."""
    suites = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    lines = [INTRODUCTION]
    for table in summary_tables(together(suites)):
        lines += [f"## {table.title}", "", *markdown_table(table), "", winners(table), ""]
    lines += ["## Every table", "", *_links(files, suites), ""]
    return "\n".join(lines)


def together(suites: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tables of several domains as if they were of one, ``domain: data set`` by name."""
    data, tables = {}, []
    for suite in suites:
        data |= {f"{suite['domain']}: {name}": about for name, about in suite["data"].items()}
        tables += [{**t, "data": f"{suite['domain']}: {t['data']}"} for t in suite["tables"]]
    return {"data": data, "tables": tables}


def winners(table: Table) -> str:
    """Where the U-Net is best, in words."""
    place = table.columns.index(UNET)
    won = [row.name for row in table.rows if row.cells[place].best]
    where = f": {', '.join(won)}" if won else ""
    return f"The U-Net is best on {len(won)} of {len(table.rows)} data sets{where}."


def _links(files: Sequence[Path], suites: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for path, suite in zip(files, suites, strict=True):
        folder = path.parent.relative_to(ROOT).as_posix()
        link = f"[{suite['domain']}](../{folder}/results.md)"
        yield f"- {link}: {suite['suite']}. Machine: {machine(suite)}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
