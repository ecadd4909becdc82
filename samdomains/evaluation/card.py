"""The card of a run: is the tuned model better than the one it started from, and what to do."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from samdomains.evaluation.health import Health
from samdomains.evaluation.interpolation import Interpolation
from samdomains.evaluation.paired import PairedTest, paired_test
from samdomains.evaluation.results import ObjectScore

Verdict: TypeAlias = Literal["better than zero-shot", "no clear gain", "worse than zero-shot"]

CaseDice: TypeAlias = Mapping[str, float]
"""Case id → mean Dice of the case's objects; NaN where the case has nothing to score."""

FEW_GROUPS = 5
"""Below this many independent groups a bootstrap interval is too narrow to rely on."""

SMALLEST_DIFFERENCE = 0.001
"""Of mean Dice; less is rounding: an interval around 1e-7 may exclude 0 and mean nothing."""


@dataclass(frozen=True)
class Difference:
    """The mean paired difference of two systems on the same cases.

    Attributes:
        mean: Mean over the cases of Dice minus Dice; NaN without a common case.
        ci95: Bootstrap interval, resampled by group; NaN with fewer than two groups.
        p_value: Of ``samdomains.evaluation.paired.paired_test``; NaN with fewer than two groups.
    """

    mean: float
    ci95: tuple[float, float]
    p_value: float

    @property
    def clearly_positive(self) -> bool:
        """Whether the whole interval lies above 0, and the mean is large enough to be seen."""
        return self.ci95[0] > 0 and self.mean >= SMALLEST_DIFFERENCE

    @property
    def clearly_negative(self) -> bool:
        """Whether the whole interval lies below 0, and the mean is large enough to be seen."""
        return self.ci95[1] < 0 and self.mean <= -SMALLEST_DIFFERENCE


@dataclass(frozen=True)
class PromptCard:
    """What tuning changed under one way of prompting.

    Attributes:
        prompt: ``box``, ``point``, ``point+3`` or ``auto``.
        cases: Cases that both systems were scored on.
        groups: Independent groups (patients, scenes, slides) of these cases.
        tuned: Mean Dice of the tuned model over these cases.
        zero_shot: Mean Dice of its base model over these cases.
        gain: Tuned minus zero-shot.
        over_ellipse: Tuned minus the ellipse inscribed in the prompt's box; None where the
            ellipse was not scored.
    """

    prompt: str
    cases: int
    groups: int
    tuned: float
    zero_shot: float
    gain: Difference
    over_ellipse: Difference | None

    @property
    def clears_ellipse(self) -> bool | None:
        """Whether the tuned model clearly beats the ellipse; None where that is unknown."""
        return None if self.over_ellipse is None else self.over_ellipse.clearly_positive


