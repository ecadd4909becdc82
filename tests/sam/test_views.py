from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.sam.views import Views, prompt_extent, shift_prompts
from samdomains.types import Box, Prompts, Size, Window


def contains(window: Window, box: Box) -> bool:
    x0, y0, x1, y1 = map(float, box)
    return window.x0 <= x0 and window.y0 <= y0 and x1 <= window.x1 and y1 <= window.y1


image_sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(size=image_sizes, tile=st.sampled_from([64, 100, 256]), zoom=st.sampled_from([None, 32]))
def test_tiles_cover_every_pixel_and_never_leave_the_image(
    size: tuple[int, int], tile: int, zoom: int | None
) -> None:
    windows = Views(size, tile, zoom).windows
    assert windows[-1] == Window(0, 0, *size)
    for side in {max(window.size) for window in windows}:
        covered = np.zeros(size, dtype=bool)
        for window in (w for w in windows if max(w.size) == side):
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
    views = Views(size, tile)
    for boxed in (True, False):
        (chosen,) = views.choose([box], boxed=[boxed])
        assert contains(views.windows[chosen], box)
        assert max(views.windows[chosen].size) <= tile


def room(box: Box, window: Window, image: Size) -> float:
    """The least distance of a box to the sides of a window that are not the image's."""
    x0, y0, x1, y1 = map(float, box)
    sides = (
        (x0 - window.x0, window.x0 > 0),
        (y0 - window.y0, window.y0 > 0),
        (window.x1 - x1, window.x1 < image[1]),
        (window.y1 - y1, window.y1 < image[0]),
    )
    return min((gap for gap, inner in sides if inner), default=float("inf"))


@given(
    size=image_sizes,
    tile=st.sampled_from([None, 64, 100, 256]),
    zoom=st.sampled_from([None, 32, 64]),
    corners=st.lists(
        st.tuples(st.floats(-20, 920), st.floats(-20, 920), st.floats(1, 300), st.floats(1, 300)),
        max_size=5,
    ),
    boxed=st.booleans(),
)
def test_a_prompt_gets_the_roomiest_of_the_finest_tiles_that_are_wide_enough(
    size: tuple[int, int],
    tile: int | None,
    zoom: int | None,
    corners: list[tuple[float, float, float, float]],
    boxed: bool,
) -> None:
    boxes = [np.array([x, y, x + w, y + h], dtype=np.float32) for x, y, w, h in corners]
    views = Views(size, tile, zoom)
    chosen = views.choose(boxes, boxed=[boxed] * len(boxes))
    for box, index in zip(boxes, chosen, strict=True):
        wide = 1.5 * max(box[2] - box[0], box[3] - box[1]) if boxed else tile or max(size)
        fitting = [w for w in views.windows[:-1] if contains(w, box) and max(w.size) >= wide]
        if not fitting:
            assert index == len(views.windows) - 1
            continue
        finest = min(max(w.size) for w in fitting)
        best = max(room(box, w, size) for w in fitting if max(w.size) == finest)
        assert max(views.windows[index].size) == finest
        assert room(box, views.windows[index], size) == pytest.approx(best)


def test_a_box_is_looked_at_closely_and_a_point_in_the_tile_of_the_recipe() -> None:
    views = Views((400, 600), 128, 64)
    small, medium, large = (np.array([200, 200, 200 + n, 220]) for n in (20, 60, 300))
    sides = [
        max(views.windows[i].size)
        for boxed in (True, False)
        for i in views.choose([small, medium, large], boxed=[boxed] * 3)
    ]
    assert sides == [64, 128, 512, 128, 128, 512]


def test_an_object_larger_than_a_tile_is_seen_in_the_whole_image_where_there_is_no_ladder() -> None:
    views = Views((400, 400), 128)
    box = np.array([10, 10, 300, 60], dtype=np.float32)
    (chosen,) = views.choose([box], boxed=[True])
    assert views.windows[chosen].size == (400, 400)


def test_an_image_no_larger_than_a_tile_is_one_window() -> None:
    assert Views((100, 128), 128, 128).windows == (Window(0, 0, 100, 128),)
    assert Views((1000, 2000), None).windows == (Window(0, 0, 1000, 2000),)


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
