"""A tuned model in one safe file: what was trained, of which base, and the recipe to use it by."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pydantic
import safetensors.torch
from safetensors import SafetensorError, safe_open
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import CheckpointError
from samdomains.files import atomic_path
from samdomains.recipe import Recipe
from samdomains.sam.checkpoints import BaseModel, difference, load_base, require_file
from samdomains.sam.download import OFFICIAL
from samdomains.sam.models import ModelName
from samdomains.sam.strategies import apply_strategy, merge_adapters, trained_tensors
from samdomains.types import StrategyName

HEADER_KEY = "samdomains"
"""Key of the safetensors header under which the metadata is kept, as JSON."""


class ArtefactMetadata(pydantic.BaseModel, frozen=True, extra="forbid"):
    """What is needed, beside the trained tensors, to predict with a tuned model.

    Attributes:
        base_name: Architecture that was tuned.
        base_sha256: Hash of the checkpoint file that it started from.
        strategy: What was trained. Rank, alpha and dropout are in ``recipe.strategy``.
        domain: Id of the domain.
        distribution: Distribution that the domain came from.
        version: Version of that distribution.
        normalizer: Layer that prepares the images (``core``, ``domain ct``, ``local file
            mine.py``); empty where that is not known.
        tuned_share: Share of the tuned weights where they were mixed with the original ones
            (``recipe.model.interpolate``); 1 where they were not.
        recipe: Every value of the run: intensity, channels, tiles, prompts.
        schema_version: Of this metadata.
    """

    base_name: ModelName
    base_sha256: str
    strategy: StrategyName
    domain: str
    distribution: str
    version: str
    recipe: Recipe
    normalizer: str = ""
    tuned_share: float = 1.0
    schema_version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A tuned model, ready to predict.

    Attributes:
        sam: Plain SAM with adapters merged, nothing trainable, in evaluation mode, on the CPU.
        metadata: How it was made and how its images are prepared.
    """

    sam: Sam
    metadata: ArtefactMetadata


def save_artefact(path: Path, sam: Sam, metadata: ArtefactMetadata) -> None:
    """Write every trained tensor and the metadata to one safetensors file, atomically.

    Args:
        path: The file, by convention ``model.safetensors``.
        sam: A model that ``apply_strategy`` prepared; its adapters are not merged yet.
        metadata: Its origin and recipe.

    Raises:
        OSError: The file cannot be written; what was there before is untouched.
    """
    tensors = {name: t.cpu().contiguous() for name, t in trained_tensors(sam).items()}
    header = {HEADER_KEY: metadata.model_dump_json()}
    with atomic_path(path) as temporary:
        try:
            safetensors.torch.save_file(tensors, temporary, metadata=header)
        except SafetensorError as error:
            raise _system_error(path, error) from error


def read_metadata(path: Path) -> ArtefactMetadata:
    """Read the metadata alone, in no time.

    Raises:
        CheckpointError: The file is missing, damaged, or not a model tuned by samdomains.
    """
    require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except SafetensorError as error:
        raise _damaged(path, error) from error
    if HEADER_KEY not in header:
        raise CheckpointError(
            f"{path}: not a model tuned by samdomains. Give the model.safetensors of a run; "
            "weights of a plain SAM belong to --checkpoint"
        )
    try:
        return ArtefactMetadata.model_validate_json(header[HEADER_KEY])
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(
            f"{path}: metadata that this version of samdomains does not understand "
            f"({where}: {first['msg']}). Use the version that wrote it, or tune again"
        ) from error


def load_artefact(
    path: Path,
    *,
    checkpoint: Path | None = None,
    load: Callable[[ModelName, Path | None], BaseModel] = load_base,
) -> LoadedModel:
    """Rebuild a tuned model from its file and its base.

    Args:
        path: What ``save_artefact`` wrote.
        checkpoint: The base's weights, where they are not the shipped or official ones.
        load: How the base is loaded.

    Raises:
        CheckpointError: The file or the base is missing, damaged, or not of each other.
    """
    metadata = read_metadata(path)
    _refuse_useless_download(path, metadata, checkpoint)
    base = load(metadata.base_name, checkpoint)
    if base.sha256 != metadata.base_sha256:
        raise CheckpointError(
            f"{path}: was tuned from {metadata.base_name} with SHA-256 {metadata.base_sha256}, "
            f"but {base.path} has {base.sha256}. Give the right weights with --checkpoint FILE"
        )
    apply_strategy(base.sam, metadata.recipe.strategy, metadata.strategy)
    restore_trained(base.sam, path)
    merge_adapters(base.sam)
    return LoadedModel(base.sam.requires_grad_(False).eval(), metadata)


def _refuse_useless_download(
    path: Path, metadata: ArtefactMetadata, checkpoint: Path | None
) -> None:
    """Say so before gigabytes are fetched that cannot be the base."""
    name = metadata.base_name
    if name == "tiny" or checkpoint is not None:
        return
    if metadata.base_sha256 != OFFICIAL[name].sha256:
        raise CheckpointError(
            f"{path}: was tuned from a {name} with SHA-256 {metadata.base_sha256}, not from the "
            f"official one ({OFFICIAL[name].sha256}). Give its weights with --checkpoint FILE"
        )


def restore_trained(sam: Sam, path: Path) -> None:
    """Copy the stored tensors into the parameters that train, all of them and no other.

    Args:
        sam: The base, as ``apply_strategy`` prepared it; changed in place.
        path: What ``save_artefact`` wrote.

    Raises:
        CheckpointError: The file is missing, damaged, or holds other tensors.
    """
    require_file(path)
    try:
        stored: dict[str, Tensor] = safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise _damaged(path, error) from error
    targets = trained_tensors(sam)
    if problem := difference(targets, stored):
        raise CheckpointError(
            f"{path}: does not hold what its strategy trains: {problem}. "
            "Use the version of samdomains that wrote it, or tune again"
        )
    for name, target in targets.items():
        target.copy_(stored[name])


def _system_error(path: Path, error: SafetensorError) -> OSError:
    """What the system said, which safetensors keeps only in its text: ``(os error 28)``."""
    code = re.search(r"os error (\d+)", str(error))
    if code is None:
        return OSError(f"{path}: cannot be written: {error}")
    return OSError(int(code[1]), os.strerror(int(code[1])), str(path))


def _damaged(path: Path, error: SafetensorError) -> CheckpointError:
    return CheckpointError(
        f"{path}: truncated or damaged, or not safetensors ({error}). Copy it again, or tune again"
    )
