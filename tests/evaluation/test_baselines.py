from __future__ import annotations

import math

import numpy as np
import pytest

from samdomains.evaluation.baselines import BoxEllipse
from samdomains.protocols import Segmenter
from samdomains.types import Mask, Prediction, Prompts, Size


def ellipse(box: tuple[float, float, float, float], size: Size) -> Prediction:
    image = np.zeros((3, *size), dtype=np.float32)
    prompt = Prompts(box=np.array(box, dtype=np.float32))
    return BoxEllipse().encode(image).predict([prompt], multimask=False)[0]


def centres_inside(box: tuple[float, float, float, float], size: Size) -> Mask:
    """The ellipse's inequality at every pixel centre of the image."""
    x0, y0, x1, y1 = box
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    across = (rows - (y0 + y1) / 2) / ((y1 - y0) / 2)
    along = (columns - (x0 + x1) / 2) / ((x1 - x0) / 2)
    return np.asarray(across**2 + along**2 < 1)


@pytest.mark.parametrize(
    "box", [(3, 5, 20, 12), (0, 0, 40, 30), (7, 8, 8, 9), (2.5, 3.25, 9, 20), (-4, -2, 10, 50)]
)
def test_the_ellipse_holds_the_pixels_whose_centres_lie_inside(
    box: tuple[float, float, float, float],
) -> None:
    assert np.array_equal(ellipse(box, (30, 40)).mask(), centres_inside(box, (30, 40)))


def test_its_area_is_that_of_an_ellipse() -> None:
    area = ellipse((10, 20, 210, 120), (150, 250)).mask().sum()
    assert area == pytest.approx(math.pi * 100 * 50, rel=0.002)


def test_a_box_of_one_pixel_is_that_pixel() -> None:
    mask = ellipse((4, 2, 5, 3), (6, 6)).mask()
    assert mask.sum() == 1
    assert mask[2, 4]


def test_a_box_outside_the_image_gives_an_empty_answer() -> None:
    assert not ellipse((50, 50, 60, 60), (30, 40)).mask().any()


def test_it_estimates_no_iou() -> None:
    assert math.isnan(ellipse((0, 0, 4, 4), (6, 6)).predicted_iou)


def test_a_prompt_without_a_box_is_refused() -> None:
    point = Prompts(points=np.zeros((1, 2), dtype=np.float32), point_labels=np.array([1]))
    system: Segmenter = BoxEllipse()
    with pytest.raises(ValueError, match="needs a prompt with a box"):
        system.encode(np.zeros((3, 4, 4), dtype=np.float32)).predict([point], multimask=True)
