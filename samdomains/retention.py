"""What tuning cost elsewhere: the model and its base on images of the other installed domains."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from samdomains.chain import installed_domains, select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.evaluation.averages import finite_mean
from samdomains.evaluation.card import case_dice
from samdomains.evaluation.drawn_cases import draw_cases
from samdomains.evaluation.health import DomainRetention, Retention, SystemDice
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.scorer import Asked, score
from samdomains.protocols import Segmenter
from samdomains.types import Case, CaseStatistics, Image, ObjectMask, PromptName, RawImage

DEMO_SEED = 0
"""Of the demo data: the same images in every run, so that two runs can be compared."""

OBJECTS = 2
"""Objects of an image, at most."""

NO_OTHER = "no other domain is installed that has demo images"

PROMPTS: tuple[PromptName, ...] = ("box", "point")


@dataclass(frozen=True, slots=True, eq=False)
class DemoImages:
    """Images of another domain, read and prepared as that domain does.

    Attributes:
        cases: In memory; their pixels are (3, H, W) in [0, 1].
        minimum_area: Objects with fewer pixels are not asked for.
    """

    cases: Sequence[Case]
    minimum_area: int


def measure_retention(
    systems: Mapping[str, Segmenter],
    home: str,
    *,
    images: int,
    progress: Callable[[int], None] | None = None,
) -> Retention:
    """Score the tuned model and its base on demo images of every other installed domain.

    A domain that fails is left out and named: a run does not fail for a plugin that it does not
    use.

    Args:
        systems: ``tuned`` and ``zero_shot``.
        home: Id of the domain that was tuned for.
        images: Images of each domain, at most; 0 measures nothing.
        progress: Called after each domain with the number of domains done.
    """
    if images == 0:
        return nothing_measured("evaluation.retention_images is 0")
    found: list[DomainRetention] = []
    left_out: dict[str, str] = {}
    for done, (name, demo) in enumerate(demo_images(home, images), start=1):
        if isinstance(demo, str):
            left_out[name] = demo
        else:
            found.append(_retention(systems, name, demo))
        if progress is not None:
            progress(done)
    if not found:
        return nothing_measured(NO_OTHER, left_out)
    return Retention(tuple(found), left_out, "", finite_mean(domain.change for domain in found))


def other_domains(home: str) -> dict[str, str]:
    """Id of every other installed domain → ``ok``, or why it cannot be selected."""
    return {domain.name: domain.status for domain in installed_domains() if domain.name != home}


def demo_images(home: str, images: int) -> Iterator[tuple[str, DemoImages | str]]:
    """Generate demo images of every other installed domain, one domain after the other.

    Args:
        home: Id of the domain that was tuned for.
        images: Images of each domain, at most.

    Yields:
        Id of a domain, and its images or why there are none.
    """
    for name, status in other_domains(home).items():
        yield name, _demo_images(name, images) if status == "ok" else status


def demo_dice(system: Segmenter, demo: DemoImages) -> dict[PromptName, float]:
    """Mean Dice of a system on demo images, by way of prompting, over objects, then images."""
    dice = case_dice(_scores({"system": system}, demo))[0]["system"]
    return {prompt: finite_mean(dice[prompt].values()) for prompt in PROMPTS}


def nothing_measured(note: str, left_out: Mapping[str, str] | None = None) -> Retention:
    """The retention of a run that did not measure it.

    Args:
        note: Why.
        left_out: Domain → why that one was not measured.
    """
    return Retention((), dict(left_out or {}), note, float("nan"))


def _demo_images(name: str, images: int) -> DemoImages | str:
    """A few demo images of a domain, or why there are none."""
    try:
        with tempfile.TemporaryDirectory(prefix="samdomains-") as folder:
            demo = _read_demo(name, images, Path(folder))
    except Exception as error:  # noqa: BLE001 (whatever another's plugin raises: it is named)
        return f"{type(error).__name__}: {error}"
    return demo if demo.cases else "its demo data show no object that is large enough"


def _read_demo(name: str, images: int, folder: Path) -> DemoImages:
    domain = select_domain(name)
    recipe = domain.resolve_recipe().recipe
    source = domain.make_demo_data(folder / "demo", DEMO_SEED)
    cases = in_parts(domain.load_cases(source, recipe), recipe.scene)
    minimum = recipe.data.minimum_area
    normalizer = domain.normalize_intensity(recipe)
    drawn = draw_cases(cases, images, objects=OBJECTS, minimum_area=minimum, seed=DEMO_SEED)
    read = [_in_memory(d.case, normalized_image(d.case, normalizer), d.objects) for d in drawn]
    return DemoImages(read, minimum)


def _in_memory(case: Case, image: Image, objects: tuple[ObjectMask, ...]) -> Case:
    return Case(case.id, case.group, lambda: image, lambda: objects, case.classes)


def _as_it_is(pixels: RawImage, statistics: CaseStatistics) -> Image:  # noqa: ARG001
    """The normaliser of images that are normalised."""
    return pixels


def _scores(systems: Mapping[str, Segmenter], demo: DemoImages) -> tuple[ObjectScore, ...]:
    asked = Asked(PROMPTS, demo.minimum_area, objects_per_case=OBJECTS, seed=DEMO_SEED)
    return score(systems, demo.cases, normalizer=_as_it_is, asked=asked).objects


def _retention(systems: Mapping[str, Segmenter], name: str, demo: DemoImages) -> DomainRetention:
    scores = _scores(systems, demo)
    dice = case_dice(scores)[0]

    def mean(system: str, prompt: PromptName) -> float:
        return finite_mean(dice[system][prompt].values())

    return DomainRetention(
        domain=name,
        images=len(demo.cases),
        objects=len({(score.case, score.object_index) for score in scores}),
        prompts={
            prompt: SystemDice(*map(partial(mean, prompt=prompt), ("tuned", "zero_shot")))
            for prompt in PROMPTS
        },
    )
