"""The core's own domain passes the kit, and plugins that break a rule are told which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.recipe import Recipe
from samdomains.testing import DomainConformance, Subject, deviates
from samdomains.testing.subject import subject_of
from samdomains.types import Case, Image, ObjectMask, Prompts


class TestImages(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "images"


@dataclass(frozen=True)
class Broken:
    """The domain `images` with one hook that answers wrongly."""

    hook: str
    answer: object

    def __getattr__(self, name: str) -> object:
        if name == self.hook:
            return lambda *_: self.answer
        return getattr(subject_of("images").domain, name)


def broken(hook: str, answer: object) -> Subject:
    whole = subject_of("images")
    return replace(whole, domain=Broken(hook, answer))  # type: ignore[arg-type]


def not_clipped(pixels: np.ndarray, statistics: object) -> Image:
    return np.repeat(pixels[:1].astype(np.float32), 3, axis=0)


def in_place(pixels: np.ndarray, statistics: object) -> Image:
    pixels //= 2
    return np.zeros((3, *pixels.shape[1:]), dtype=np.float32)


def beside(mask: np.ndarray, rng: np.random.Generator, previous: object) -> Prompts:
    rows, columns = np.nonzero(~mask)
    point = np.array([[columns[0], rows[0]]], dtype=np.float32)
    return Prompts(points=point, point_labels=np.ones(1, dtype=np.int64))


def outside(image: Image) -> Sequence[Prompts]:
    return [Prompts(box=np.array([500, 500, 600, 600], dtype=np.float32))]


def loses_pixels(case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
    from samdomains.data.writers import LabelPngWriter

    return LabelPngWriter()(case, objects[1:], out)


def nothing(case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
    return ()


Check = Callable[..., None]


@pytest.mark.parametrize(
    ("check", "hook", "answer", "message"),
    [
        (
            DomainConformance.test_the_normalised_image_is_what_a_model_expects,
            "normalize_intensity",
            not_clipped,
            r"must be finite and in \[0, 1\]; clip it",
        ),
        (
            DomainConformance.test_simulated_prompts_point_at_their_object,
            "sample_prompts",
            beside,
            "clicks beside the object with label 1",
        ),
        (
            DomainConformance.test_proposed_prompts_lie_in_the_image,
            "propose_prompts",
            outside,
            "a prompt lies outside of its image",
        ),
        (
            DomainConformance.test_cases_are_listed_in_the_same_order_each_time,
            "load_cases",
            (),
            "sort them",
        ),
    ],
)
def test_a_broken_hook_is_told_what_to_change(
    check: Check, hook: str, answer: object, message: str
) -> None:
    with pytest.raises(pytest.fail.Exception, match=message):
        check(TestImages(), broken(hook, answer))


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        (
            DomainConformance.test_what_is_written_is_read_back_in_its_place,
            loses_pixels,
            "the writer loses pixels or moves them",
        ),
        (
            DomainConformance.test_an_image_without_objects_is_written_too,
            nothing,
            "writes nothing for an image without objects",
        ),
    ],
)
def test_a_broken_writer_is_told_what_to_change(
    check: Check, answer: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(pytest.fail.Exception, match=message):
        check(TestImages(), broken("write_masks", answer), tmp_path)


def test_a_normaliser_that_changes_its_input_is_found() -> None:
    with pytest.raises(AssertionError, match="the normaliser changes its input; copy"):
        TestImages().test_the_normalised_image_is_what_a_model_expects(
            broken("normalize_intensity", in_place)
        )


def test_a_check_is_overridden_with_a_reason_only() -> None:
    with pytest.raises(TypeError, match="overrides test_every_recipe_is_valid of the conformance"):

        class _Silent(DomainConformance):
            def test_every_recipe_is_valid(self, subject: Subject) -> None:
                """Pass."""

    class _Reasoned(DomainConformance):
        @deviates("this domain has no recipes")
        def test_every_recipe_is_valid(self, subject: Subject) -> None:
            """Pass."""

    assert _Reasoned()


def test_the_recipe_of_a_subject_is_the_default() -> None:
    assert isinstance(subject_of("images").recipe, Recipe)