@dataclass(frozen=True)
class Card:
    """Verdict and advice on a tuned model.

    Attributes:
        verdict: The answer in words, over all ways of prompting.
        advice: One sentence: what to do now.
        trained_on: Number of training images; 0 where it is not known.
        prompts: One entry for each way of prompting.
        health: What tuning cost, and the problems that it left; None where it was not measured.
        interpolation: Which mix of original and tuned weights this is; None where
            ``model.interpolate`` is.
    """

    verdict: Verdict
    advice: str
    trained_on: int
    prompts: tuple[PromptCard, ...]
    health: Health | None = None
    interpolation: Interpolation | None = None

    @property
    def words(self) -> str:
        """The verdict, then what health adds to it: ``better than zero-shot; ship``."""
        if self.health is None:
            return self.verdict
        problems = (problem.name for problem in self.health.problems)
        added = [name for name in dict.fromkeys(problems) if name != self.verdict]
        return "; ".join([self.verdict, *(added if self.health.problems else ["ship"])])

    def to_json(self) -> dict[str, Any]:
        """The content of ``card.json``; NaN where a number does not exist."""
        prompts = {
            card.prompt: asdict(card) | {"clears_ellipse": card.clears_ellipse}
            for card in self.prompts
        }
        return {
            "schema": 1,
            "verdict": self.verdict,
            "advice": self.advice,
            "trained_on": self.trained_on,
            "prompts": prompts,
            "health": None if self.health is None else self.health.to_json(),
            "interpolation": None if self.interpolation is None else self.interpolation.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Card:
        """Read back what ``write_json(card.to_json())`` wrote: null was NaN."""
        prompts = tuple(_prompt_card(values) for values in content["prompts"].values())
        measured = content.get("health")  # cards of earlier versions have none
        health = None if measured is None else Health.from_json(measured)
        mixed = content.get("interpolation")  # so are those
        return cls(
            content["verdict"],
            content["advice"],
            content["trained_on"],
            prompts,
            health,
            None if mixed is None else Interpolation.from_json(mixed),
        )


def _prompt_card(values: Mapping[str, Any]) -> PromptCard:
    over_ellipse = values["over_ellipse"]
    return PromptCard(
        prompt=values["prompt"],
        cases=values["cases"],
        groups=values["groups"],
        tuned=_nan_if_none(values["tuned"]),
        zero_shot=_nan_if_none(values["zero_shot"]),
        gain=_read_difference(values["gain"]),
        over_ellipse=None if over_ellipse is None else _read_difference(over_ellipse),
    )


def _read_difference(values: Mapping[str, Any]) -> Difference:
    low, high = values["ci95"]
    return Difference(
        _nan_if_none(values["mean"]),
        (_nan_if_none(low), _nan_if_none(high)),
        _nan_if_none(values.get("p_value")),  # cards of earlier versions have none
    )


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else value


def case_dice(
    scores: Sequence[ObjectScore],
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, str]]:
    """Bring the scores of objects into the form that ``make_card`` compares.

    Args:
        scores: From ``samdomains.evaluation.scorer.score``.

    Returns:
        System → prompt → case id → mean Dice of the case's objects (NaN where none has one), and
        case id → group.
    """
    objects: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for score in scores:
        own = objects[score.system, score.prompt, score.case]
        if math.isfinite(score.dice):
            own.append(score.dice)
    dice: dict[str, dict[str, dict[str, float]]] = {}
    for (system, prompt, case), values in objects.items():
        mean = math.fsum(values) / len(values) if values else math.nan
        dice.setdefault(system, {}).setdefault(prompt, {})[case] = mean
    return dice, {score.case: score.group for score in scores}


def make_card(
    dice: Mapping[str, Mapping[str, CaseDice]],
    groups: Mapping[str, str],
    *,
    trained_on: int,
    resamples: int = 1000,
    seed: int = 0,
) -> Card:
    """Compare the tuned model with zero-shot, and with the ellipse that any model must clear.

    A way of prompting counts as better or worse when the 95 percent interval of the paired
    difference excludes 0 and its mean is at least ``SMALLEST_DIFFERENCE``. The verdict is
    better (or worse) when some way of prompting is and none is the opposite. ``auto`` decides only
    where nothing else was scored: its Dice does not see answers that are no object.

    Args:
        dice: System → prompt → case id → Dice. Needs ``tuned`` and ``zero_shot`` with the same
            prompts and cases; ``box_ellipse`` is optional, and may lack a prompt.
        groups: Case id → group.
        trained_on: Number of training images; 0 where it is not known.
        resamples: Bootstrap resamples.
        seed: Seeds the bootstrap.

    Raises:
        ValueError: A system is absent, systems differ in prompts or cases, or a case has no group.

    Example:
        >>> before, after = {"a": 0.5, "b": 0.6}, {"a": 0.7, "b": 0.9}
        >>> scores = {"tuned": {"box": after}, "zero_shot": {"box": before}}
        >>> make_card(scores, {"a": "p1", "b": "p2"}, trained_on=12).verdict
        'better than zero-shot'
    """
    tuned, zero_shot = _system(dice, "tuned"), _system(dice, "zero_shot")
    different = sorted(set(tuned) ^ set(zero_shot))
    if different:
        raise ValueError(
            f"both systems must be scored on the same prompts; they differ in {different}"
        )
    ellipse = dice.get("box_ellipse", {})
    cards = []
    for prompt in tuned:
        after, before, floor = tuned[prompt], zero_shot[prompt], ellipse.get(prompt)
        cards.append(_compare(prompt, after, before, floor, groups, resamples=resamples, seed=seed))
    deciding = [card for card in cards if card.prompt != "auto"] or cards
    verdict = _verdict(deciding)
    return Card(verdict, _advice(verdict, deciding, trained_on), trained_on, tuple(cards))


