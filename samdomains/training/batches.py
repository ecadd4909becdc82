"""Which views an epoch shows, in which order and batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple

import numpy as np

from samdomains.training.dataset import View
from samdomains.types import Case


class EpochBatches:
    """The batches of one epoch: one randomly chosen view of each case, in random order.

    Windows of all sizes are as frequent as each other, however many there are of each.

    Args:
        views: All views.
        batch_size: Views in a batch.
        seed: Of the run.
        epoch: Decides order and choice together with ``seed``.
        first: Batches to skip, which an interrupted epoch had done.
    """

    def __init__(
        self, views: Sequence[View], batch_size: int, seed: int, epoch: int, first: int = 0
    ) -> None:
        by_case: dict[int, dict[int, list[int]]] = {}
        for index, view in enumerate(views):
            by_case.setdefault(view.case, {}).setdefault(max(view.window.size), []).append(index)
        rng = np.random.default_rng([seed, epoch])
        chosen = []
        for case in rng.permutation(list(by_case)):
            sides = sorted(by_case[case])
            chosen.append(int(rng.choice(by_case[case][rng.choice(sides)])))
        keys = [(index, int(rng.integers(2**31))) for index in chosen]
        batches = [keys[i : i + batch_size] for i in range(0, len(keys), batch_size)]
        self.batch_size, self._batches = batch_size, batches[first:]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield lists of dataset keys."""
        return iter(self._batches)


def fingerprint(cases: Sequence[Case], views: Sequence[View]) -> str:
    """SHA-256 of the views: which windows and objects of which cases are learnt from."""
    digest = hashlib.sha256()
    for view in views:  # one by one: the text of all of them is larger than they are
        followed = map(astuple, view.followed)
        listed = (cases[view.case].id, asdict(view.window), view.objects, *followed)
        digest.update(json.dumps(listed).encode())
    return digest.hexdigest()
