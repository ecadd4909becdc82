"""Faults planted in labelled data sets that `samdomains check` should find, and its false alarms.

    python benchmarks/audit.py path/to/data [--only microscopy] [--missed] [--json FILE]

The folder holds the data sets of ``SETS``; those that are missing are left out. Each set is audited
as it is, then once more for each fault of ``planted_faults.py`` and each round, with the fault
planted in a share of its images, or in all of them where it is a fault of all. Faults are planted
in what the readers give, so that all formats are treated alike, and no data is written. With
``--json`` the sets that FILE holds already are not measured again, so that a long run can be
divided. Markdown tables are printed that answer two questions:

* does somebody who checks a faulty set learn of it? A planting counts as found if one of the
  fault's own checks (``Fault.checks``) names at least one of the spoilt images, and no more sound
  images than spoilt ones; of a fault of all images, if the set is named;
* how many of the spoilt images are named?

An image, or set, that these checks report as it is counts neither as found nor as false. Both rates
are given for all plantings, and for those in sets of which the check that decides
(``Fault.judge``) did not say beforehand, of the set as it is, that it cannot judge them. The sets
are listed by name; the thresholds of `missing_object` were set on every other one, from the first,
so the rates of the others stand beside. Of other faults both halves were in view.

Of each check a last table says how often it reports something per 100 images of the sets as they
are. Nobody has looked for the faults that these sets really have: what is right among them counts
as false, too.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from planted_faults import COPY, FAULTS, Fault
from planted_masks import Read

from samdomains.audit import contents
from samdomains.audit.cases import audit_cases
from samdomains.audit.findings import Audit
from samdomains.chain import select_domain
from samdomains.data.parts import in_parts
from samdomains.recipe import Recipe
from samdomains.types import Case

SETS: Mapping[str, str] = {
    "microscopy/nuclei_dsb2018": "microscopy",
    "microscopy/blood_cells": "microscopy",
    "microscopy/em_membranes": "em",
    "microscopy/em_organelles": "em",
    "microscopy/nuclei3d_stack": "microscopy",
    "satellite/buildings_coco": "satellite",
    "satellite/buildings_geotiff": "satellite",
    "satellite/fields_sentinel2": "satellite",
    "satellite/roads_png": "satellite",
    "infrared/small_targets": "infrared",
    "infrared/udder_thermal": "infrared",
    "ecommerce/clothing": "images",
    "ecommerce/products": "products",
    "industrial/magnetic_tile": "inspection",
    "industrial/steel_coco": "inspection",
    "agriculture/crop_weed": "images",
    "mri/prostate_png": "mri",
    "mri/abdomen_mr_nifti": "mri",
    "mri/spinal_cord_nifti": "mri",
    "ct/abdomen_nifti": "ct",
    "ct/abdomen_dicom": "ct",
}
"""Path below the folder of all sets → domain that reads it."""

THE_SET = "the set"
"""Stands for the id of an image where a finding is about all of them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", help="sets whose path contains this")
    parser.add_argument("--fault", choices=list(FAULTS), help="this one alone")
    parser.add_argument("--images", type=int, default=20, help="of each set, evenly spread")
    parser.add_argument("--rounds", type=int, default=2, help="plantings of each fault")
    parser.add_argument("--share", type=float, default=0.2, help="of the images that are spoilt")
    parser.add_argument("--missed", action="store_true", help="also list what was not found")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    results = read_results(options.json)
    for name, domain in sorted(SETS.items()):
        folder = options.data / name
        wanted = options.only is None or options.only in name
        if folder.exists() and wanted and name not in results:
            results[name] = measure(folder, domain, options)
            if options.json:
                write_results(options.json, results)
    results = dict(sorted(results.items()))
    faults = [options.fault] if options.fault else list(FAULTS)
    print_summary(results, faults)
    print_found(results, faults)
    print_unjudged(results)
    print_false_alarms(results)
    if options.missed:
        for name, result in results.items():
            for fault, planted in result.planted.items():
                ids = ", ".join("+".join(pair) for round_ in planted for pair in round_.missed)
                print(f"missed {fault} in {name}: {ids}" if ids else "", end="\n" * bool(ids))


def read_results(path: Path | None) -> dict[str, Result]:
    if path is None or not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {name: Result.from_json(result) for name, result in kept.items()}


