from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_inspection.proposals import SurfaceAnomalies

from samdomains.plugin import Image

PROPOSE = SurfaceAnomalies()


def surface(seed: int = 0, size: tuple[int, int] = (160, 200)) -> Image:
    """A slope of light and a little noise."""
    rng = np.random.default_rng(seed)
    light = np.linspace(0.3, 0.7, size[1]) + rng.normal(0, 0.02, size)
    return np.repeat(np.clip(light, 0, 1)[None], 3, axis=0).astype(np.float32)


def boxes(image: Image, propose: SurfaceAnomalies = PROPOSE) -> list[list[float]]:
    found = [prompt.box for prompt in propose(image)]
    return [box.tolist() for box in found if box is not None]


def test_a_dark_pit_and_a_bright_scratch_are_boxed() -> None:
    image = surface()
    image[:, 40:48, 30:38] -= 0.25
    image[:, 100:102, 60:140] += 0.3
    found = boxes(image)
    assert len(found) == 2
    scratch, pit = sorted(found, key=lambda box: box[0], reverse=True)
    assert pit == pytest.approx([30, 40, 38, 48], abs=4)
    assert scratch == pytest.approx([60, 100, 140, 102], abs=4)


def test_even_surfaces_get_hardly_a_proposal() -> None:
    assert sum(len(boxes(surface(seed))) for seed in range(40)) <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 3), (400, 30)])
def test_constant_and_tiny_images_get_no_proposal(size: tuple[int, int]) -> None:
    assert boxes(np.full((3, *size), 0.5, dtype=np.float32)) == []


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(5, 90), st.integers(5, 120))
def test_a_box_lies_in_the_image_and_on_the_spot(seed: int, y: int, x: int) -> None:
    image = surface(seed, (100, 130))
    image[:, y : y + 8, x : x + 8] = 1.0
    found = boxes(image)
    assert found
    x0, y0, x1, y1 = found[0]
    assert 0 <= x0 <= x + 2
    assert 0 <= y0 <= y + 2
    assert min(x + 6, 130) <= x1 <= 130
    assert min(y + 6, 100) <= y1 <= 100


def test_the_number_of_boxes_is_limited_to_the_most_conspicuous() -> None:
    image = surface(size=(400, 400))
    for row in range(20, 400, 40):
        for column in range(20, 400, 40):
            image[:, row : row + 6, column : column + 6] += 0.25
    image[:, 180:186, 180:186] = 1.0
    found = boxes(image)
    assert len(found) == PROPOSE.most
    assert found[0] == pytest.approx([180, 180, 186, 186], abs=4)


def test_prompts_say_that_no_human_gave_them_and_the_proposer_pickles() -> None:
    image = surface()
    image[:, 40:48, 30:38] -= 0.25
    (prompt,) = pickle.loads(pickle.dumps(PROPOSE))(image)
    assert prompt.source == "automatic"
    assert prompt.box is not None
    assert prompt.box.dtype == np.float32


def test_a_tile_takes_a_moment() -> None:
    image = surface(size=(1024, 1024))
    start = time.perf_counter()
    PROPOSE(image)
    assert time.perf_counter() - start < 2
