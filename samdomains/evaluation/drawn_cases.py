"""A few cases of many, for measurements that would take too long on all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samdomains.types import Case, ObjectMask


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCase:
    """A case and the objects of it that are asked for.

    Attributes:
        case: The image, slice or tile.
        objects: All that are annotated.
        chosen: Places among them of those that are asked for, ascending; at least one.
    """

    case: Case
    objects: tuple[ObjectMask, ...]
    chosen: tuple[int, ...]

    @property
    def targets(self) -> list[ObjectMask]:
        """The objects that are asked for."""
        return [self.objects[index] for index in self.chosen]


def case_generator(seed: int, name: str) -> np.random.Generator:
    """Draws from one case, whatever other cases there are; ``name`` is its id."""
    # Python's own hash of a string differs between two runs.
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def draw_objects(
    objects: Sequence[ObjectMask], minimum_area: int, most: int | None, rng: np.random.Generator
) -> tuple[int, ...]:
    """Places of the objects to ask for: neither crowd regions nor small ones, at most so many.

    Args:
        objects: Of one case.
        minimum_area: Fewest pixels.
        most: None takes all.
        rng: Draws where there are more.
    """
    places = [i for i, o in enumerate(objects) if not o.crowd and o.area >= minimum_area]
    if most is not None and len(places) > most:
        places = sorted(rng.choice(places, most, replace=False).tolist())
    return tuple(places)


def draw_cases(
    cases: Sequence[Case], most: int, *, objects: int, minimum_area: int, seed: int
) -> list[DrawnCase]:
    """Draw cases that have an object to ask for, and objects of each.

    Args:
        cases: Annotated ones; others are passed over.
        most: Cases at most.
        objects: Objects of a case at most.
        minimum_area: Objects with fewer pixels are not asked for.
        seed: Draws both.

    Returns:
        In the order of the cases.

    Raises:
        DataError: An annotation cannot be read.
    """
    drawn: dict[int, DrawnCase] = {}
    for index in np.random.default_rng(seed).permutation(len(cases)).tolist():
        if len(drawn) == most:
            break
        case = cases[index]
        found = case.read_objects() if case.read_objects else ()
        chosen = draw_objects(found, minimum_area, objects, case_generator(seed, case.id))
        if chosen:
            drawn[index] = DrawnCase(case, found, chosen)
    return [drawn[index] for index in sorted(drawn)]