def write_results(path: Path, results: Mapping[str, Result]) -> None:
    text = json.dumps({name: result.to_json() for name, result in results.items()}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Round:
    """One planting of a fault in a set.

    Attributes:
        spoilt: Number of images, or pairs of images, that were spoilt.
        missed: Ids of those that were not named.
        false: Number of sound images that were named.
    """

    spoilt: int
    missed: Sequence[Sequence[str]]
    false: int

    @property
    def found(self) -> bool:
        """Whether somebody who checks the set learns of the fault."""
        named = self.spoilt - len(self.missed)
        return named > 0 and self.false <= named


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured on a set.

    Attributes:
        images: Number of images that were audited.
        clean: Severity and check, with a blank between → number of findings in the set as it is.
        unjudged: Check → why it cannot judge the set as it is.
        planted: Fault → its plantings.
    """

    images: int
    clean: Counter[str]
    unjudged: Mapping[str, str]
    planted: Mapping[str, Sequence[Round]]

    def is_judged(self, fault: str) -> bool:
        """Whether the check that decides on a fault did not say that it cannot judge the set."""
        return FAULTS[fault].judge not in self.unjudged

    def to_json(self) -> dict[str, object]:
        """As plain JSON values."""
        planted = {name: [asdict(one) for one in rounds] for name, rounds in self.planted.items()}
        return {
            "images": self.images,
            "clean": dict(self.clean),
            "unjudged": dict(self.unjudged),
            "planted": planted,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Result:
        """What ``to_json`` gave."""
        planted = {
            fault: [Round(**one) for one in rounds] for fault, rounds in kept["planted"].items()
        }
        return cls(kept["images"], Counter(kept["clean"]), kept["unjudged"], planted)


def measure(folder: Path, domain: str, options: argparse.Namespace) -> Result:
    selected = select_domain(domain)
    recipe = selected.resolve_recipe().recipe
    images = read_some(in_parts(selected.load_cases(folder, recipe), recipe.scene), options.images)
    clean = audit(images, recipe)
    planted = {}
    with looks_kept():
        for name, fault in FAULTS.items():
            if options.fault in (None, name):
                rng = np.random.default_rng([len(name), len(images)])
                planted[name] = list(plant(fault, images, clean, recipe, options, rng))
    alarms = Counter(f"{finding.severity} {finding.check}" for finding in clean.findings)
    unjudged = {item.check: item.reason for item in clean.unjudged}
    return Result(len(images), alarms, unjudged, planted)


def plant(
    fault: Fault,
    images: list[Read],
    clean: Audit,
    recipe: Recipe,
    options: argparse.Namespace,
    rng: np.random.Generator,
) -> Iterator[Round]:
    """Plant a fault some times, each time in other images while there are some."""
    known = reported(fault, clean)
    if THE_SET in known:  # all of its images are reported already
        return
    fitting = [
        index
        for index, image in enumerate(images)
        if fault.fits(image) and image.case.id not in known
    ]
    if fault.whole:
        if fitting:
            after = reported(fault, audit(fault.plant(images, fitting, rng).images, recipe))
            yield Round(1, [] if THE_SET in after else [[THE_SET]], 0)
        return
    count = max(1, round(options.share * len(images)))
    order = rng.permutation(fitting)
    for start in range(0, min(options.rounds * count, len(fitting)), count):
        spoilt = fault.plant(images, order[start : start + count].tolist(), rng)
        if spoilt.spoilt:
            found = reported(fault, audit(spoilt.images, recipe)) - known - {THE_SET}
            touched = {name for ids in spoilt.spoilt for name in ids}
            touched |= {name.removesuffix(COPY) for name in touched}
            missed = [ids for ids in spoilt.spoilt if found.isdisjoint(ids)]
            yield Round(len(spoilt.spoilt), missed, len(found - touched))


@contextmanager
def looks_kept() -> Iterator[None]:
    """Keep what was measured of each image by itself: most images are sound in every planting."""
    kept: dict[tuple[str, int, int], tuple[object, ...]] = {}

    def keeping(name: str, measure: Callable[..., object]) -> Callable[..., object]:
        def look(*values: object) -> object:
            key = (name, id(values[0]), id(values[-1]))
            if key not in kept:
                kept[key] = (measure(*values), values)  # whose ids must not be given away
            return kept[key][0]

        return look

    with ExitStack() as stack:
        for name in ("take_look", "best_shift", "make_thumbnail", "fingerprint", "find_regions"):
            measured = keeping(name, getattr(contents, name))
            stack.enter_context(patch.object(contents, name, measured))
        yield


def read_some(cases: Sequence[Case], most: int) -> list[Read]:
    """Annotated images, evenly spread over the set."""
    chosen = {round(i) for i in np.linspace(0, len(cases) - 1, min(most, len(cases)))}
    images = []
    for index in sorted(chosen):
        case = cases[index]
        if case.read_objects is not None:
            images.append(Read(case, case.read_pixels(), tuple(case.read_objects())))
    return images


def audit(images: Sequence[Read], recipe: Recipe) -> Audit:
    cases = [image.as_case() for image in images]
    return audit_cases(cases, minimum_area=recipe.data.minimum_area)


def reported(fault: Fault, audit: Audit) -> set[str]:
    """Ids of the images that the checks of a fault report, those compared with others included."""
    found = [finding for finding in audit.findings if finding.check in fault.checks]
    named = {name for finding in found for name in (finding.case, finding.other) if name}
    return named | {THE_SET for finding in found if not finding.case}


def print_summary(results: Mapping[str, Result], faults: Sequence[str]) -> None:
    columns = "sets found | of those judged | tuned, held out | images named | of those judged"
    print(f"| fault | {columns} |")
    print("|---|---|---|---|---|---|")
    for fault in faults:
        every = list(results.values())
        judged = [result for result in every if result.is_judged(fault)]
        halves = [
            found_share(fault, [result for result in every[half::2] if result.is_judged(fault)])
            for half in (0, 1)
        ]
        whole = FAULTS[fault].whole
        cells = [
            found_share(fault, every),
            found_share(fault, judged),
            ", ".join(halves),
            "" if whole else named_share(fault, every),
            "" if whole else named_share(fault, judged),
        ]
        print(f"| {fault} |", " | ".join(cells), "|")
    print()


def found_share(fault: str, results: Sequence[Result]) -> str:
    rounds = [one for result in results for one in result.planted.get(fault, ())]
    return share(sum(one.found for one in rounds), len(rounds))


def named_share(fault: str, results: Sequence[Result]) -> str:
    rounds = [one for result in results for one in result.planted.get(fault, ())]
    spoilt = sum(one.spoilt for one in rounds)
    return share(spoilt - sum(len(one.missed) for one in rounds), spoilt)


def share(count: int, total: int) -> str:
    return f"{count / total:.0%} of {total}" if total else "-"


def print_found(results: Mapping[str, Result], faults: Sequence[str]) -> None:
    print("| set | images |", " | ".join(faults), "|")
    print("|---|---|" + "---|" * len(faults))
    for name, result in results.items():
        cells = []
        for fault in faults:
            rounds = result.planted.get(fault, ())
            spoilt = sum(one.spoilt for one in rounds)
            named = spoilt - sum(len(one.missed) for one in rounds)
            found = sum(one.found for one in rounds)
            cell = f"{found}/{len(rounds)} ({named}/{spoilt})" if rounds else "-"
            cells.append(cell if result.is_judged(fault) else f"*{cell}*")
        print(f"| {name} | {result.images} |", " | ".join(cells), "|")
    print()


def print_unjudged(results: Mapping[str, Result]) -> None:
    print("| set | not judged | because |")
    print("|---|---|---|")
    for name, result in results.items():
        for check, reason in result.unjudged.items():
            print(f"| {name} | `{check}` | {reason} |")
    print()


def print_false_alarms(results: Mapping[str, Result]) -> None:
    total: Counter[str] = Counter()
    where: defaultdict[str, list[str]] = defaultdict(list)
    for name, result in results.items():
        total.update(result.clean)
        for key, count in result.clean.items():
            where[key].append(f"{name.split('/')[-1]} {count}")
    images = max(1, sum(result.images for result in results.values()))
    print("| check | severity | per 100 images | sets |")
    print("|---|---|---|---|")
    for key, count in total.most_common():
        severity, check = key.split()
        print(f"| `{check}` | {severity} | {100 * count / images:.1f} | {', '.join(where[key])} |")
    for severity in ("error", "warning"):
        count = sum(n for key, n in total.items() if key.startswith(severity))
        print(f"| **all** | {severity} | {100 * count / images:.1f} | |")


if __name__ == "__main__":
    main()
