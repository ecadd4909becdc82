"""Predicting with a model, by name or from a run; images are prepared as they were in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np

from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics
from samdomains.errors import CheckpointError, UsageError
from samdomains.recipe import Recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.artefact import load_artefact, read_metadata
from samdomains.sam.checkpoints import load_base
from samdomains.sam.devices import best_device
from samdomains.sam.models import ModelName
from samdomains.sam.segmenter import SamSegmenter
from samdomains.types import Normalizer, Prediction, Prompts, RawImage, Segmenter


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A segmenter with the domain and recipe that prepare its images.

    Attributes:
        domain: The selected domain.
        recipe: The recipe it was tuned with, or the domain's for an untuned model.
        normalizer: Stored pixels → image.
        systems: ``tuned`` (only from a run) and ``zero_shot``, by name.
    """

    domain: Domain
    recipe: Recipe
    normalizer: Normalizer
    systems: Mapping[str, Segmenter]

    @property
    def segmenter(self) -> Segmenter:
        """The best the model has: tuned, else zero-shot."""
        return self.systems.get("tuned", self.systems["zero_shot"])

    def segment(self, pixels: RawImage, prompts: Sequence[Prompts]) -> list[Prediction]:
        """Segment one image.

        Args:
            pixels: (C, H, W) as stored, of any dtype; prepared as the recipe says.
            prompts: One per object, in image pixels.

        Returns:
            One prediction per prompt; ``prediction.mask()`` is (H, W).

        Raises:
            UsageError: A prompt lies outside the image.
        """
        size = (pixels.shape[1], pixels.shape[2])
        for prompt in prompts:
            _require_inside(prompt, size)
        encoded = self.segmenter.encode(self.normalizer(pixels, case_statistics(pixels)))
        single = [i for i, p in enumerate(prompts) if p.box is None and len(p.points) == 1]
        rest = [i for i in range(len(prompts)) if i not in set(single)]
        answers: dict[int, Prediction] = {}
        for members, multimask in ((single, True), (rest, False)):
            predicted = encoded.predict([prompts[i] for i in members], multimask=multimask)
            answers |= dict(zip(members, predicted, strict=True))
        return [answers[i] for i in range(len(prompts))]


def load_model(
    model: str | Path,
    domain: str | None = None,
    *,
    checkpoint: Path | None = None,
    settings: Sequence[str] = (),
    local_plugin: Path | None = None,
) -> Model:
    """Load a tuned model from its run, or an untuned one by name.

    Args:
        model: A run directory, its ``model.safetensors``, or a name: ``tiny``, ``vit_b``, …
        domain: The domain's id. None takes the one the run was tuned for, or ``images``.
        checkpoint: File with the base's weights, where they are not the shipped or official ones.
        settings: ``section.key=value``, for an untuned model only: a tuned one brings its recipe.
        local_plugin: The user's own plugin file.

    Raises:
        CheckpointError: The model cannot be found or loaded.
        PluginError: The domain cannot be selected.

    Example:
        >>> model = load_model("tiny")
        >>> pixels = np.zeros((1, 64, 64), dtype=np.uint8)
        >>> box = Prompts(box=np.array([8, 8, 40, 40], dtype=np.float32), source="user")
        >>> model.segment(pixels, [box])[0].mask().shape
        (64, 64)
    """
    if str(model) in get_args(ModelName):
        return _untuned(cast("ModelName", str(model)), domain, checkpoint, settings, local_plugin)
    path = _artefact_of(Path(model))
    if settings:
        raise UsageError(
            f"--set does not go with a tuned model: {path} brings the recipe it was tuned with"
        )
    metadata = read_metadata(path)
    selected = select_domain(domain or metadata.domain, local_plugin=local_plugin)
    recipe, device = metadata.recipe, best_device()
    own = Path(recipe.model.checkpoint) if recipe.model.checkpoint else None
    base = load_base(metadata.base_name, checkpoint or own)
    tuned = load_artefact(path, checkpoint=checkpoint or own)
    systems = {
        "tuned": SamSegmenter(tuned.sam.to(device), recipe.model.tile),
        "zero_shot": SamSegmenter(base.sam.to(device), recipe.model.tile),
    }
    return Model(selected, recipe, selected.normalize_intensity(recipe), systems)


def _untuned(
    name: ModelName,
    domain: str | None,
    checkpoint: Path | None,
    settings: Sequence[str],
    local_plugin: Path | None,
) -> Model:
    selected = select_domain(domain or "images", local_plugin=local_plugin)
    recipe = selected.resolve_recipe(settings=[*settings, f"model.name={name}"]).recipe
    base = load_base(name, checkpoint)
    segmenter = SamSegmenter(base.sam.to(best_device()), recipe.model.tile)
    return Model(selected, recipe, selected.normalize_intensity(recipe), {"zero_shot": segmenter})


def _artefact_of(path: Path) -> Path:
    """The model file of a run directory, or the file itself."""
    file = RunDirectory(path).model if path.is_dir() else path
    if not file.exists():
        names = ", ".join(get_args(ModelName))
        raise CheckpointError(
            f"{path}: no model here. Give a run that has a model.safetensors, or one of {names}"
        )
    return file


def _require_inside(prompts: Prompts, size: tuple[int, int]) -> None:
    """Refuse prompts that touch no pixel of the image."""
    height, width = size
    limits = np.array([width, height])
    if prompts.box is not None:
        corners = prompts.box.reshape(2, 2)
        if np.any(corners[0] >= limits) or np.any(corners[1] <= 0):
            raise UsageError(
                f"the box {prompts.box.tolist()} lies outside the image, "
                f"which is {width} pixels wide and {height} high"
            )
    if np.any(prompts.points < 0) or np.any(prompts.points >= limits):
        raise UsageError(
            f"a point of {prompts.points.tolist()} lies outside the image, "
            f"which is {width} pixels wide and {height} high (points are x,y)"
        )
