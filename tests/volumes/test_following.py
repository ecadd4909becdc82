from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samdomains.errors import DataError, UsageError
from samdomains.intensity import FixedRange
from samdomains.prompts.parsing import VolumePrompt
from samdomains.recipe import PropagationRecipe
from samdomains.types import ObjectMask, Prompts
from samdomains.volumes.following import OpenVolume, VolumeObject, section_mask
from samdomains.volumes.fusion import Block
from samdomains.volumes.sections import Section
from tests.volumes.conftest import (
    THREE_AXES,
    Threshold,
    ball,
    boxed,
    case_of,
    clicked,
    dice,
    extent,
    grey_of,
    opened,
    tube,
)

SHAPE = (12, 30, 32)
TRUTH = ball(SHAPE, (5, 14, 16), 5)

each_number_of_axes = pytest.mark.parametrize("recipe", [PropagationRecipe(), THREE_AXES])


@each_number_of_axes
def test_one_box_gives_the_whole_object(recipe: PropagationRecipe) -> None:
    found = opened(grey_of(TRUTH), recipe).follow(boxed(TRUTH, 5))
    assert dice(found, TRUTH) > 0.9
    assert extent(found.mask()) == extent(TRUTH)
    numbers = [item.slice_index or 0 for item in found.sections]
    assert numbers == sorted(set(numbers))
    assert all(item.score is not None and 0 <= item.score <= 1 for item in found.sections)
    assert {item.image_size for item in found.sections} == {SHAPE[1:]}
    assert (found.doubt is None) == (recipe.axes == 1)


@each_number_of_axes
def test_a_prompt_that_shows_nothing_gives_an_empty_object(recipe: PropagationRecipe) -> None:
    nothing = Prompts(box=np.array([1, 1, 6, 6], dtype=np.float32), source="user")
    found = opened(grey_of(TRUTH), recipe).follow({11: nothing})
    assert (found.sections, found.prompted, found.doubt) == ((), (11,), None)
    assert found.mask().shape == SHAPE
    assert not found.mask().any()
    assert found.suggestion() is None


@each_number_of_axes
def test_a_volume_of_one_slice(recipe: PropagationRecipe) -> None:
    truth = ball((1, 30, 32), (0, 14, 16), 6)
    found = opened(grey_of(truth), recipe, spacing=(3.0, 0.7, 0.7)).follow(boxed(truth, 0))
    assert dice(found, truth) > 0.9
    assert found.suggestion() is None


@each_number_of_axes
def test_clicks_on_the_background_alone_correct_their_slice(recipe: PropagationRecipe) -> None:
    main, other = tube(SHAPE, [(14, 9)] * 12, 5), tube(SHAPE, [(14, 23)] * 12, 5)
    volume = opened(grey_of(main, other), recipe)
    found = volume.follow(boxed(main | other, 4) | {7: clicked((23, 14, 0))})
    assert found.prompted == (4, 7)
    assert found.mask()[6, 14, 23]
    assert found.mask()[7, 14, 9]
    assert not found.mask()[7, 14, 23]


@each_number_of_axes
def test_each_slice_is_seen_once_as_it_is_found(recipe: PropagationRecipe) -> None:
    seen: list[Section] = []
    opened(grey_of(TRUTH), recipe).follow(boxed(TRUTH, 5), seen.append)
    assert seen[0].index == 5
    assert sorted(section.index for section in seen) == list(range(0, 11))


def test_a_volume_is_embedded_once_for_any_number_of_prompts() -> None:
    segmenter = Threshold()
    volume = opened(grey_of(TRUTH), segmenter=segmenter)
    for index in (5, 3):
        volume.follow(boxed(TRUTH, index))
    assert len(segmenter.encoded) <= len(TRUTH)


def test_a_prompt_beside_the_volume_is_refused() -> None:
    volume = opened(grey_of(TRUTH))
    volume.require_inside(VolumePrompt(boxed(TRUTH, 4, 5)))
    for index in (-1, 12):
        with pytest.raises(UsageError, match=rf"scan\.nii: has no slice {index}; .* 0 to 11"):
            volume.require_inside(VolumePrompt({5: clicked((3, 3, 1)), index: clicked((3, 3, 1))}))
    outside = Prompts(box=np.array([32, 0, 40, 9], dtype=np.float32), source="user")
    with pytest.raises(UsageError, match="32 pixels wide and 30 high"):
        volume.require_inside(VolumePrompt({4: outside}))


@settings(max_examples=3)
@given(st.sets(st.integers(1, 9), min_size=1, max_size=3), st.sampled_from([1, 3]))
def test_a_prompted_slice_is_never_suggested(prompted: set[int], axes: int) -> None:
    grey = grey_of(TRUTH, noise=0.12)
    volume = opened(grey, PropagationRecipe(axes=axes))
    found = volume.follow(boxed(TRUTH, *prompted))
    assert found.prompted == tuple(sorted(prompted))
    suggested = found.suggestion()
    assert suggested is not None
    assert suggested not in prompted
    assert 0 <= suggested < SHAPE[0]


def section(index: int, score: float) -> ObjectMask:
    item = ObjectMask.from_mask(np.ones((2, 2), dtype=bool))
    return ObjectMask(item.crop, (1, 1), (6, 7), slice_index=index, score=score)


def test_without_a_doubt_map_the_least_confident_slice_is_suggested() -> None:
    sections = tuple(section(index, score) for index, score in ((3, 0.9), (4, 0.2), (5, 0.4)))
    assert VolumeObject((9, 6, 7), sections, (3,)).suggestion() == 4
    assert VolumeObject((9, 6, 7), sections, (4,)).suggestion() == 5
    assert VolumeObject((9, 6, 7), sections, (3, 4, 5)).suggestion() is None


def test_with_a_doubt_map_the_most_doubtful_slice_is_suggested_even_where_nothing_was_found() -> (
    None
):
    doubt = np.zeros((4, 2, 2), dtype=np.float32)
    doubt[1], doubt[2, 0, 0] = 0.1, 0.9
    found = VolumeObject((9, 6, 7), (section(3, 0.1),), (3,), Block(doubt, (3, 1, 1)))
    assert found.suggestion() == 5
    assert VolumeObject((9, 6, 7), (), (4, 5), found.doubt).suggestion() is None


def test_a_section_becomes_the_cross_section_of_an_object() -> None:
    logits = np.full((30, 32), -5, dtype=np.float32)
    logits[4:9, 20:32] = 3
    item = section_mask(Section.of(7, logits, 0.8, 0.7))
    assert np.array_equal(item.mask(), logits > 0)
    assert (item.slice_index, item.score, item.image_size) == (7, 0.7, (30, 32))
    assert item.crop.shape == (5, 12)


def test_a_volume_that_cannot_be_read_is_refused_when_it_is_opened() -> None:
    short = replace(case_of(grey_of(TRUTH)), depth=13)
    with pytest.raises(DataError, match="13 slices was listed"):
        OpenVolume.of(short, Threshold(), FixedRange(0.0, 1.0), PropagationRecipe())
