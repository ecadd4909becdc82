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


def as_integers(mask: np.ndarray, rng: np.random.Generator, previous: object) -> Prompts:
    rows, columns = np.nonzero(mask)
    point = np.array([[columns[0], rows[0]]])
    return Prompts(points=point, point_labels=np.ones(1, dtype=np.int64))


def unseeded(mask: np.ndarray, rng: np.random.Generator, previous: object) -> Prompts:
    rows, columns = np.nonzero(mask)
    chosen = np.random.default_rng().integers(len(rows))
    point = np.array([[columns[chosen], rows[chosen]]], dtype=np.float32)
    return Prompts(points=point, point_labels=np.ones(1, dtype=np.int64))


def unseeded_prior(mask: np.ndarray, rng: np.random.Generator, previous: object) -> Prompts:
    noise = np.random.default_rng().normal(size=mask.shape)
    return Prompts(prior=noise.astype(np.float32))


def small_prior(mask: np.ndarray, rng: np.random.Generator, previous: object) -> Prompts:
    return Prompts(prior=np.zeros((8, 8), dtype=np.float32))


def wrong_correction(mask: np.ndarray, rng: np.random.Generator, previous: object) -> Prompts:
    if previous is None:
        return Prompts(box=ObjectMask.from_mask(mask).box)
    return beside(mask, rng, previous)


def in_double(pixels: np.ndarray, statistics: object) -> np.ndarray:
    return np.full((3, *pixels.shape[1:]), 0.5)


def divides(pixels: np.ndarray, statistics: object) -> Image:
    scaled = (pixels[:1] - pixels.min()) / np.float32(pixels.max() - pixels.min())
    return np.repeat(scaled.astype(np.float32), 3, axis=0)


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
            DomainConformance.test_the_normalised_image_is_what_a_model_expects,
            "normalize_intensity",
            in_double,
            r"must give float32 \(3, H, W\), got float64",
        ),
        (
            DomainConformance.test_a_constant_image_is_normalised_too,
            "normalize_intensity",
            divides,
            "guard the division",
        ),
        (
            DomainConformance.test_simulated_prompts_point_at_their_object,
            "sample_prompts",
            as_integers,
            "they must be float32 and int64",
        ),
        (
            DomainConformance.test_simulated_prompts_point_at_their_object,
            "sample_prompts",
            unseeded,
            "use only the rng it is given",
        ),
        (
            DomainConformance.test_simulated_prompts_point_at_their_object,
            "sample_prompts",
            unseeded_prior,
            "use only the rng it is given",
        ),
        (
            DomainConformance.test_simulated_prompts_point_at_their_object,
            "sample_prompts",
            small_prior,
            r"gives a prior of \(8, 8\)",
        ),
        (
            DomainConformance.test_corrections_point_at_what_is_wrong_or_right,
            "sample_prompts",
            wrong_correction,
            "correcting, clicks beside the object with label 1",
        ),
        (
            DomainConformance.test_proposed_prompts_lie_in_the_image,
            "propose_prompts",
            outside,
            "gives a prompt that lies outside of its image",
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
    with pytest.raises(pytest.fail.Exception, match="the normaliser changes its input; copy"):
        TestImages().test_the_normalised_image_is_what_a_model_expects(
            broken("normalize_intensity", in_place)
        )


def test_a_check_is_overridden_with_a_reason_only() -> None:
    with pytest.raises(TypeError, match="overrides test_every_recipe_is_valid of the conformance"):

        class _Silent(DomainConformance):
            def test_every_recipe_is_valid(self, subject: Subject) -> None:
                """Pass."""

    class _Mixin:
        def test_every_recipe_is_valid(self, subject: Subject) -> None:
            """Pass."""

    with pytest.raises(TypeError, match="overrides test_every_recipe_is_valid"):

        class _Inherited(_Mixin, DomainConformance):
            """The check of the mixin hides that of the kit."""

    with pytest.raises(TypeError, match="overrides test_every_recipe_is_valid"):

        class _Removed(DomainConformance):
            test_every_recipe_is_valid = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="calls the recipe 'fast' unfit without a reason"):

        class _Unfit(DomainConformance):
            unfit = {"fast": " "}  # noqa: RUF012 (a constant)

    class _Reasoned(DomainConformance):
        @deviates("this domain has no recipes")
        def test_every_recipe_is_valid(self, subject: Subject) -> None:
            """Pass."""

    assert _Reasoned()


def test_unfit_names_recipes_that_exist() -> None:
    class _Gone(DomainConformance):
        unfit = {"gone": "it was renamed"}  # noqa: RUF012 (a constant)

    with pytest.raises(pytest.fail.Exception, match=r"`unfit` names \['gone'\]"):
        _Gone().test_every_recipe_is_valid(subject_of("images"))


def test_without_the_one_fixture_it_says_what_is_missing() -> None:
    with pytest.raises(pytest.fail.Exception, match="needs a fixture `domain` that returns the id"):
        DomainConformance.domain.__wrapped__(TestImages())  # type: ignore[attr-defined]


def test_the_recipe_of_a_subject_is_the_default() -> None:
    assert isinstance(subject_of("images").recipe, Recipe)
