"""A U-Net trained from scratch: what a user would build without SAM, and so what SAM must beat.

It learns from the same images, by the same intensity values and the same random changes as the
tuned models, for the same time. It segments the classes of the whole image; a prompt only chooses
among what it found (`unet_answers.py`). What it is like follows from the training images alone
(`unet_patches.py`), as in nnU-Net (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z), so that
nobody has to tune it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from samdomains.benchmark.unet_answers import UNetImage
from samdomains.benchmark.unet_network import UNetDesign, build_unet, image_logits
from samdomains.benchmark.unet_patches import Lessons, survey
from samdomains.benchmark.unet_training import Budget, UNetTraining, fit_unet
from samdomains.errors import CheckpointError
from samdomains.files import atomic_path
from samdomains.processes import ALONE, Processes
from samdomains.protocols import Normalizer
from samdomains.recipe import Recipe
from samdomains.sam.checkpoints import difference, require_file
from samdomains.types import Case, Image

HEADER_KEY = "samdomains-unet"
"""Key of the safetensors header under which the metadata is kept, as JSON."""

WIDTHS = {"cuda": 32}
"""Channels of the first level on devices that are fast enough; 16 on others."""


class UNetMetadata(pydantic.BaseModel, frozen=True, extra="forbid"):
    """What is needed beside the weights, and how they came about.

    Attributes:
        design: Of the network.
        training: What the training came to.
    """

    design: UNetDesign
    training: UNetTraining


@dataclass(frozen=True, slots=True, eq=False)
class UNetSegmenter:
    """A trained U-Net that answers prompts. A ``Segmenter``.

    Attributes:
        net: In evaluation mode, on the device that computes.
        metadata: Its design and its training.
    """

    net: nn.Module
    metadata: UNetMetadata

    def encode(self, image: Image) -> UNetImage:
        """Segment a normalised image, (3, H, W), for any number of prompts."""
        design = self.metadata.design
        return UNetImage(image_logits(self.net, design, image), design)

    def save(self, path: Path) -> None:
        """Write weights and metadata to one safetensors file, atomically.

        Raises:
            OSError: The file cannot be written; what was there before is untouched.
        """
        tensors = {name: t.cpu().contiguous() for name, t in self.net.state_dict().items()}
        header = {HEADER_KEY: self.metadata.model_dump_json()}
        data = safetensors.torch.save(tensors, metadata=header)
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)


def train_unet(
    train: Sequence[Case],
    val: Sequence[Case],
    *,
    normalizer: Normalizer,
    recipe: Recipe,
    seconds: float,
    seed: int,
    device: torch.device,
    steps: int | None = None,
    processes: Processes = ALONE,
    progress: Callable[[int], None] = lambda _: None,
) -> UNetSegmenter:
    """Train a U-Net for a given time, reading and validating included.

    Args:
        train: Images, slices and tiles to learn from, with annotation (``data.parts.in_parts``).
        val: The same, to choose the weights by; without any, the last ones are kept.
        normalizer: Of the domain.
        recipe: Of the domain: ``augmentation`` and ``data.minimum_area``.
        seconds: Wall time.
        seed: Draws the first weights and the patches.
        device: That computes.
        steps: Train for so many steps instead, however long they take.
        processes: Those that call this together, with the same arguments but for the device.
        progress: Called after each step with the seconds used.

    Returns:
        The same in all processes.

    Raises:
        DataError: No training image has an object, or one has no annotation or cannot be read.
        TrainingError: The loss became no number.
    """
    budget = Budget(seconds, steps)
    design = processes.from_main(
        lambda: survey(
            train,
            minimum_area=recipe.data.minimum_area,
            width=WIDTHS.get(device.type, 16),
            fine=device.type in WIDTHS,
            seed=seed,
        )
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_unet(design)
    net.to(device)
    training = fit_unet(
        net,
        Lessons(train, normalizer, design),
        Lessons(val, normalizer, design),
        augmentation=recipe.augmentation,
        budget=budget,
        seed=seed,
        processes=processes,
        progress=progress,
    )
    return UNetSegmenter(_ready(net), UNetMetadata(design=design, training=training))


def load_unet(path: Path, device: torch.device) -> UNetSegmenter:
    """Read what ``UNetSegmenter.save`` wrote; nothing in the file is run.

    Raises:
        CheckpointError: The file is missing, damaged, or not a U-Net of samdomains.
    """
    require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        weights = safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: truncated or damaged, or not safetensors ({error}). Train it again"
        ) from error
    if HEADER_KEY not in header:
        raise CheckpointError(f"{path}: not a U-Net trained by samdomains. Train one")
    try:
        metadata = UNetMetadata.model_validate_json(header[HEADER_KEY])
    except pydantic.ValidationError as error:
        raise CheckpointError(
            f"{path}: metadata that this version of samdomains does not understand. "
            "Use the version that wrote it, or train again"
        ) from error
    net = build_unet(metadata.design)
    if problem := difference(net.state_dict(), weights):
        raise CheckpointError(f"{path}: does not hold the weights of its U-Net: {problem}")
    net.load_state_dict(weights)
    return UNetSegmenter(_ready(net.to(device)), metadata)


def _ready(net: nn.Module) -> nn.Module:
    return net.requires_grad_(False).eval()
