"""Whole objects of volumes from one box in one slice, beside a floor and an upper bound.

python benchmarks/propagation.py DATA ct/abdomen_nifti=RUN ct/abdomen_nifti=OTHER_RUN [SET=RUN ...]

DATA holds the sets, each RUN is of ``samdomains run`` on its set; runs of one set that were tuned
differently stand beside each other. Every object (class and instance) of at least 50 voxels is
prompted with its exact box in its middle slice, and found by

* ``true box in every slice``: each slice that shows it is asked with its own true box;
* ``previous box``: the next slice is asked with the box of the mask before, until it is empty;
* ``one axis`` and ``three axes``: as ``Model.open_volume(...).follow`` does;
* ``suggested slice`` and ``random slice``: three axes and a second prompt, in the slice that
  ``VolumeObject.suggestion()`` names, and in a random other one that shows the object. The prompt
  is the true box; where the suggested slice does not show the object it is a click on the
  background inside of what was found there, and none where nothing was found.

Objects are followed as the present recipe of the domain says, whatever a run was tuned with. Each
object's figures are kept in ``--keep``: a stopped call goes on there, several may work on different
runs at the same time, and one call with all runs writes the table to ``--table``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from samdomains.evaluation.surface import Solid, measure_volume
from samdomains.inference import load_model
from samdomains.prompts.boxes import box_of
from samdomains.prompts.points import interior_point
from samdomains.types import Case, Mask, Prompts
from samdomains.volumes.following import OpenVolume, VolumeObject
from samdomains.volumes.planes import Planes

FEWEST_VOXELS = 50
"""Of an object, below which its surface is a matter of single voxels."""

TOLERANCE_MM = 2.0
"""Of the surface distance where the spacing is known; a voxel where it is not."""

NEAR = 2
"""Voxels from the border of the answer up to which doubt is compared in its narrow figure."""

SEED = 0
"""Of the objects drawn and of the random slices."""

UPPER, FLOOR, ONE, THREE = "true box in every slice", "previous box", "one axis", "three axes"
SUGGESTED, RANDOM = "three axes, suggested slice", "three axes, random slice"
SCORES = """\
# Whole objects of volumes from one box

`python benchmarks/propagation.py DATA SET=RUN ...`, {threads} thread(s);
[propagation.py](propagation.py) says what the rows are. Means over the objects of a set. NSD is the
surface within 2 mm, HD95 in mm (of the nuclei, whose spacing is unknown, within a voxel, and in
voxels) of the objects that every row found. Gap: the share of that between `previous box` and `true
box in every slice` that is closed. Where a set has one volume, the run was tuned on two thirds of
its slices.

| set, run | objects | system | Dice | NSD | HD95 | gap: Dice | gap: NSD |
|---|---|---|---|---|---|---|---|"""

COSTS = """
CPU seconds for each slice of an object, with embeddings computed (first prompt) or mostly kept;
areas under the ROC curve with which doubt finds wrong voxels, of all in the object's block and of
those near the answer's border; prompts in suggested slices.

