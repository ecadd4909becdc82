"""The ONE module that authors of domain plugins import.

A plugin is a module of functions decorated with `hookimpl`, named as the hooks in
``samdomains/hookspecs.py``; its distribution announces it under the entry point group
``samdomains.domains``. Names are added here, never moved or removed without two minor versions
of warning. Importing this module does not import torch.

Example:
    >>> @hookimpl
    ... def recipes() -> dict[str, dict[str, dict[str, object]]]:
    ...     return {"default": {"intensity": {"method": "range", "lower": 0, "upper": 255}}}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pluggy

from samdomains.data.coco import find_coco
from samdomains.data.folders import load_images
from samdomains.data.images import (
    IMAGE_SUFFIXES,
    MOST_PIXELS,
    image_size,
    read_mask,
    read_pixels,
    upright,
)
from samdomains.data.mask_reading import DEFAULT_CLASSES, MaskReading
from samdomains.data.metadata import read_classes, read_json_object, with_metadata
from samdomains.data.naming import image_file, name_some, plain_stem
from samdomains.data.objects import crops_by_value, objects_from_mask
from samdomains.data.sources import load_source
from samdomains.data.writers import CocoJsonWriter, LabelPngWriter, chosen_writer, file_stem
from samdomains.errors import DataError, PluginError, RecipeError, SamDomainsError, UsageError
from samdomains.facts import Facts, StrategyChoice
from samdomains.files import atomic_path, write_json, write_text
from samdomains.hookspecs import HOOK_API_VERSION, PROJECT
from samdomains.intensity import FixedRange, PercentileStretch, ZScoreStretch, make_normalizer
from samdomains.prompts.grid import PointGrid
from samdomains.prompts.sampler import PromptMix
from samdomains.protocols import MaskWriter, Normalizer, PromptProposer, PromptSampler
from samdomains.recipe import (
    AugmentationRecipe,
    AutoRecipe,
    DataRecipe,
    EvaluationRecipe,
    IntensityRecipe,
    ModelRecipe,
    OutputFormat,
    PromptRecipe,
    PropagationRecipe,
    Recipe,
    ReviewRecipe,
    SceneRecipe,
    StrategyRecipe,
    TrainingRecipe,
    VolumeRecipe,
)
from samdomains.strategy_choice import choose_strategy as choose_strategy_by_size
from samdomains.types import (
    Box,
    Case,
    CaseStatistics,
    Image,
    ImageWindows,
    Logits,
    Mask,
    ObjectMask,
    PointLabels,
    Points,
    Prompts,
    RawImage,
    RawVolume,
    Size,
    Split,
    StrategyName,
    VolumeSlices,
    Window,
)

__all__ = [
    # the decorator
    "hookimpl",
    "HOOK_API_VERSION",
    # building blocks: what the core's own layer is made of
    "load_source",
    "load_images",
    "find_coco",
    "read_pixels",
    "image_size",
    "upright",
    "IMAGE_SUFFIXES",
    "MOST_PIXELS",
    "read_mask",
    "read_classes",
    "read_json_object",
    "with_metadata",
    "objects_from_mask",
    "MaskReading",
    "DEFAULT_CLASSES",
    "crops_by_value",
    "image_file",
    "file_stem",
    "plain_stem",
    "name_some",
    "chosen_writer",
    "LabelPngWriter",
    "CocoJsonWriter",
    "PercentileStretch",
    "ZScoreStretch",
    "FixedRange",
    "make_normalizer",
    "PromptMix",
    "PointGrid",
    "choose_strategy_by_size",
    "atomic_path",
    "write_json",
    "write_text",
    # recipes
    "Recipe",
    "DataRecipe",
    "VolumeRecipe",
    "PropagationRecipe",
    "IntensityRecipe",
    "PromptRecipe",
    "AugmentationRecipe",
    "ModelRecipe",
    "OutputFormat",
    "StrategyRecipe",
    "TrainingRecipe",
    "EvaluationRecipe",
    "SceneRecipe",
    "AutoRecipe",
    "ReviewRecipe",
    # the vocabulary
    "Box",
    "Case",
    "CaseStatistics",
    "Facts",
    "Image",
    "ImageWindows",
    "Logits",
    "Mask",
    "MaskWriter",
    "Normalizer",
    "ObjectMask",
    "PointLabels",
    "Points",
    "Prompts",
    "PromptProposer",
    "PromptSampler",
    "RawImage",
    "RawVolume",
    "Size",
    "Split",
    "StrategyChoice",
    "StrategyName",
    "VolumeSlices",
    "Window",
    # errors
    "SamDomainsError",
    "DataError",
    "PluginError",
    "RecipeError",
    "UsageError",
]

_Function = TypeVar("_Function", bound=Callable[..., object])

_mark = pluggy.HookimplMarker(PROJECT)


def hookimpl(function: _Function, /) -> _Function:
    """Mark a function as the implementation of the hook that bears its name.

    It takes no options: the order of the layers is fixed (the user's file, the domain, what it
    extends, the core), and no layer can jump the queue.

    Args:
        function: A module-level function named as a hook; it takes the hook's arguments that it
            needs, by their names and without default values.
    """
    return _mark(function)
