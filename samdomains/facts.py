"""What a strategy is chosen from, and the choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samdomains.types import StrategyName


@dataclass(frozen=True, slots=True)
class Facts:
    """What a strategy is chosen from.

    Attributes:
        model: Name of the base model.
        parameters: Number of parameters of the base model.
        input_size: Side of the model's square input in pixels.
        train_cases: Number of training images.
        train_objects: Number of annotated objects in them.
        device: ``cuda``, ``mps`` or ``cpu``.
        memory_bytes: Free memory of that device.
        bf16: Whether that device is a GPU that computes in bf16 (NVIDIA's do from Ampere on).
    """

    model: str
    parameters: int
    input_size: int
    train_cases: int
    train_objects: int
    device: str
    memory_bytes: int
    bf16: bool


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """How to tune: what is trained, at what batch size and precision, and why.

    Attributes:
        name: ``decoder``, ``lora`` or ``full``.
        batch_size: Images in one optimiser step.
        precision: ``no`` (float32), ``fp16`` or ``bf16``, as accelerate names them.
        reasons: One sentence each, shown to the user.
        images_at_once: Images of a batch whose activations are in memory together; fewer than the
            batch add up their gradients. None lets the core measure it, and lower ``batch_size``
            where that many would not fit.
    """

    name: StrategyName
    batch_size: int
    precision: Literal["no", "fp16", "bf16"]
    reasons: tuple[str, ...]
    images_at_once: int | None = None
