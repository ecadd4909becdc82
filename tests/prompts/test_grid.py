from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from samdomains.prompts.grid import PointGrid


def test_points_lie_in_the_middle_of_their_squares() -> None:
    prompts = PointGrid(4)(np.zeros((3, 20, 40), dtype=np.float32))
    assert [p.points.tolist()[0] for p in prompts[:4]] == [[5, 5], [15, 5], [25, 5], [35, 5]]
    assert len(prompts) == 8
    assert {p.source for p in prompts} == {"automatic"}


@given(height=st.integers(1, 90), width=st.integers(1, 90), points=st.integers(1, 40))
def test_every_point_lies_in_the_image(height: int, width: int, points: int) -> None:
    prompts = PointGrid(points)(np.zeros((3, height, width), dtype=np.float32))
    places = np.concatenate([p.points for p in prompts])
    assert (places >= 0).all()
    assert (places < [width, height]).all()
