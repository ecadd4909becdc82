from __future__ import annotations

import numpy as np
import pytest

from samdomains.training.canvas import Layout
from samdomains.training.layouts import LAYOUTS, LayoutMaker, random_layout

MAKERS = [maker for maker, _ in LAYOUTS]


@pytest.mark.parametrize("maker", MAKERS)
def test_labels_are_numbered_within_the_parents(maker: LayoutMaker) -> None:
    for seed in range(8):
        layout: Layout = maker(np.random.default_rng(seed), 96)
        assert layout.labels.shape == (96, 96)
        assert layout.labels.dtype == np.int16
        assert layout.labels.min() >= 0
        assert layout.labels.max() < len(layout.parents)
        assert layout.parents[0] == 0


@pytest.mark.parametrize("maker", MAKERS)
def test_parts_lie_one_level_deep(maker: LayoutMaker) -> None:
    for seed in range(8):
        parents = maker(np.random.default_rng(seed), 96).parents
        assert all(parents[parent] == 0 for parent in parents)


def test_shares_of_the_layouts_sum_to_one() -> None:
    assert sum(share for _, share in LAYOUTS) == pytest.approx(1.0)


def test_layout_follows_the_seed() -> None:
    for seed in range(10):
        first, second = (random_layout(np.random.default_rng(seed), 64) for _ in range(2))
        np.testing.assert_array_equal(first.labels, second.labels)
        assert first.parents == second.parents
