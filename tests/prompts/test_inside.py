from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.errors import UsageError
from samdomains.prompts.inside import require_inside
from samdomains.types import Prompts

SIZE = (60, 80)


def box(*corners: float) -> Prompts:
    return Prompts(box=np.array(corners, dtype=np.float32))


def points(*places: tuple[float, float]) -> Prompts:
    return Prompts(
        points=np.array(places, dtype=np.float32),
        point_labels=np.zeros(len(places), dtype=np.int64),
    )


@pytest.mark.parametrize(
    "prompts",
    [box(0, 0, 80, 60), box(-5, -5, 500, 500), box(79.5, 59.5, 90, 90), points((0, 0), (79.9, 59))],
)
def test_what_touches_the_image_is_accepted(prompts: Prompts) -> None:
    require_inside(prompts, SIZE)


@pytest.mark.parametrize(
    "prompts",
    [
        box(80, 0, 90, 10),
        box(0, 60, 10, 70),
        box(-9, 0, 0, 10),
        box(0, -9, 10, 0),
        points((1, 1), (80, 5)),
        points((5, 60)),
        points((-1, 5)),
    ],
)
def test_what_lies_outside_is_refused(prompts: Prompts) -> None:
    with pytest.raises(UsageError, match="outside the image, which is 80 pixels wide and 60 high"):
        require_inside(prompts, SIZE)


@pytest.mark.parametrize(
    "prompts",
    [box(0, 0, np.inf, 5), box(-np.inf, 0, 5, 5), points((np.nan, 5)), points((5, np.inf))],
)
def test_what_is_no_place_is_refused(prompts: Prompts) -> None:
    with pytest.raises(UsageError, match="NaN or infinite"):
        require_inside(prompts, SIZE)


def test_a_mask_alone_has_no_place_to_be_wrong() -> None:
    require_inside(Prompts(prior=np.zeros(SIZE, dtype=np.float32)), SIZE)


@given(st.tuples(*[st.integers(-30, 110)] * 4).filter(lambda c: c[0] < c[2] and c[1] < c[3]))
def test_a_box_is_accepted_where_it_holds_a_pixel(corners: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = corners
    canvas = np.zeros(SIZE, dtype=bool)
    canvas[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    try:
        require_inside(box(*corners), SIZE)
        accepted = True
    except UsageError:
        accepted = False
    assert accepted == canvas.any()
