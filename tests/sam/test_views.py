from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.sam.views import (
    Window,
    choose_windows,
    prompt_extent,
    shift_prompts,
    windows,
)
from samdomains.types import Box, Prompts, Size

image_sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(size=image_sizes, tile=st.sampled_from([64, 100, 256]))
def test_tiles_cover_every_pixel_and_never_leave_the_image(
    size: tuple[int, int], tile: int
) -> None:
    covered = np.zeros(size, dtype=bool)
    for window in windows(size, tile):
        assert 0 <= window.y0 < window.y1 <= size[0]
        assert 0 <= window.x0 < window.x1 <= size[1]
        covered[window.slices] = True
    assert covered.all()


@given(
    size=image_sizes,
    tile=st.sampled_from([64, 256]),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    share=st.tuples(st.floats(0.01, 0.5), st.floats(0.01, 0.5)),
)
def test_an_object_up_to_half_a_tile_is_whole_in_the_chosen_tile(
    size: tuple[int, int],
    tile: int,
    place: tuple[float, float],
    share: tuple[float, float],
) -> None:
    height, width = max(1, int(share[0] * tile) - 1), max(1, int(share[1] * tile) - 1)
    if height > size[0] or width > size[1]:
        return
    y, x = int(place[0] * (size[0] - height)), int(place[1] * (size[1] - width))
    box = np.array([x, y, x + width, y + height], dtype=np.float32)
    candidates = windows(size, tile)
    (chosen,) = choose_windows([box], candidates, size)
    assert candidates[chosen].contains(box)
    assert max(candidates[chosen].size) <= tile


def roomiest(box: Box, candidates: Sequence[Window], image: Size) -> int:
    """The definition, one window after the other."""
    best, most = len(candidates) - 1, -1.0
    x0, y0, x1, y1 = map(float, box)
    for index, window in enumerate(candidates[:-1]):
        if not window.contains(box):
            continue
        sides = (
            (x0 - window.x0, window.x0 > 0),
            (y0 - window.y0, window.y0 > 0),
            (window.x1 - x1, window.x1 < image[1]),
            (window.y1 - y1, window.y1 < image[0]),
        )
        room = min((gap for gap, inner in sides if inner), default=float("inf"))
        if room > most:
            best, most = index, room
    return best


@given(
    size=image_sizes,
    tile=st.sampled_from([None, 64, 100, 256]),
    corners=st.lists(
        st.tuples(st.floats(-20, 920), st.floats(-20, 920), st.floats(1, 300), st.floats(1, 300)),
        max_size=5,
    ),
)
def test_many_boxes_get_the_windows_with_the_most_room(
    size: tuple[int, int],
    tile: int | None,
    corners: list[tuple[float, float, float, float]],
) -> None:
    boxes = [np.array([x, y, x + w, y + h], dtype=np.float32) for x, y, w, h in corners]
    candidates = windows(size, tile)
    expected = [roomiest(box, candidates, size) for box in boxes]
    assert choose_windows(boxes, candidates, size) == expected


def test_an_object_larger_than_a_tile_is_seen_in_the_whole_image() -> None:
    candidates = windows((400, 400), 128)
    box = np.array([10, 10, 300, 60], dtype=np.float32)
    (chosen,) = choose_windows([box], candidates, (400, 400))
    assert candidates[chosen].size == (400, 400)


def test_an_image_no_larger_than_a_tile_is_one_window() -> None:
    assert windows((100, 128), 128) == (Window(0, 0, 100, 128),)
    assert windows((1000, 2000), None) == (Window(0, 0, 1000, 2000),)


def test_the_extent_of_a_prompt_holds_its_box_and_the_whole_pixel_of_each_point() -> None:
    prompts = Prompts(
        box=np.array([5, 6, 9, 9], dtype=np.float32),
        points=np.array([[20, 7]], dtype=np.float32),
        point_labels=np.array([0]),
    )
    assert prompt_extent(prompts).tolist() == [5, 6, 21, 9]


def test_a_mask_alone_has_no_place_in_an_image() -> None:
    with pytest.raises(ValueError, match="needs a box or a point"):
        prompt_extent(Prompts(mask_logits=np.zeros((8, 8), dtype=np.float32)))


def test_shifting_subtracts_the_window_corner_from_x_and_y() -> None:
    prompts = Prompts(
        box=np.array([30, 40, 50, 60], dtype=np.float32),
        points=np.array([[35, 45]], dtype=np.float32),
        point_labels=np.array([1]),
    )
    shifted = shift_prompts(prompts, Window(y0=40, x0=30, y1=100, x1=100))
    assert shifted.box is not None
    assert shifted.box.tolist() == [0, 0, 20, 20]
    assert shifted.points.tolist() == [[5, 5]]
