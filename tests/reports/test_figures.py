"""The picture of a case: size of its panels, and images large, small and slender."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from samdomains.reports.figures import LARGEST_SIDE, PANEL_SIDE, as_webp, case_panel, case_panels
from samdomains.reports.overlay import BOX, CORRECT, FALSE_ALARM, MISSED, TINT, Colour
from samdomains.types import Mask, Prompts


def opened(png: bytes) -> NDArray[np.uint8]:
    picture = PIL.Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return np.asarray(picture)


def case(size: tuple[int, int], count: int = 1) -> bytes:
    """A panel of squares along the diagonal, three systems."""
    masks: list[Mask] = []
    for index in range(count):
        mask = np.zeros(size, dtype=bool)
        y, x = index * (size[0] - 2) // count, index * (size[1] - 2) // count
        mask[y : y + 2, x : x + 2] = True
        masks.append(mask)
    boxes = [np.array([1, 1, 3, 3], dtype=np.float32)] * count
    return case_panel(
        np.zeros((3, *size), dtype=np.float32),
        prompts=[Prompts(box=box) for box in boxes],
        truth=masks,
        predictions=dict.fromkeys(("tuned", "zero_shot", "box_ellipse"), masks),
        dice={"tuned": 0.9},
    )


def test_a_small_image_is_enlarged_by_a_whole_factor_with_hard_edges() -> None:
    """Pixel (1, 1) to (3, 3) of a 64-pixel image is a square of 6-pixel blocks."""
    picture = opened(case((64, 64)))
    panel_width = 64 * -(-PANEL_SIDE // 64)
    assert picture.shape[1] == 2 * panel_width + 10
    rows, columns = np.nonzero((picture[:, :panel_width] == BOX).all(axis=2))
    title = rows.min() - 6
    assert (columns.min(), columns.max()) == (6, 17)
    assert (rows.max() - title) == 17


def test_a_large_image_is_reduced() -> None:
    picture = opened(case((900, 1800), count=20))
    assert picture.shape[1] == 2 * LARGEST_SIDE + 10


def test_hundreds_of_objects_are_drawn() -> None:
    assert opened(case((500, 500), count=200)).shape[1] == 2 * 500 + 10


@pytest.mark.parametrize("size", [(1, 1), (2, 700), (700, 2), (3, 2000)])
def test_slender_and_tiny_images_are_drawn(size: tuple[int, int]) -> None:
    image = np.full((3, *size), 0.5, dtype=np.float32)
    masks = [np.ones(size, dtype=bool)]
    png = case_panel(image, prompts=(), truth=masks, predictions={"tuned": masks})
    assert opened(png).shape[2] == 3


def test_a_case_without_objects_is_drawn() -> None:
    png = case_panel(
        np.zeros((3, 32, 32), dtype=np.float32), prompts=(), truth=(), predictions={"tuned": ()}
    )
    assert opened(png).size > 0


def test_the_same_case_gives_the_same_bytes() -> None:
    assert case((40, 50)) == case((40, 50))


def test_a_system_that_answers_too_few_objects_is_refused() -> None:
    mask = np.ones((8, 8), dtype=bool)
    with pytest.raises(ValueError, match="need as many answers"):
        case_panel(
            np.zeros((3, 8, 8), dtype=np.float32),
            prompts=(),
            truth=[mask, mask],
            predictions={"tuned": [mask]},
        )


def square(y0: int, x0: int, side: int) -> Mask:
    mask = np.zeros((40, 60), dtype=bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return mask


def tint(colour: Colour) -> list[int]:
    """A colour over black."""
    return [round(TINT * channel) for channel in colour]


def test_panels_show_what_was_asked_what_is_true_and_each_answer_with_its_errors() -> None:
    panels = case_panels(
        np.zeros((3, 40, 60), dtype=np.float32),
        prompts=[Prompts(box=np.array([10, 10, 30, 30], dtype=np.float32))],
        truth=(mask for mask in [square(10, 10, 20)]),
        predictions={"tuned": (mask for mask in [square(10, 20, 20)])},
        dice={"tuned": 0.5},
    )
    labels = ["Image and prompts", "Truth, 1 object", "Tuned, Dice 0.500", "Tuned, errors"]
    assert [panel.label for panel in panels] == labels
    assert panels[0].alt == "image with 1 prompt"
    asked, true, found, errors = (
        np.asarray(PIL.Image.open(io.BytesIO(panel.webp))) for panel in panels
    )
    assert asked.shape == true.shape == found.shape == errors.shape == (240, 360, 3)
    block = PANEL_SIDE // 60
    assert tuple(asked[10 * block, 10 * block]) == BOX
    assert tuple(true[20 * block, 10 * block]) == CORRECT
    assert tuple(found[20 * block, 20 * block]) == CORRECT
    at = [errors[20 * block, x * block].tolist() for x in (15, 25, 35)]
    assert at == [tint(MISSED), tint(CORRECT), tint(FALSE_ALARM)]


def test_the_pictures_of_a_page_carry_no_metadata() -> None:
    photograph = PIL.Image.new("RGB", (64, 64))
    photograph.info["exif"] = b"Exif\x00\x00 who and where"
    photograph.info["comment"] = b"a patient"
    for lossless in (True, False):
        written = as_webp(photograph, lossless=lossless)
        assert not {b"EXIF", b"XMP ", b"ICCP"} & {written[i : i + 4] for i in range(len(written))}
        assert b"who and where" not in written