| set, run | first prompt | second prompt | three axes | doubt | at the border | box, click, none |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One annotated object of a volume.

    Attributes:
        key: Case, class and instance.
        truth: (Z, H, W).
    """

    key: str
    truth: Solid

    @property
    def slices(self) -> list[int]:
        """Those that show it."""
        return [int(index) for index in np.flatnonzero(self.truth.any(axis=(1, 2)))]

    @property
    def middle(self) -> int:
        """The one in the middle of those."""
        return self.slices[len(self.slices) // 2]

    def box(self, index: int) -> Prompts:
        """Its exact box in a slice."""
        return Prompts(box=box_of(self.truth[index]))


@dataclass(frozen=True, slots=True)
class Figures:
    """How one system found one object; distances in mm, or in voxels without a spacing."""

    dice: float
    nsd: float
    hd95: float


@dataclass(frozen=True, slots=True)
class Record:
    """All that was measured on one object.

    Attributes:
        key: The structure's.
        systems: Figures by name.
        first: CPU seconds per slice of the object's first prompt along one axis: its windows are
            embedded.
        second: The same for a second prompt in another slice: its windows are in the cache, but for
            those that the new box leads to.
        three: CPU seconds per slice of the first prompt along three axes.
        doubt: Area under the ROC curve with which doubt finds wrong voxels in its block.
        doubt_near: The same among voxels near the border of the answer.
        suggested: What the suggested slice was prompted with: ``box``, ``click`` or ``none``.
    """

    key: str
    systems: dict[str, Figures]
    first: float
    second: float
    three: float
    doubt: float
    doubt_near: float
    suggested: str

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read back what was kept."""
        values = json.loads(line)
        systems = {name: Figures(**figures) for name, figures in values["systems"].items()}
        return cls(**{**values, "systems": systems})


@dataclass(frozen=True, slots=True)
class TunedOn:
    """A run and the set that it was tuned on."""

    folder: str
    run: Path

    @classmethod
    def parse(cls, text: str) -> TunedOn:
        """Read SET=RUN."""
        folder, _, run = text.partition("=")
        if not run:
            raise argparse.ArgumentTypeError(f"give SET=RUN, got {text}")
        return cls(folder.strip("/"), Path(run))

    def kept(self, folder: Path) -> Path:
        """The file of its records."""
        return folder / f"{self.folder.replace('/', '_')}-{self.run.name}.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=TunedOn.parse, nargs="+", metavar="SET=RUN")
    parser.add_argument("--keep", type=Path, default=Path("build/propagation"))
    parser.add_argument("--table", type=Path, default=Path("build/propagation.md"))
    parser.add_argument("--one-axis", action="store_true", help="leave out what takes longest")
    parser.add_argument("--objects", type=int, help="of a set, at most; drawn at random")
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    for tuned in arguments.runs:
        kept, thorough = tuned.kept(arguments.keep), not arguments.one_axis
        measure(tuned, arguments.data, kept, arguments.objects, thorough=thorough)
    text = report(comparable({tuned: read(tuned.kept(arguments.keep)) for tuned in arguments.runs}))
    arguments.table.write_text(text, encoding="utf-8")
    print(text)


def measure(tuned: TunedOn, data: Path, kept: Path, most: int | None, *, thorough: bool) -> None:
    """Add what is not measured yet to a run's records."""
    model = load_model(tuned.run)
    present = model.domain.resolve_recipe().recipe.propagation
    model = replace(model, recipe=model.recipe.model_copy(update={"propagation": present}))
    cases = list(model.domain.load_cases(data / tuned.folder, model.recipe))
    found = [(case, item) for case in cases for item in structures(case)]
    order = np.random.default_rng(SEED).permutation(len(found))[:most]
    done = {record.key for record in read(kept)}
    opened: dict[str, OpenVolume] = {}
    for place in order:  # random, so that what a stopped call has measured is a fair sample
        case, item = found[place]
        if item.key in done:
            continue
        if case.id not in opened:
            opened[case.id] = model.open_volume(case)
        record = measured(opened[case.id], item, case, thorough=thorough)
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record)) + "\n")
        scores = ", ".join(f"{record.systems[name].dice:.3f}" for name in record.systems)
        print(f"{tuned.run.name} {item.key}: {scores}", flush=True)


