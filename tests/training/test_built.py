from __future__ import annotations

import numpy as np

from samdomains.training.built import city_blocks, fields, streets


def test_a_street_network_spans_the_picture() -> None:
    for seed in range(10):
        labels = streets(np.random.default_rng(seed), 96).labels
        network = labels == 1
        assert network.any(axis=0).mean() > 0.9 or network.any(axis=1).mean() > 0.9
        assert network.mean() < 0.7


def test_houses_stand_beside_the_streets_and_hide_none() -> None:
    houses = [np.count_nonzero(streets(np.random.default_rng(s), 96).labels > 3) for s in range(20)]
    assert max(houses) > 0
    assert min(houses) == 0


def test_fields_fill_most_of_the_picture_with_several_parcels() -> None:
    shares, counts = [], []
    for seed in range(20):
        layout = fields(np.random.default_rng(seed), 96)
        shares.append((layout.labels > 0).mean())
        counts.append(len(layout.parents) - 1)
    assert np.median(shares) > 0.7
    assert min(counts) >= 2


def test_houses_of_a_town_stand_apart() -> None:
    labels = city_blocks(np.random.default_rng(0), 128).labels.astype(int)
    right, left = labels[:, 1:], labels[:, :-1]
    touching = (right != left) & (right > 0) & (left > 0)
    assert np.count_nonzero(touching) < 0.02 * np.count_nonzero(labels)
