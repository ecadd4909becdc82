import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.prompts.boxes import box_of
from samdomains.prompts.propagated import MASK_LOGIT, propagated_prompt
from samdomains.recipe import PropagationRecipe
from samdomains.types import Mask

MASKS = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)).filter(
    lambda mask: mask.any()
)


@given(MASKS, st.floats(0, 1), st.integers(0, 4))
def test_the_next_box_holds_the_object_and_stays_in_the_image(
    mask: Mask, margin: float, points: int
) -> None:
    prompt = propagated_prompt(mask, PropagationRecipe(margin=margin, points=points))
    assert prompt.box is not None
    inner, (height, width) = box_of(mask), mask.shape
    assert (prompt.box[:2] <= inner[:2]).all()
    assert (prompt.box[2:] >= inner[2:]).all()
    assert (prompt.box >= 0).all()
    assert (prompt.box[2:] <= [width, height]).all()


@given(MASKS, st.integers(0, 6))
def test_points_lie_on_the_object_and_are_all_different(mask: Mask, points: int) -> None:
    prompt = propagated_prompt(mask, PropagationRecipe(points=points))
    columns, rows = prompt.points.astype(int).T
    assert mask[rows, columns].all()
    assert len({*zip(rows, columns, strict=True)}) == len(prompt.points) <= points
    assert (prompt.point_labels == 1).all()


def test_the_mask_is_a_sure_one_unless_an_answer_brings_its_own_doubts() -> None:
    mask = np.zeros((6, 8), dtype=bool)
    mask[2:4, 3:6] = True
    sure = propagated_prompt(mask, PropagationRecipe()).prior
    assert sure is not None
    assert set(np.unique(sure)) == {-MASK_LOGIT, MASK_LOGIT}
    logits = np.where(mask, 0.5, -0.5).astype(np.float32)
    assert propagated_prompt(mask, PropagationRecipe(), logits).prior is logits
    assert propagated_prompt(mask, PropagationRecipe(mask=False), logits).prior is None


def test_a_margin_leaves_a_pixel_of_room_around_the_smallest_object() -> None:
    mask = np.zeros((6, 8), dtype=bool)
    mask[3, 4] = True
    box = propagated_prompt(mask, PropagationRecipe(margin=0.05)).box
    assert box is not None
    assert box.tolist() == [3, 2, 6, 5]
    exact = propagated_prompt(mask, PropagationRecipe(margin=0)).box
    assert exact is not None
    assert exact.tolist() == [4, 3, 5, 4]


def test_nothing_to_follow_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a true pixel"):
        propagated_prompt(np.zeros((4, 4), dtype=bool), PropagationRecipe())