def read(path: Path) -> list[Record]:
    """What was measured already."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [Record.from_json(line) for line in text.splitlines()]


def comparable(results: Mapping[TunedOn, Sequence[Record]]) -> dict[TunedOn, list[Record]]:
    """Of each set the objects that all of its runs were measured on."""
    keys: dict[str, set[str]] = {}
    for tuned, records in results.items():
        own = {record.key for record in records}
        keys[tuned.folder] = keys.get(tuned.folder, own) & own
    return {
        tuned: [record for record in records if record.key in keys[tuned.folder]]
        for tuned, records in results.items()
    }


def structures(case: Case) -> Iterator[Structure]:
    """The objects of a volume that are large enough."""
    if case.read_objects is None:
        return
    truths: dict[tuple[int, int], Solid] = {}
    for item in case.read_objects():
        key, shape = (item.class_id, item.instance), (case.depth or 0, *item.image_size)
        truth = truths.setdefault(key, np.zeros(shape, dtype=bool))
        truth[item.slice_index or 0] |= item.mask()
    for (class_id, instance), truth in sorted(truths.items()):
        if np.count_nonzero(truth) >= FEWEST_VOXELS:
            yield Structure(f"{case.id}:{class_id}:{instance}", truth)


def measured(volume: OpenVolume, item: Structure, case: Case, *, thorough: bool) -> Record:
    """Find one object in all ways, or only along one axis."""
    rng = np.random.default_rng([SEED, *item.key.encode()])
    once, thrice = (
        replace(volume, recipe=volume.recipe.model_copy(update={"axes": axes})) for axes in (1, 3)
    )
    prompt = {item.middle: item.box(item.middle)}
    others = [index for index in item.slices if index != item.middle] or [item.middle]
    randomly = {(another := int(rng.choice(others))): item.box(another), **prompt}
    one, first = timed(lambda: once.follow(prompt))
    _, second = timed(lambda: once.follow(randomly))
    answers = {
        UPPER: asked_everywhere(volume.planes[0], item),
        FLOOR: asked_onwards(volume.planes[0], item),
        ONE: one.mask(),
    }
    third, wide, narrow, kind = math.nan, math.nan, math.nan, "none"
    if thorough:
        three, third = timed(lambda: thrice.follow(prompt))
        suggested, kind = second_prompt(three, item)
        again = thrice.follow(prompt | suggested) if suggested else three
        answers |= {THREE: three.mask(), SUGGESTED: again.mask()}
        answers[RANDOM] = thrice.follow(randomly).mask()
        wide, narrow = doubt_curves(three, item)
    systems = {name: figures(answer, item, case) for name, answer in answers.items()}
    return Record(item.key, systems, first, second, third, wide, narrow, kind)


def timed(follow: Callable[[], VolumeObject]) -> tuple[VolumeObject, float]:
    """The object, and CPU seconds for each slice in which it was found."""
    started = time.process_time()
    found = follow()
    return found, (time.process_time() - started) / max(1, len(found.sections))


def second_prompt(found: VolumeObject, item: Structure) -> tuple[dict[int, Prompts], str]:
    """What a user would say in the suggested slice, and which kind of prompt it is."""
    index = found.suggestion()
    if index is None:
        return {}, "none"
    if item.truth[index].any():
        return {index: item.box(index)}, "box"
    wrong = found.mask()[index]
    if not wrong.any():
        return {}, "none"
    click = np.asarray(interior_point(wrong), dtype=np.float32)[None]
    return {index: Prompts(points=click, point_labels=np.zeros(1, dtype=np.int64))}, "click"


def asked_everywhere(planes: Planes, item: Structure) -> Solid:
    """(Z, H, W): each slice by its own true box."""
    answer = np.zeros_like(item.truth)
    for index in item.slices:
        answer[index] = answered(planes, index, item.box(index))
    return answer


def asked_onwards(planes: Planes, item: Structure) -> Solid:
    """(Z, H, W): each slice by the box of the mask before, both ways from the middle."""
    answer = np.zeros_like(item.truth)
    answer[item.middle] = answered(planes, item.middle, item.box(item.middle))
    for indices in (range(item.middle + 1, len(planes)), range(item.middle - 1, -1, -1)):
        before = answer[item.middle]
        for index in indices:
            if not before.any():
                break
            before = answer[index] = answered(planes, index, Prompts(box=box_of(before)))
    return answer


def answered(planes: Planes, index: int, prompt: Prompts) -> Mask:
    return planes.encoded(index).predict([prompt], multimask=False)[0].mask()


def figures(answer: Solid, item: Structure, case: Case) -> Figures:
    tolerance = 1.0 if case.spacing is None else TOLERANCE_MM
    spacing = case.spacing or (1.0, 1.0, 1.0)
    found = measure_volume(answer, item.truth, spacing=spacing, tolerance_mm=tolerance)
    return Figures(found.dice, found.nsd, found.hd95_mm)


def doubt_curves(found: VolumeObject, item: Structure) -> tuple[float, float]:
    """Areas under the ROC curve of doubt for wrong voxels: in the block, and near the border."""
    if found.doubt is None:
        return math.nan, math.nan
    answer, doubt = found.mask()[found.doubt.place], found.doubt.values
    wrong = answer != item.truth[found.doubt.place]
    near = ndimage.binary_dilation(answer, None, NEAR) ^ ndimage.binary_erosion(answer, None, NEAR)
    return area_under_curve(doubt, wrong), area_under_curve(doubt[near], wrong[near])


def area_under_curve(values: NDArray[np.float32], marked: NDArray[np.bool_]) -> float:
    """How often a marked value is above another one (Mann and Whitney's U)."""
    count = int(np.count_nonzero(marked))
    rest = marked.size - count
    if not count or not rest:
        return math.nan
    ranks = rankdata(values.ravel())[marked.ravel()]
    return float((ranks.sum() - count * (count + 1) / 2) / (count * rest))


def report(results: Mapping[TunedOn, Sequence[Record]]) -> str:
    """The table, and the words around it."""
    lines = [SCORES.format(threads=torch.get_num_threads())]
    for tuned, records in results.items():
        lines += [f"| {row} |" for row in score_rows(tuned, records)]
    lines.append(COSTS)
    lines += [f"| {cost_row(tuned, records)} |" for tuned, records in results.items() if records]
    return "\n".join([*lines, ""])


def score_rows(tuned: TunedOn, records: Sequence[Record]) -> Iterator[str]:
    """Of one run, a system each."""
    means = mean_figures(records)
    for name, mean in means.items():
        gaps = [
            gap(getattr(mean, part), getattr(means[FLOOR], part), getattr(means[UPPER], part))
            for part in ("dice", "nsd")
        ]
        cells = [f"{mean.dice:.3f}", f"{mean.nsd:.3f}", f"{mean.hd95:.1f}"]
        cells += ["", ""] if name in (UPPER, FLOOR) else gaps
        start = f"{tuned.folder}, {tuned.run.name} | {len(records)}"
        yield " | ".join([start, name, *cells])


def mean_figures(records: Sequence[Record]) -> dict[str, Figures]:
    """By system; distances of the objects that all of them found."""
    if not records:
        return {}
    columns = {name: [record.systems[name] for record in records] for name in records[0].systems}
    distances = {name: np.array([f.hd95 for f in column]) for name, column in columns.items()}
    everywhere = np.isfinite([*distances.values()]).all(axis=0)
    return {
        name: Figures(
            float(np.mean([f.dice for f in column])),
            float(np.mean([f.nsd for f in column])),
            float(distances[name][everywhere].mean()),
        )
        for name, column in columns.items()
    }


def gap(value: float, floor: float, upper: float) -> str:
    return f"{(value - floor) / (upper - floor):.0%}" if upper > floor else "none"


def cost_row(tuned: TunedOn, records: Sequence[Record]) -> str:
    parts = ("first", "second", "three", "doubt", "doubt_near")
    cells = [f"{np.nanmean([getattr(record, part) for record in records]):.3f}" for part in parts]
    kinds = [record.suggested for record in records]
    counts = ", ".join(str(kinds.count(kind)) for kind in ("box", "click", "none"))
    return " | ".join([f"{tuned.folder}, {tuned.run.name}", *cells, counts])


if __name__ == "__main__":
    main()
