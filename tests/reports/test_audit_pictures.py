from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from samdomains.audit.findings import Finding, PixelBox
from samdomains.reports.audit_pictures import SIDE, compared_panel, finding_panels
from samdomains.reports.figures import Panel
from samdomains.reports.overlay import CORRECT, FALSE_ALARM, MISSED, Colour
from samdomains.types import Image, ObjectMask

SIZE = (240, 320)


def grey() -> Image:
    return np.full((3, *SIZE), 0.5, dtype=np.float32)


def block(x0: int, y0: int, side: int) -> ObjectMask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return ObjectMask.from_mask(mask)


def about(box: PixelBox | None = None, index: int | None = None) -> Finding:
    return Finding(
        "warning", "a", "a.png", "a hole", "Fill it.", check="holes", box=box, object_index=index
    )


def colours(panel: Panel) -> set[Colour]:
    with PIL.Image.open(io.BytesIO(panel.webp)) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        return {(r, g, b) for r, g, b in np.unique(pixels, axis=0).tolist()}


def size(panel: Panel) -> tuple[int, int]:
    with PIL.Image.open(io.BytesIO(panel.webp)) as picture:
        return picture.size


def test_a_small_place_is_enlarged_and_shown_in_the_whole_image() -> None:
    place, overview = finding_panels(about((100, 50, 101, 51)), grey(), [])
    assert size(place) == (SIDE, SIDE)
    assert FALSE_ALARM in colours(place)
    assert (place.label, overview.label) == ("The place", "Where it is")
    assert size(overview) == (640, 480)


def test_without_a_box_the_whole_image_is_shown_once() -> None:
    (panel,) = finding_panels(about(), grey(), [block(4, 4, 30)])
    assert panel.label == "The image"


def test_the_meant_object_is_told_from_the_others() -> None:
    objects = [block(100, 50, 10), block(120, 50, 10)]
    place, _ = finding_panels(about((100, 50, 110, 60), index=0), grey(), objects)
    assert {CORRECT, MISSED, FALSE_ALARM} <= colours(place)


@pytest.mark.parametrize("corner", [(0, 0), (319, 239), (0, 239)])
def test_a_place_at_the_border_has_a_picture_of_the_usual_size(corner: tuple[int, int]) -> None:
    x, y = corner
    place, _ = finding_panels(about((x, y, x + 1, y + 1)), grey(), [])
    assert size(place) == (SIDE, SIDE)
    assert FALSE_ALARM in colours(place)


def test_a_large_image_is_reduced() -> None:
    (panel,) = finding_panels(about(), np.zeros((3, 900, 1800), dtype=np.float32), [])
    assert size(panel) == (SIDE, SIDE // 2)


def test_masks_of_another_size_are_not_drawn() -> None:
    small = ObjectMask.from_mask(np.ones((4, 4), dtype=bool))
    place, _ = finding_panels(about((1, 1, 3, 3), index=0), grey(), [small])
    assert not {CORRECT, MISSED} & colours(place)


def test_the_case_it_is_compared_with_is_named() -> None:
    panel = compared_panel("b", grey(), [block(4, 4, 30)])
    assert (panel.label, panel.alt) == ("Beside it: b", "The image b")
