"""Predicting with a model, by name or from a run; images are prepared as they were in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast, get_args

from segment_anything.modeling import Sam

from samdomains.chain import Domain, select_domain
from samdomains.checking import Tell, silent
from samdomains.data.statistics import case_statistics
from samdomains.errors import CheckpointError, RecipeError, UsageError, did_you_mean
from samdomains.prompts.inside import require_inside
from samdomains.prompts.parsing import VolumePrompt
from samdomains.protocols import Normalizer
from samdomains.recipe import ModelRecipe, Recipe
from samdomains.recipe_layers import COMMAND_LINE, RecipeLayer, parse_setting, resolve_recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.artefact import ArtefactMetadata, load_artefact, read_metadata
from samdomains.sam.automatic import AutomaticObjects, answers_in_turn
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.checkpoints import load_base
from samdomains.sam.devices import best_device
from samdomains.sam.download import sha256_of
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.models import ModelName
from samdomains.sam.segmenter import EncodedImage, SamSegmenter
from samdomains.types import Case, CaseStatistics, Image, ObjectMask, Prediction, Prompts, RawImage
from samdomains.volumes.following import OpenVolume, VolumeObject
from samdomains.volumes.sections import Section

NOT_OF_THE_MODEL = ("data", "propagation", "scene", "evaluation", "auto", "review")
"""Sections of the recipe that say what is read, how it is asked for, and how it is scored."""

TEMPORARY_BYTES = 2**34
"""Most bytes of embeddings in a temporary folder."""

OF_THE_READER = ("data", "propagation", "scene", "auto", "review")
"""Sections that another domain, which reads the images, brings with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A segmenter with the domain and recipe that read and prepare its images.

    Attributes:
        domain: Reads images and writes masks.
        recipe: The recipe it was tuned with, or the domain's for an untuned model.
        normalizer: Stored pixels → image, by the domain that the model was tuned for.
        systems: ``tuned`` (of a run), ``zero_shot`` (an untuned model, or a run's base), by name;
            the first is the one that segments.
        description: What was loaded, in one line.
        fingerprint: SHA-256 of the file that it was loaded from.
    """

    domain: Domain
    recipe: Recipe
    normalizer: Normalizer
    systems: Mapping[str, SamSegmenter]
    description: str
    fingerprint: str

    def segment(self, pixels: RawImage, prompts: Sequence[Prompts]) -> list[Prediction]:
        """Segment one image.

        Args:
            pixels: (C, H, W) as stored, of any dtype; prepared as the recipe says.
            prompts: One per object, in image pixels.

        Returns:
            One prediction per prompt; ``prediction.mask()`` is (H, W).

        Raises:
            UsageError: The pixels are not (C, H, W), or a prompt lies outside the image.
        """
        answers = dict(self.answers(pixels, prompts))
        return [answers[i] for i in range(len(prompts))]

    def answers(
        self,
        pixels: RawImage,
        prompts: Sequence[Prompts],
        statistics: CaseStatistics | None = None,
    ) -> Iterator[tuple[int, Prediction]]:
        """``segment`` a few prompts at a time, for many prompts in a large image.

        Args:
            pixels: (C, H, W) as stored.
            prompts: One per object, in image pixels.
            statistics: Of the volume that the image is a slice of; None takes the image's own.

        Yields:
            Index of the prompt, and its answer, in the order that is quickest.
        """
        _require_channels_first(pixels)
        for prompt in prompts:
            require_inside(prompt, (pixels.shape[1], pixels.shape[2]))
        yield from answers_in_turn(self._encoded(self._image(pixels, statistics)), prompts)

    def automatic(
        self, pixels: RawImage, statistics: CaseStatistics | None = None
    ) -> list[ObjectMask]:
        """Segment one image without a human: the domain proposes prompts, sure answers are kept.

        Args:
            pixels: (C, H, W) as stored.
            statistics: Of the whole that the image is a part of; None takes the image's own.

        Returns:
            The objects, the surest first, with their scores.
        """
        _require_channels_first(pixels)
        image = self._image(pixels, statistics)
        return self.find(self._encoded(image), image)

    @property
    def find(self) -> AutomaticObjects:
        """Finds objects without a human, with the prompts that the domain proposes."""
        return AutomaticObjects(self.domain.propose_prompts(self.recipe), self.recipe)

    def open_volume(self, volume: Case | Path | str) -> OpenVolume:
        """Open a volume or a video, to follow any number of objects in it.

        Its slices are read once, and embedded once: in the model's own cache, or in a temporary
        folder that is gone with what this gives.

        Args:
            volume: A case with a ``depth``, or the path of one.

        Raises:
            DataError: It cannot be read.
            UsageError: It is an image, or several volumes.
        """
        case = volume if isinstance(volume, Case) else self._only_volume(Path(volume))
        segmenter = next(iter(self.systems.values()))
        segmenter = remembering(segmenter, EmbeddingCache.temporary(TEMPORARY_BYTES))
        return OpenVolume.of(case, segmenter, self.normalizer, self.recipe.propagation)

    def segment_volume(
        self,
        volume: Case | Path | str,
        prompts: Sequence[VolumePrompt],
        seen: Callable[[Section], None] | None = None,
    ) -> list[VolumeObject]:
        """Follow objects through a volume from the slices in which they are prompted.

        Args:
            volume: A case with a ``depth``, or the path of one.
            prompts: One for each object.
            seen: Called with each cross-section as soon as it is found.

        Returns:
            One object for each prompt; ``VolumeObject.mask()`` is (Z, H, W).

        Raises:
            DataError: The volume cannot be read.
            UsageError: It is an image, or a prompt lies outside of it.
        """
        opened = self.open_volume(volume)
        for item in prompts:
            opened.require_inside(item)
        found: list[VolumeObject] = []
        for item in prompts:
            found.append(opened.follow(item.prompts, seen, found))
        return found

    def _only_volume(self, path: Path) -> Case:
        cases = self.domain.load_cases(path, self.recipe)
        if len(cases) != 1 or cases[0].depth is None:
            kind = f"{len(cases)} cases" if len(cases) != 1 else "an image"
            raise UsageError(f"{path}: one volume is needed, and it holds {kind}")
        return cases[0]

    def _image(self, pixels: RawImage, statistics: CaseStatistics | None) -> Image:
        return self.normalizer(pixels, statistics or case_statistics(pixels))

    def _encoded(self, image: Image) -> EncodedImage:
        return next(iter(self.systems.values())).encode(image)


def remembering(segmenter: SamSegmenter, cache: EmbeddingCache) -> SamSegmenter:
    """The same with a cache of embeddings, unless it has one; a full disk is no error."""
    if segmenter.encoder is not None and segmenter.encoder.cache is not None:
        return segmenter
    return replace(segmenter, encoder=CachedEncoder(segmenter.sam, cache, silent))


def checkpoint_of(recipe: Recipe) -> Path | None:
    """The file that a recipe names for the base's weights, if it names one."""
    return Path(recipe.model.checkpoint) if recipe.model.checkpoint else None


def load_model(
    model: str | Path,
    domain: str | None = None,
    *,
    checkpoint: Path | None = None,
    settings: Sequence[str] = (),
    local_plugin: Path | None = None,
    with_base: bool = False,
    cache: EmbeddingCache | None = None,
    tell: Tell = silent,
) -> Model:
    """Load a tuned model from its run, or an untuned one by name.

    Args:
        model: A run directory, its ``model.safetensors``, or a name: ``tiny``, ``vit_b``, …
        domain: Id of the domain that reads the images. None takes the one that the run was tuned
            for, or ``images``.
        checkpoint: File with the base's weights, where they are not the shipped or official ones.
        settings: ``section.key=value``. A tuned model brings its recipe; only what is read and
            how it is asked and scored (``data``, ``propagation``, ``scene``, ``evaluation``,
            ``auto``, ``review``) may differ.
        local_plugin: The user's own plugin file.
        with_base: Also load the untuned base of a run, as ``zero_shot``.
        cache: Keeps embeddings of images for the next time; None keeps nothing on disk.
        tell: Takes one line where the cache is full.

    Raises:
        CheckpointError: The model cannot be found or loaded.
        PluginError: The domain cannot be selected.
        RecipeError: A setting does not fit.

    Example:
        >>> import numpy as np
        >>> model = load_model("tiny")
        >>> pixels = np.zeros((1, 64, 64), dtype=np.uint8)
        >>> box = Prompts(box=np.array([8, 8, 40, 40], dtype=np.float32), source="user")
        >>> model.segment(pixels, [box])[0].mask().shape
        (64, 64)
    """
    segmenter = partial(_segmenter, cache=cache, tell=tell)
    if str(model) in get_args(ModelName):
        name = cast("ModelName", str(model))
        return _untuned(name, domain or "images", checkpoint, settings, local_plugin, segmenter)
    path = _artefact_of(Path(model))
    metadata = read_metadata(path)
    home = select_domain(metadata.domain, local_plugin=local_plugin)
    reader = (
        home if domain in (None, home.name) else select_domain(domain, local_plugin=local_plugin)
    )
    _require_same_normalizer(path, metadata, home)
    recipe = _recipe_for(path, metadata, reader, settings)
    weights = checkpoint or checkpoint_of(metadata.recipe)
    systems = {"tuned": segmenter(load_artefact(path, checkpoint=weights).sam, recipe.model)}
    if with_base:
        systems["zero_shot"] = segmenter(load_base(metadata.base_name, weights).sam, recipe.model)
    description = f"model: {metadata.base_name}, tuned ({metadata.strategy}) for {home.name}"
    if metadata.tuned_share != 1:
        description += f", {metadata.tuned_share:g} of the tuned weights"
    if reader is not home:
        description += f"; {reader.name} reads the data, {home.name} prepares the images"
    normalizer = home.normalize_intensity(recipe)
    return Model(reader, recipe, normalizer, systems, description, sha256_of(path))


def _untuned(
    name: ModelName,
    domain: str,
    checkpoint: Path | None,
    settings: Sequence[str],
    local_plugin: Path | None,
    segmenter: Callable[[Sam, ModelRecipe], SamSegmenter],
) -> Model:
    selected = select_domain(domain, local_plugin=local_plugin)
    _refuse_to_mix(name, settings)
    recipe = selected.resolve_recipe(settings=[*settings, f"model.name={name}"]).recipe
    base = load_base(name, checkpoint or checkpoint_of(recipe))
    systems = {"zero_shot": segmenter(base.sam, recipe.model)}
    normalizer = selected.normalize_intensity(recipe)
    return Model(selected, recipe, normalizer, systems, f"model: {name}, untuned", base.sha256)


def _refuse_to_mix(name: ModelName, settings: Sequence[str]) -> None:
    given = (parse_setting(setting).get("model") for setting in settings)
    if any("interpolate" in values for values in given if isinstance(values, dict)):
        raise RecipeError(
            f"model.interpolate mixes tuned weights with the original ones, and {name} is not "
            "tuned. Give it to samdomains run"
        )


def _segmenter(
    sam: Sam, recipe: ModelRecipe, *, cache: EmbeddingCache | None, tell: Tell
) -> SamSegmenter:
    sam = sam.to(best_device())
    return SamSegmenter.of(sam, recipe, CachedEncoder(sam, cache, full=tell))


def _require_same_normalizer(path: Path, metadata: ArtefactMetadata, home: Domain) -> None:
    """Refuse to prepare images otherwise than in training, by forgetting --plugin for example."""
    now = home.winner("normalize_intensity")
    if metadata.normalizer not in ("", now):
        raise CheckpointError(
            f"{path}: its images were prepared by {metadata.normalizer}, now {now} would do it. "
            "Give the same --plugin as in training, or none if there was none"
        )


def _recipe_for(
    path: Path, metadata: ArtefactMetadata, reader: Domain, settings: Sequence[str]
) -> Recipe:
    """The recipe of a tuned model, with what the reading domain and the user say about the data."""
    values = metadata.recipe.model_dump(mode="json")
    if reader.name != metadata.domain:
        own = reader.resolve_recipe().recipe.model_dump(mode="json")
        values |= {section: own[section] for section in OF_THE_READER}
    layers = [RecipeLayer(COMMAND_LINE, parse_setting(setting)) for setting in settings]
    fixed = sorted({section for layer in layers for section in layer.values} - {*NOT_OF_THE_MODEL})
    if fixed:
        raise RecipeError(
            f"--set of '{fixed[0]}' does not go with a tuned model: {path} brings what it was "
            f"tuned with. Allowed are values of {', '.join(NOT_OF_THE_MODEL)}"
        )
    return resolve_recipe([RecipeLayer(str(path), values), *layers]).recipe


def _artefact_of(path: Path) -> Path:
    """The model file of a run directory, or the file itself."""
    file = RunDirectory(path).model if path.is_dir() else path
    if not file.exists():
        names = ", ".join(get_args(ModelName))
        raise CheckpointError(
            f"{path}: no model here.{did_you_mean(str(path), get_args(ModelName))} "
            f"Give a run that has a model.safetensors, or one of {names}"
        )
    return file


def _require_channels_first(pixels: RawImage) -> None:
    """Refuse what is no (C, H, W) image, (H, W, 3) above all: its rows would pass for channels."""
    if pixels.ndim != 3 or (pixels.shape[2] in (1, 3, 4) and pixels.shape[0] > 4):
        raise UsageError(
            f"an image must be (C, H, W), got shape {pixels.shape}. Add a channel to a grey image "
            "with pixels[None]; turn (H, W, C) with pixels.transpose(2, 0, 1)"
        )