def _system(dice: Mapping[str, Mapping[str, CaseDice]], name: str) -> Mapping[str, CaseDice]:
    if name not in dice:
        raise ValueError(f"a card needs the scores of {name!r}, got {sorted(dice)}")
    return dice[name]


def _compare(
    prompt: str,
    tuned: CaseDice,
    zero_shot: CaseDice,
    ellipse: CaseDice | None,
    groups: Mapping[str, str],
    *,
    resamples: int,
    seed: int,
) -> PromptCard:
    """Compare the systems under one way of prompting."""
    compared = partial(paired_test, tuned, groups=groups, resamples=resamples, seed=seed)
    gain = compared(zero_shot)
    cases = [case for case in tuned if math.isfinite(tuned[case] - zero_shot[case])]
    return PromptCard(
        prompt=prompt,
        cases=gain.cases,
        groups=gain.groups,
        tuned=_mean(tuned, cases),
        zero_shot=_mean(zero_shot, cases),
        gain=_difference(gain),
        over_ellipse=None if ellipse is None else _difference(compared(ellipse)),
    )


def _difference(test: PairedTest) -> Difference:
    return Difference(test.mean, test.ci95, test.p_value)


def _mean(dice: CaseDice, cases: Sequence[str]) -> float:
    return math.fsum(dice[case] for case in cases) / len(cases) if cases else math.nan


def _verdict(cards: Sequence[PromptCard]) -> Verdict:
    better = any(card.gain.clearly_positive for card in cards)
    worse = any(card.gain.clearly_negative for card in cards)
    if better and not worse:
        return "better than zero-shot"
    if worse and not better:
        return "worse than zero-shot"
    return "no clear gain"


def _advice(verdict: Verdict, cards: Sequence[PromptCard], trained_on: int) -> str:
    """One sentence that follows from the verdict and the numbers."""
    better = [card.prompt for card in cards if card.gain.clearly_positive]
    worse = [card.prompt for card in cards if card.gain.clearly_negative]
    images = {0: "its training images", 1: "1 image"}.get(trained_on, f"{trained_on} images")
    if verdict == "worse than zero-shot":
        return (
            f"Keep the zero-shot model: tuning on {images} made {_listed(worse)} prompts worse, "
            "so check the labels and lower the learning rate before tuning again."
        )
    if better and worse:
        return (
            f"Use the tuned model with {_listed(better)} prompts only: "
            f"{_listed(worse)} prompts got worse."
        )
    groups = min((card.groups for card in cards), default=0)
    if groups < FEW_GROUPS:
        return (
            f"Label more test images before you rely on this: only {groups} independent "
            f"{'group was' if groups == 1 else 'groups were'} scored."
        )
    if any(card.clears_ellipse is False for card in cards):
        return (
            "Do not ship it yet: it does not clearly beat an ellipse drawn in the prompt's box, "
            "so train longer or label more images."
        )
    if better:
        return "Use the tuned model for images like these, after a look at the worst test cases."
    return (
        f"Keep the zero-shot model: {images} did not change it for the better, "
        "so label more or train longer."
    )


def _listed(prompts: Sequence[str]) -> str:
    """``box``, ``box and point``, ``box, point and point+3``."""
    return " and ".join(filter(None, [", ".join(prompts[:-1]), prompts[-1]]))
