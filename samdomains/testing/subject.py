"""What the conformance kit looks at: a domain with its demo data, made once for all checks."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from samdomains.chain import Domain, select_domain
from samdomains.data.parts import in_parts
from samdomains.recipe import Recipe
from samdomains.types import Case, ObjectMask

SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A domain under test.

    Attributes:
        domain: The selected domain.
        recipe: Its default recipe.
        data: Its demo data.
        cases: The cases of the demo data.
        parts: Images, slices and tiles of the cases.
    """

    domain: Domain
    recipe: Recipe
    data: Path
    cases: Sequence[Case]
    parts: Sequence[Case]

    def labelled(self, most: int) -> list[Case]:
        """The first images, slices or tiles that show an object large enough to be used."""
        chosen: list[Case] = []
        for part in self.parts:
            if self.objects(part):
                chosen.append(part)
            if len(chosen) == most:
                break
        return chosen

    def first_with_objects(self) -> tuple[Case, tuple[ObjectMask, ...]]:
        """The first image, volume or scene with objects, and these."""
        for case in self.cases:
            if case.read_objects and (objects := case.read_objects()):
                return case, objects
        pytest.fail("no case of the demo data has an object; make_demo_data must draw some")

    def objects(self, part: Case) -> list[ObjectMask]:
        """The objects of a part that training uses."""
        found = part.read_objects() if part.read_objects else ()
        minimum = self.recipe.data.minimum_area
        return [item for item in found if not item.crowd and item.area >= minimum]


@cache
def subject_of(name: str) -> Subject:
    """The subject of a domain, the same for every check of a test session."""
    domain = select_domain(name)
    recipe = domain.resolve_recipe().recipe
    folder = Path(tempfile.mkdtemp(prefix=f"samdomains-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data = domain.make_demo_data(folder / "data", SEED)
    cases = domain.load_cases(data, recipe)
    return Subject(domain, recipe, data, cases, in_parts(cases, recipe.scene))
