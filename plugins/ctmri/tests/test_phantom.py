from __future__ import annotations

import numpy as np
from nibabel.orientations import aff2axcodes
from samdomains_ctmri.phantom import ORGANS, SHAPE, make_phantom, paint


def test_every_patient_has_all_organs_inside_the_body() -> None:
    for seed in range(10):
        phantom = make_phantom(np.random.default_rng(seed))
        assert phantom.labels.shape == SHAPE
        assert set(np.unique(phantom.labels)) == {0, *ORGANS}
        assert not phantom.labels[~phantom.body | phantom.fat].any()


def test_the_liver_lies_on_the_right_and_the_spine_at_the_back() -> None:
    phantom = make_phantom(np.random.default_rng(0))
    assert aff2axcodes(phantom.affine) == ("L", "P", "S")
    places = {}
    for label, name in ORGANS.items():
        index = np.append(np.argwhere(phantom.labels == label).mean(axis=0), 1)
        places[name] = phantom.affine @ index
    assert places["liver"][0] > 30 > -30 > places["spleen"][0]
    assert places["vertebra"][1] < places["aorta"][1] < places["liver"][1]


def test_tissues_have_their_intensities() -> None:
    rng = np.random.default_rng(0)
    phantom = make_phantom(rng)
    voxels = paint(rng, phantom, organs={1: 300.0}, air=-1000, fat=-100, muscle=50, noise=1.0)
    assert abs(np.median(voxels[phantom.labels == 1]) - 300) < 5
    assert abs(np.median(voxels[~phantom.body]) + 1000) < 5


def test_a_patient_follows_the_seed() -> None:
    first, second = (make_phantom(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
