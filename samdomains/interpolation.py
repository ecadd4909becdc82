"""Mixing the original weights with the tuned ones after training, and saving one of the mixes.

What training kept stays in the run's state, so that another mix can be picked without training
again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping

import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import RecipeError, RunDirectoryError
from samdomains.evaluation.averages import finite_mean
from samdomains.evaluation.diagnosis import FORGOTTEN
from samdomains.evaluation.interpolation import Curve, CurvePoint, Interpolation, interpolate
from samdomains.files import atomic_path, write_json
from samdomains.processes import current_processes
from samdomains.progress import progress_bar
from samdomains.recipe import Recipe
from samdomains.retention import NO_OTHER, DemoImages, demo_dice, demo_images, other_domains
from samdomains.run_directory import RunDirectory
from samdomains.sam.artefact import read_metadata, restore_trained
from samdomains.sam.segmenter import SamSegmenter
from samdomains.sam.strategies import apply_strategy, trained_tensors
from samdomains.training.mixing import mixed
from samdomains.training.task import Task
from samdomains.training.validation import validate
from samdomains.types import PromptName

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the tuned weights, in the mixes that ``auto`` measures."""


class Mixes:
    """One model in memory that becomes any mix of the original and the tuned weights.

    Args:
        task: Its model is the base, as it was before training, and is changed in place; its
            choice and recipe say what was trained.

    Raises:
        CheckpointError: ``state/tuned.safetensors`` is missing, or not of this training.
    """

    def __init__(self, task: Task) -> None:
        self.sam: Sam = task.sam
        apply_strategy(self.sam, task.recipe.strategy, task.choice.name)
        self._original = _copies(self.sam)
        restore_trained(self.sam, task.directory.tuned)
        self._tuned = _copies(self.sam)
        self.sam.eval()

    @torch.no_grad()
    def become(self, share: float) -> None:
        """Take the mix with this share of the tuned weights: 0 is the original, 1 the tuned."""
        own = trained_tensors(self.sam)
        for name, tensor in mixed(self._original, self._tuned, share).items():
            own[name].copy_(tensor)


def require_retention_to_weigh(recipe: Recipe, home: str) -> None:
    """Refuse ``auto``, before hours of training, where nothing could be weighed against the gain.

    Args:
        recipe: Of the run.
        home: Id of the domain that is tuned for.

    Raises:
        RecipeError: Says what is missing.
    """
    if recipe.model.interpolate != "auto":
        return
    problem = "evaluation.retention_images is 0" if not recipe.evaluation.retention_images else ""
    if not problem and "ok" not in other_domains(home).values():
        problem = NO_OTHER
    if problem:
        raise RecipeError(
            "model.interpolate is auto, which weighs what is gained against what is forgotten of "
            f"other domains, and {problem}. Change that, or give a share of the tuned weights: "
            "model.interpolate=0.5"
        )


def keep_tuned(directory: RunDirectory) -> None:
    """Put what training kept where it stays, in a run that began without ``model.interpolate``.

    Raises:
        RunDirectoryError: Only a mix is left.
    """
    if directory.tuned.exists() or not directory.model.exists():
        return
    share = read_metadata(directory.model).tuned_share
    if share != 1:
        raise RunDirectoryError(
            f"{directory.model}: holds {share:g} of the tuned weights, and {directory.tuned} with "
            "all of them is gone. Put it back, or start a new run in another folder."
        )
    with atomic_path(directory.tuned) as temporary:
        shutil.copyfile(directory.model, temporary)


def mix_weights(task: Task, home: str, save: Callable[[Sam, float], None]) -> Interpolation:
    """Pick a mix, measuring them for ``auto``, and save it.

    Args:
        task: Of the training that ended, with the base in place of its model.
        home: Id of the domain that was tuned for.
        save: Writes a model with its share of the tuned weights.

    Raises:
        ValueError: The recipe has no ``model.interpolate``.
        CheckpointError: What training kept is missing or damaged.
        RunDirectoryError: What was measured before is damaged.
    """
    asked, processes = task.recipe.model.interpolate, current_processes()
    if asked is None:
        raise ValueError("model.interpolate is not set")
    mixes = Mixes(task)
    curve = processes.from_main(lambda: _read_curve(task.directory))
    if asked == "auto" and curve is None:
        curve = _measure(task, home, mixes)
        kept = curve.to_json()
        processes.from_main(lambda: write_json(task.directory.interpolation, kept))
    found = interpolate(asked, curve, FORGOTTEN)
    mixes.become(found.share)
    processes.from_main(lambda: save(mixes.sam, found.share))
    task.tell(f"interpolate: {found.reason}")
    return found


def _read_curve(directory: RunDirectory) -> Curve | None:
    path = directory.interpolation
    if not path.exists():
        return None
    try:
        return Curve.from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise RunDirectoryError(
            f"{path}: what mixes gain and forget cannot be read: the file is damaged, or of "
            "another version of samdomains. Remove it, and it is measured again with --resume"
        ) from error


def _measure(task: Task, home: str, mixes: Mixes) -> Curve:
    """Validate every mix as in training, and ask it on demo images of the other domains."""
    processes, images = current_processes(), task.recipe.evaluation.retention_images
    # The main process alone asks other domains, as it does for the health card.
    others = dict(demo_images(home, images)) if processes.is_main else {}
    demos = {name: demo for name, demo in others.items() if isinstance(demo, DemoImages)}
    reasons = {name: reason for name, reason in others.items() if isinstance(reason, str)}
    segmenter = SamSegmenter.of(mixes.sam, task.recipe.model, task.encoder)
    dice: dict[float, float] = {}
    elsewhere: dict[float, dict[str, dict[PromptName, float]]] = {}
    with progress_bar("mixing weights", len(SHARES)) as show:
        for done, share in enumerate(SHARES, start=1):
            mixes.become(share)
            dice[share] = validate(task, processes, lambda: None).dice
            elsewhere[share] = processes.from_main(
                lambda: {name: demo_dice(segmenter, demo) for name, demo in demos.items()}
            )
            show(done)
    points = tuple(_point(share, dice, elsewhere) for share in SHARES)
    return Curve(points, processes.from_main(lambda: reasons))


def _point(
    share: float,
    dice: Mapping[float, float],
    elsewhere: Mapping[float, Mapping[str, Mapping[PromptName, float]]],
) -> CurvePoint:
    """One mix against the original model, as ``retention`` compares a tuned one with its base."""
    original = elsewhere[0.0]
    domains = {
        name: finite_mean(value - original[name][prompt] for prompt, value in prompts.items())
        for name, prompts in elsewhere[share].items()
    }
    gain = dice[share] - dice[0.0]
    return CurvePoint(share, dice[share], gain, finite_mean(domains.values()), domains)


def _copies(sam: Sam) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trained_tensors(sam).items()}
