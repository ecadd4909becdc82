"""What a health card holds beside gain: retention, prompts, calibration, fit, and problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter

from samdomains.evaluation.averages import Number, finite_mean
from samdomains.evaluation.calibration import Calibration
from samdomains.evaluation.sensitivity import PromptSensitivity

ProblemName: TypeAlias = Literal[
    "worse than zero-shot",
    "ignores prompts",
    "over-fitted",
    "no clear gain",
    "forgot other domains",
    "more data",
]

HealthVerdict: TypeAlias = Literal["ship"] | ProblemName


@dataclass(frozen=True)
class SystemDice:
    """Mean Dice of the tuned model and of its base, on the same answers."""

    tuned: Number
    zero_shot: Number

    @property
    def change(self) -> float:
        """Tuned minus zero-shot."""
        return self.tuned - self.zero_shot


@dataclass(frozen=True)
class DomainRetention:
    """What is left of the base's ability in one other domain.

    Attributes:
        domain: Its id.
        images: Images of its demo data.
        objects: Objects that were prompted.
        prompts: ``box`` and ``point`` → Dice, averaged over objects, then images.
    """

    domain: str
    images: int
    objects: int
    prompts: dict[str, SystemDice]

    @property
    def change(self) -> float:
        """Tuned minus zero-shot, over all ways of prompting."""
        return finite_mean(dice.change for dice in self.prompts.values())


@dataclass(frozen=True)
class Retention:
    """What is left of the base's ability in the other installed domains.

    Attributes:
        domains: Those that were measured, by name.
        left_out: Domain → why it was not measured.
        note: Why nothing was measured; empty where something was.
        change: Mean over the domains of Dice of tuned minus zero-shot.
    """

    domains: tuple[DomainRetention, ...]
    left_out: dict[str, str]
    note: str
    change: Number


@dataclass(frozen=True)
class Overfitting:
    """How much better the tuned model is on what it was trained on, and what the epochs did.

    Attributes:
        best_epoch: The epoch with the best validation Dice; 0 without epochs.
        last_epoch: The last one.
        best_dice: Validation Dice of the best.
        last_dice: Validation Dice of the last.
        kept_dice: Validation Dice of the weights that training kept, which may be a mixture. What
            ``model.interpolate`` makes of them is another matter.
        train_images: Training images that were scored.
        train: Dice from boxes on them.
        test: Dice from boxes on the test images.
        gap: Gain on training images minus gain on test images. Of the gains, since the images
            of one part may be easier than those of the other.
    """

    best_epoch: int
    last_epoch: int
    best_dice: Number
    last_dice: Number
    kept_dice: Number
    train_images: int
    train: SystemDice
    test: SystemDice
    gap: Number


@dataclass(frozen=True)
class Problem:
    """One reason not to ship a model as it is.

    Attributes:
        name: In the words of the verdict.
        measure: What was measured.
        value: The number that the problem rests on.
        threshold: From where on it is a problem.
        remedy: One sentence: what to do about it.
    """

    name: ProblemName
    measure: str
    value: Number
    threshold: Number
    remedy: str


@dataclass(frozen=True)
class Findings:
    """What was measured of a tuned model, beside its gain.

    Attributes:
        retention: On other domains.
        prompt_sensitivity: On test images.
        calibration: System → calibration, on the test images.
        overfitting: By epoch, and of training against test images.
    """

    retention: Retention
    prompt_sensitivity: PromptSensitivity
    calibration: dict[str, Calibration]
    overfitting: Overfitting


@dataclass(frozen=True)
class Health(Findings):
    """The findings, and whether the model is safe to ship.

    Attributes:
        verdict: ``ship``, or the gravest problem.
        problems: All problems, the gravest first.
    """

    verdict: HealthVerdict
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """The part ``health`` of ``card.json``, the verdict first."""
        content = asdict(self)
        return {key: content.pop(key) for key in ("verdict", "problems")} | content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Health:
        """Read back what ``write_json(health.to_json())`` wrote."""
        return _HEALTH.validate_python(content)


_HEALTH = TypeAdapter(Health)
