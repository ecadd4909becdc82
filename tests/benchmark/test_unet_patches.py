from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from samdomains.benchmark import unet_patches
from samdomains.benchmark.unet_network import UNetDesign
from samdomains.benchmark.unet_patches import (
    Lesson,
    Lessons,
    draw_patch,
    lesson_of,
    meeting,
    survey,
)
from samdomains.errors import DataError
from samdomains.recipe import AugmentationRecipe
from samdomains.types import Case, ObjectMask

from .conftest import case_of, rectangle, square_case, to_unit_range

SIZE = (80, 100)
STILL = AugmentationRecipe(flip=0, rotate=0, crop=1, brightness=0, contrast=0)


def case_with(*objects: ObjectMask, classes: dict[int, str] | None = None) -> Case:
    return case_of(np.full(SIZE, 51, dtype=np.uint8), objects, classes)


def item(*corners: int, class_id: int = 1, crowd: bool = False) -> ObjectMask:
    y0, x0, y1, x1 = corners
    return ObjectMask.from_mask(rectangle(SIZE, y0, x0, y1, x1), class_id=class_id, crowd=crowd)


def design_of(*cases: Case) -> UNetDesign:
    return survey(cases, minimum_area=4, width=4, fine=False, seed=0)


class TestSurvey:
    def test_one_object_of_each_class_an_image_keeps_its_parts_together(self) -> None:
        single = case_with(item(0, 0, 20, 20), item(0, 0, 9, 9, class_id=2), classes={1: "", 2: ""})
        assert design_of(single, case_with()).whole
        assert not design_of(single, case_with(item(0, 0, 9, 9), item(30, 0, 39, 9))).whole

    def test_borders_are_learnt_where_objects_of_a_class_touch(self) -> None:
        pair = (item(0, 0, 20, 20), item(0, 20, 20, 40))
        assert design_of(case_with(*pair)).split
        assert not design_of(case_with(pair[0], item(0, 22, 20, 40))).split
        other = replace(pair[1], class_id=2)
        assert not design_of(case_with(pair[0], other, classes={1: "", 2: ""})).split

    def test_the_window_is_as_large_as_the_images_need(self) -> None:
        assert design_of(square_case(0)).side == 64
        assert design_of(case_with(item(0, 0, 9, 9))).side == 128

    def test_images_of_thick_objects_are_reduced(self) -> None:
        size = (600, 800)
        thick = ObjectMask.from_mask(rectangle(size, 100, 100, 440, 700))
        design = design_of(case_of(np.zeros(size, dtype=np.uint8), [thick]))
        assert design.scale == 256 / 800
        assert design.input_size(size) == (192, 256)
        less = ObjectMask.from_mask(rectangle(size, 100, 100, 195, 700))
        design = design_of(case_of(np.zeros(size, dtype=np.uint8), [less]))
        assert design.scale == pytest.approx(0.5, rel=0.02)

    def test_images_without_any_object_are_refused(self) -> None:
        with pytest.raises(DataError, match="none of 2 training images has an object"):
            design_of(case_with(), case_with(item(0, 0, 9, 9, crowd=True)))

    def test_an_image_without_annotation_is_refused(self) -> None:
        with pytest.raises(DataError, match="no annotation to learn from"):
            design_of(replace(case_with(), read_objects=None))


class TestLessons:
    def test_classes_may_overlap_and_crowds_teach_nothing(self) -> None:
        outer, inner = item(10, 10, 50, 50), item(20, 20, 30, 30, class_id=7)
        case = case_with(outer, inner, item(60, 60, 80, 100, crowd=True), classes={1: "", 7: ""})
        lesson = lesson_of(case, to_unit_range, design_of(case))
        assert (lesson.target == np.stack([outer.mask(), inner.mask()])).all()
        assert (lesson.valid[0] == ~rectangle(SIZE, 60, 60, 80, 100)).all()
        assert lesson.image == pytest.approx(0.2, abs=1e-3)

    def test_borders_lie_where_two_objects_meet(self) -> None:
        case = case_with(item(0, 0, 20, 20), item(0, 20, 20, 40))
        lesson = lesson_of(case, to_unit_range, design_of(case))
        assert (lesson.target[1] == rectangle(SIZE, 0, 18, 22, 22)).all()

    def test_an_object_alone_meets_nothing(self) -> None:
        assert not meeting(rectangle(SIZE, 3, 3, 9, 9).astype(np.int32), 5).any()

    def test_what_memory_does_not_hold_is_read_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cases = [square_case(number) for number in range(3)]
        lessons = Lessons(cases, to_unit_range, design_of(*cases))
        monkeypatch.setattr(unet_patches, "CACHE_BYTES", 2 * lessons[0].nbytes)
        assert lessons[0] is lessons[0]
        first = lessons[0]
        assert [lessons[number].image.shape for number in (1, 2)] == [(3, 64, 64)] * 2
        assert list(lessons.kept) == [1, 2]
        assert (lessons[0].target == first.target).all()


def lesson(size: tuple[int, int] = (40, 200)) -> Lesson:
    rng = np.random.default_rng(0)
    mask = rectangle(size, 0, size[1] // 2, 1, size[1] // 2 + 1)
    box = np.array([[size[1] // 2, 0, size[1] // 2 + 1, 1]], dtype=np.float64)
    pixels = rng.random((3, *size)).astype(np.float16)
    return Lesson(pixels, mask[None], np.ones((1, *size), dtype=bool), (box,))


class TestPatches:
    def test_half_of_the_patches_and_more_show_a_small_object(self) -> None:
        rng = np.random.default_rng(1)
        shown = [draw_patch(lesson(), 64, STILL, rng).target.any() for _ in range(60)]
        assert 30 < sum(shown) < 60

    @pytest.mark.parametrize("size", [(1, 200), (200, 1), (1, 1), (40, 50), (300, 300)])
    def test_an_image_smaller_than_a_patch_is_filled_up(self, size: tuple[int, int]) -> None:
        wild = AugmentationRecipe(flip=1, rotate=1, crop=0.5)
        for seed in range(5):
            patch = draw_patch(lesson(size), 64, wild, np.random.default_rng(seed))
            assert patch.image.shape == (3, 64, 64)
            assert patch.target.shape == patch.valid.shape == (1, 64, 64)
            assert not (patch.target & ~patch.valid).any()

    def test_what_is_filled_up_teaches_nothing(self) -> None:
        patch = draw_patch(lesson((40, 50)), 64, STILL, np.random.default_rng(0))
        assert patch.valid.sum() == 40 * 50

    def test_image_and_target_are_changed_alike(self) -> None:
        size = (100, 100)
        mask = rectangle(size, 20, 30, 60, 90)
        image = np.repeat(mask[None], 3, axis=0).astype(np.float16)
        bright = Lesson(image, mask[None], np.ones((1, *size), dtype=bool), ())
        recipe = AugmentationRecipe(brightness=0, contrast=0, crop=0.5)
        for seed in range(8):
            patch = draw_patch(bright, 64, recipe, np.random.default_rng(seed))
            assert ((patch.image[0] > 0.5) != patch.target[0]).mean() < 0.04
