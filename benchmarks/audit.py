"""Faults planted in labelled data sets that `samdomains check` should find, and its false alarms.

    python benchmarks/audit.py path/to/data [--only microscopy] [--missed] [--json FILE]

The folder holds the data sets of ``SETS``; those that are missing are left out. Each set is audited
as it is, then once more for each fault of ``planted_faults.py`` and each round, with the fault
planted in a few of its images. Faults are planted in what the readers give, so that all formats are
treated alike, and no data is written. With ``--json`` the sets that FILE holds already are not
measured again, so that a long run can be divided. Three Markdown tables are printed:

* of each fault, and of each set and fault, how many of those planted were found. A fault counts as
  found where one of its own checks (``Fault.checks``) reports the image in which it was planted;
  images that they report as they are get none;
* of each check, how often it reports something per 100 images of the sets as they are. Nobody has
  looked for the faults that these sets really have: what is right among them counts as false too.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from planted_faults import FAULTS, Fault, Read

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", help="sets whose path contains this")
    parser.add_argument("--fault", choices=list(FAULTS), help="this one alone")
    parser.add_argument("--images", type=int, default=20, help="of each set, evenly spread")
    parser.add_argument("--rounds", type=int, default=4, help="plantings of each fault")
    parser.add_argument("--share", type=float, default=0.1, help="of the images that are spoilt")
    parser.add_argument("--missed", action="store_true", help="also list what was not found")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    results = read_results(options.json)
    for name, domain in SETS.items():
        folder = options.data / name
        wanted = options.only is None or options.only in name
        if folder.exists() and wanted and name not in results:
            results[name] = measure(folder, domain, options)
            if options.json:
                write_results(options.json, results)
    print_summary(results, [options.fault] if options.fault else list(FAULTS))
    print_found(results, [options.fault] if options.fault else list(FAULTS))
    print_false_alarms(results)
    if options.missed:
        for name, result in results.items():
            for fault, ids in result.missed.items():
                print(f"missed {fault} in {name}: {', '.join('+'.join(pair) for pair in ids)}")


def read_results(path: Path | None) -> dict[str, Result]:
    if path is None or not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {name: Result.from_json(result) for name, result in kept.items()}


def write_results(path: Path, results: Mapping[str, Result]) -> None:
    text = json.dumps({name: result.to_json() for name, result in results.items()}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured on a set.

    Attributes:
        images: Number of images that were audited.
        clean: Severity and check, with a blank between → number of findings in the set as it is.
        planted: Fault → number of times it was planted.
        missed: Fault → ids of the images in which it was not found.
    """

    images: int
    clean: Counter[str]
    planted: Counter[str]
    missed: Mapping[str, Sequence[tuple[str, ...]]]

    def found(self, fault: str) -> int:
        """How often a fault was found."""
        return self.planted[fault] - len(self.missed.get(fault, ()))

    def to_json(self) -> dict[str, object]:
        """Counts, and the images in which faults were missed."""
        return {
            "images": self.images,
            "clean": dict(self.clean),
            "planted": dict(self.planted),
            "missed": {fault: [list(ids) for ids in pairs] for fault, pairs in self.missed.items()},
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Result:
        """What ``to_json`` gave."""
        missed = {fault: [tuple(ids) for ids in pairs] for fault, pairs in kept["missed"].items()}
        return cls(kept["images"], Counter(kept["clean"]), Counter(kept["planted"]), missed)


def measure(folder: Path, domain: str, options: argparse.Namespace) -> Result:
    selected = select_domain(domain)
    recipe = selected.resolve_recipe().recipe
    images = read_some(in_parts(selected.load_cases(folder, recipe), recipe.scene), options.images)
    clean = audit(images, recipe)
    planted: Counter[str] = Counter()
    missed: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name, fault in FAULTS.items():
        if options.fault not in (None, name):
            continue
        known = reported(fault, clean)
        fitting = [
            index
            for index, image in enumerate(images)
            if fault.fits(image) and image.case.id not in known
        ]
        count = max(1, round(options.share * len(fitting)))
        rng = np.random.default_rng([len(name), len(images)])
        order = rng.permutation(fitting)
        for start in range(0, min(options.rounds * count, len(fitting)), count):
            spoilt = fault.plant(images, order[start : start + count].tolist(), rng)
            after = audit(spoilt.images, recipe)
            planted[name] += len(spoilt.spoilt)
            found = reported(fault, after) - known
            missed[name] += [ids for ids in spoilt.spoilt if found.isdisjoint(ids)]
    alarms = Counter(f"{finding.severity} {finding.check}" for finding in clean.findings)
    return Result(len(images), alarms, planted, {name: ids for name, ids in missed.items() if ids})


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
    return {name for finding in found for name in (finding.case, finding.other) if name}


def print_summary(results: Mapping[str, Result], faults: Sequence[str]) -> None:
    print("| fault | planted | found | by the checks |")
    print("|---|---|---|---|")
    for fault in faults:
        planted = sum(result.planted[fault] for result in results.values())
        found = sum(result.found(fault) for result in results.values())
        share = f"{found / planted:.0%}" if planted else "-"
        checks = ", ".join(f"`{check}`" for check in sorted(FAULTS[fault].checks))
        print(f"| {fault} | {planted} | {share} | {checks} |")
    print()


def print_found(results: Mapping[str, Result], faults: Sequence[str]) -> None:
    print("| set | images |", " | ".join(faults), "|")
    print("|---|---|" + "---|" * len(faults))
    for name, result in results.items():
        cells = [
            f"{result.found(fault)}/{result.planted[fault]}" if result.planted[fault] else "-"
            for fault in faults
        ]
        print(f"| {name} | {result.images} |", " | ".join(cells), "|")
    totals = []
    for fault in faults:
        planted = sum(result.planted[fault] for result in results.values())
        found = sum(result.found(fault) for result in results.values())
        totals.append(f"{found / planted:.0%} of {planted}" if planted else "-")
    images = sum(result.images for result in results.values())
    print(f"| **all** | {images} |", " | ".join(totals), "|\n")


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
