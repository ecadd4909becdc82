from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.volumes.stopping import (
    BOUNDS,
    Evidence,
    before_dip,
    contrast,
    goes_on,
    iou,
    relative,
)

SAME = Evidence(predicted=1.0, appearance=2.0, contrast=1.0, overlap=0.9)
values = st.floats(-5, 5)


def test_what_looks_the_same_goes_on_and_what_looks_like_the_surroundings_does_not() -> None:
    assert goes_on(SAME) > 0.9
    assert goes_on(SAME._replace(appearance=-2.0)) < 0.2
    assert goes_on(Evidence(0.3, -1.0, 0.0, 0.2)) < 0.05


@given(st.builds(Evidence, values, values, values, values))
def test_it_is_a_probability_and_clear_evidence_counts_no_more(evidence: Evidence) -> None:
    probability = goes_on(evidence)
    assert 0 < probability < 1
    bounded = [min(max(v, low), high) for v, (low, high) in zip(evidence, BOUNDS, strict=True)]
    assert goes_on(Evidence(*bounded)) == pytest.approx(probability)


@given(
    st.builds(Evidence, values, values, values, values),
    st.sampled_from(Evidence._fields),
    st.floats(0, 5),
)
def test_more_evidence_never_speaks_against_it(less: Evidence, name: str, more: float) -> None:
    assert goes_on(less._replace(**{name: getattr(less, name) + more})) >= goes_on(less)


@pytest.mark.parametrize(
    ("contrasts", "kept"),
    [
        ([], 0),
        ([1.0, 1.0, 1.0], 3),
        ([1.0, 0.8, 0.6, 0.4], 4),  # fades out
        ([1.0, 0.8, 0.5, 0.55, 0.9], 2),  # the darkest is not the first one's any more
        ([0.5, 0.9], 0),
        ([1.0, 0.95, 1.2], 3),  # never fell
        ([0.8, 0.85, 0.8, 0.88], 4),  # rises by too little
    ],
)
def test_an_object_ends_where_contrast_is_lowest_between_two(
    contrasts: list[float], kept: int
) -> None:
    assert before_dip(contrasts, rise=0.2) == kept


@given(st.lists(st.floats(-1, 2), max_size=12), st.floats(0.05, 1))
def test_what_follows_a_dip_does_not_change_where_it_is(
    contrasts: list[float], rise: float
) -> None:
    kept = before_dip(contrasts, rise)
    assert 0 <= kept <= len(contrasts)
    if kept < len(contrasts):
        assert before_dip([*contrasts, 5.0], rise) == kept


def test_contrast_is_the_difference_to_what_is_around() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[6:12, 6:12] = True
    grey = np.where(mask, 0.7, 0.2).astype(np.float32)
    assert contrast(grey, mask) == pytest.approx(0.5)
    assert contrast(1 - grey, mask) == pytest.approx(-0.5)
    grey[18:] = 1.0  # far away
    assert contrast(grey, mask) == pytest.approx(0.5)
    assert contrast(grey, np.ones_like(mask)) == 0.0


def test_contrast_is_relative_to_a_known_one_where_there_is_one() -> None:
    assert relative(0.2, 0.4) == pytest.approx(0.5)
    assert relative(0.2, -0.4) == pytest.approx(-0.5)
    assert relative(0.2, 0.0) == relative(-0.2, 0.001) == 1.0


def test_overlap_of_two_masks() -> None:
    a, b = np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    assert iou(a, b) == 1.0
    a[:2] = b[1:3] = True
    assert iou(a, b) == pytest.approx(1 / 3)
    assert iou(a, ~a) == 0.0
