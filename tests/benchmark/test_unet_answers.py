from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from samdomains.benchmark.unet_answers import UNetImage
from samdomains.benchmark.unet_network import UNetDesign
from samdomains.evaluation.scorer import Asked, score
from samdomains.protocols import PromptedImage
from samdomains.types import Image, Mask, ObjectMask, Prediction, Prompts

from .conftest import case_of, rectangle, to_unit_range

SIZE = (40, 60)
LEFT = rectangle(SIZE, 5, 5, 20, 20)
RIGHT = rectangle(SIZE, 5, 30, 25, 55)


def design(classes: tuple[int, ...] = (1,), **values: object) -> UNetDesign:
    usual: dict[str, object] = {
        "classes": classes,
        "whole": False,
        "split": False,
        "scale": 1.0,
        "side": 64,
        "smallest": 4,
        "width": 4,
        "fine": False,
    }
    return UNetDesign.model_validate(usual | values)


def found(*masks: Mask, **values: object) -> UNetImage:
    """An image in which each class has one mask, its pixels with a probability of 0.88."""
    classes = tuple(range(1, 1 + len(masks) // (2 if values.get("split") else 1)))
    logits = np.where(np.stack(masks), 2, -2).astype(np.float32)
    return UNetImage(logits, design(classes, **values))


def clicks(*places: tuple[int, int, int], box: Sequence[float] | None = None) -> Prompts:
    """Clicks as (x, y, label)."""
    return Prompts(
        box=None if box is None else np.array(box, dtype=np.float32),
        points=np.array([place[:2] for place in places], dtype=np.float32).reshape(-1, 2),
        point_labels=np.array([place[2] for place in places], dtype=np.int64),
    )


def answer(image: PromptedImage, prompt: Prompts) -> Prediction:
    (only,) = image.predict([prompt], multimask=True)
    return only


def boxed(*corners: float) -> Prompts:
    return clicks(box=corners)


class TestClicks:
    def test_a_click_means_the_object_under_it(self) -> None:
        result = answer(found(LEFT | RIGHT), clicks((10, 10, 1)))
        assert (result.mask() == LEFT).all()
        assert result.predicted_iou == pytest.approx(1 / (1 + np.exp(-2)))

    def test_a_click_on_nothing_has_an_empty_answer(self) -> None:
        result = answer(found(LEFT), clicks((50, 30, 1)))
        assert not result.mask().any()
        assert result.predicted_iou == 0.0
        assert result.image_size == SIZE

    def test_several_clicks_mean_all_their_objects(self) -> None:
        result = answer(found(LEFT | RIGHT), clicks((10, 10, 1), (40, 10, 1)))
        assert (result.mask() == LEFT | RIGHT).all()

    def test_a_negative_click_takes_its_object_from_a_box(self) -> None:
        prompt = clicks((40, 10, 0), box=(0, 0, 60, 40))
        assert (answer(found(LEFT | RIGHT), prompt).mask() == LEFT).all()

    def test_a_negative_click_on_the_background_changes_nothing(self) -> None:
        prompt = clicks((10, 10, 1), (58, 38, 0))
        assert (answer(found(LEFT), prompt).mask() == LEFT).all()

    def test_an_object_with_clicks_of_both_kinds_is_divided_between_them(self) -> None:
        merged = answer(found(RIGHT), clicks((35, 15, 1), (49, 15, 0))).mask()
        assert (merged == rectangle(SIZE, 5, 30, 25, 42)).all()

    def test_a_negative_click_alone_means_nothing(self) -> None:
        assert not answer(found(LEFT), clicks((10, 10, 0))).mask().any()

    def test_a_click_where_classes_overlap_means_the_most_probable(self) -> None:
        inner = rectangle(SIZE, 10, 35, 15, 45)
        image = found(RIGHT, inner)
        image.logits[1] *= 2
        assert (answer(image, clicks((40, 12, 1))).mask() == inner).all()
        assert (answer(image, clicks((52, 20, 1))).mask() == RIGHT).all()

    def test_a_click_beyond_the_image_means_its_nearest_pixel(self) -> None:
        assert answer(found(np.ones(SIZE, dtype=bool)), clicks((60, -3, 1))).mask().all()


class TestBoxes:
    def test_a_box_means_what_lies_in_it_for_the_most_part(self) -> None:
        result = answer(found(LEFT | RIGHT), boxed(3, 3, 34, 26))
        assert (result.mask() == LEFT).all()

    def test_an_answer_is_cut_to_the_box(self) -> None:
        result = answer(found(RIGHT), boxed(28, 0, 50, 40))
        assert (result.mask() == rectangle(SIZE, 5, 30, 25, 50)).all()

    def test_a_box_in_a_larger_object_means_what_it_holds_of_it(self) -> None:
        result = answer(found(RIGHT), boxed(30, 5, 35, 10))
        assert (result.mask() == rectangle(SIZE, 5, 30, 10, 35)).all()

    def test_a_box_means_the_class_that_fits_it_best(self) -> None:
        ring = RIGHT & ~rectangle(SIZE, 7, 32, 23, 53)
        inner = rectangle(SIZE, 8, 33, 22, 52)
        speck = rectangle(SIZE, 30, 2, 32, 6)
        image = found(inner, ring | speck, whole=True)
        assert (answer(image, boxed(30, 5, 55, 25)).mask() == ring).all()
        assert (answer(image, boxed(33, 8, 52, 22)).mask() == inner).all()

    def test_a_box_around_nothing_has_an_empty_answer(self) -> None:
        assert not answer(found(LEFT), boxed(30, 25, 55, 40)).mask().any()

    def test_a_box_beyond_the_image_has_an_empty_answer(self) -> None:
        assert not answer(found(LEFT), boxed(-30, -30, -5, -5)).mask().any()


def test_a_prompt_of_a_mask_alone_is_refused() -> None:
    prompt = Prompts(mask_logits=np.zeros((4, 4), dtype=np.float32))
    with pytest.raises(ValueError, match="needs a prompt with a box or a point"):
        answer(found(LEFT), prompt)


class TestObjects:
    def test_every_object_of_every_class_is_found(self) -> None:
        objects = found(LEFT | RIGHT, LEFT).objects()
        assert [ObjectMask.from_prediction(o).area for o in objects] == [225, 500, 225]

    def test_specks_are_no_objects(self) -> None:
        (only,) = found(LEFT | rectangle(SIZE, 30, 30, 31, 33)).objects()
        assert (only.mask() == LEFT).all()

    def test_a_class_of_one_object_keeps_all_its_parts(self) -> None:
        (only,) = found(LEFT | RIGHT, whole=True).objects()
        assert (only.mask() == LEFT | RIGHT).all()

    def test_touching_objects_are_parted_at_their_border(self) -> None:
        border = rectangle(SIZE, 5, 41, 25, 44)
        left, right = found(RIGHT, border, split=True).objects()
        assert (left.mask() | right.mask() == RIGHT).all()
        assert not (left.mask() & right.mask()).any()
        assert [left.mask().sum(), right.mask().sum()] == pytest.approx([250, 250], abs=30)

    def test_a_part_that_is_all_border_stays_an_object(self) -> None:
        objects = found(LEFT | RIGHT, LEFT, split=True).objects()
        assert sorted(ObjectMask.from_prediction(o).area for o in objects) == [225, 500]

    def test_an_image_without_a_finding_has_no_object(self) -> None:
        assert found(np.zeros(SIZE, dtype=bool), np.zeros(SIZE, dtype=bool)).objects() == []
        assert found(*np.zeros((2, *SIZE), dtype=bool), split=True).objects() == []


class Knowing:
    """A system that finds the same in every image."""

    def __init__(self, image: UNetImage) -> None:
        self.image = image

    def encode(self, image: Image) -> UNetImage:  # noqa: ARG002 (the protocol)
        return self.image


def test_the_scorer_goes_on_from_answers_without_low_resolution() -> None:
    merged = LEFT | RIGHT | rectangle(SIZE, 10, 20, 12, 30)
    objects = [ObjectMask.from_mask(LEFT), ObjectMask.from_mask(RIGHT)]
    scores = score(
        {"unet": Knowing(found(merged)), "nothing": Knowing(found(np.zeros(SIZE, dtype=bool)))},
        [case_of(np.zeros(SIZE, dtype=np.uint8), objects)],
        normalizer=to_unit_range,
        asked=Asked(("box", "point", "point+3", "auto"), 4, tolerance_px=2.0, clicks=3),
    )
    dice = {(s.system, s.prompt, s.object_index): s.dice for s in scores.objects}
    assert dice["unet", "point+3", 0] > 0.9 > dice["unet", "point", 0]
    assert dice["unet", "box", 1] > 0.99
    assert dice["nothing", "point+3", 0] == 0.0
    assert {image.system for image in scores.images} == {"unet", "nothing"}
