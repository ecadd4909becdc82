"""Base weights: read without running code in them, and known by their hash."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import CheckpointError
from samdomains.sam.download import OFFICIAL, fetch_checkpoint, sha256_of
from samdomains.sam.models import ARCHITECTURES, ModelName, build_architecture

__all__ = [
    "BaseModel",
    "load_base",
    "load_checkpoint",
    "sha256_of",
    "architecture_of",
    "difference",
    "require_file",
]

TINY_WEIGHTS = Path(__file__).with_name("tiny.safetensors")
"""The shipped weights of ``tiny``, half precision; ``tiny.json`` beside it pins their hash."""

# What torch's restricted unpickler raises on damaged bytes, as found by flipping some at random.
_DAMAGE = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A SAM before tuning.

    Attributes:
        sam: The model, float32, in evaluation mode, on the CPU.
        name: Its architecture.
        sha256: Hash of the file that its weights came from.
        path: That file.
    """

    sam: Sam
    name: ModelName
    sha256: str
    path: Path


def load_base(name: ModelName, checkpoint: Path | None = None) -> BaseModel:
    """Build a SAM and load its weights.

    Args:
        name: The architecture.
        checkpoint: A file with weights for it; None takes the shipped ``tiny`` or the official
            checkpoint from the cache, downloaded on first use.

    Raises:
        CheckpointError: The file is missing, damaged, unsafe, of another architecture, or the
            shipped or cached one has not the hash it should have.
    """
    path, pinned = (checkpoint, None) if checkpoint is not None else _default_weights(name)
    require_file(path)
    digest = sha256_of(path)
    if pinned is not None and digest != pinned:
        raise CheckpointError(
            f"{path}: damaged: its SHA-256 is {digest}, it should be {pinned}. "
            + ("Install samdomains again" if name == "tiny" else "Delete it and repeat the command")
        )
    sam = build_architecture(name)
    load_checkpoint(sam, path, name=name)
    return BaseModel(sam, name, digest, path)


def load_checkpoint(sam: Sam, path: Path, *, name: ModelName) -> None:
    """Load all weights of a model from a ``.pth`` file in the official format, or safetensors.

    Nothing is changed unless every tensor of the model is there in its shape, and no other.

    Args:
        sam: The model to fill; its own precision is kept.
        path: ``.safetensors``, or anything else for PyTorch's format.
        name: The architecture that ``sam`` has, for the message.

    Raises:
        CheckpointError: The file is missing, damaged, unsafe or of another architecture.
    """
    state = _read(path)
    problem = difference(sam.state_dict(), state)
    if not problem:
        sam.load_state_dict(state)
        return
    found = architecture_of(state)
    if found is None:
        raise CheckpointError(
            f"{path}: not an official SAM, {name} was asked for: {problem}. "
            f"Give a checkpoint of {name}, or none to use the default one"
        )
    if found != name:
        raise CheckpointError(
            f"{path}: holds {found}, but {name} was asked for. "
            f"Use --model {found}, or give a checkpoint of {name}"
        )
    raise CheckpointError(
        f"{path}: has the image encoder of {name}, but not all else of it: {problem}. "
        f"Give a checkpoint of the whole {name}"
    )


def architecture_of(state: Mapping[str, Tensor]) -> ModelName | None:
    """Which architecture a state dict has, by width and depth of its image encoder, or None."""
    patches = state.get("image_encoder.patch_embed.proj.weight")
    if patches is None:
        return None
    width = tuple(patches.shape[:1])
    depth = len({key.split(".")[2] for key in state if key.startswith("image_encoder.blocks.")})
    for name, shape in ARCHITECTURES.items():
        if (width, depth) == ((shape.embed_dim,), shape.depth):
            return name
    return None


def difference(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> str:
    """How two sets of named tensors differ in names and shapes, in words; empty if they do not."""
    shared = [key for key in expected if key in got]
    reshaped = [key for key in shared if expected[key].shape != got[key].shape]
    groups = {
        "missing": [key for key in expected if key not in got],
        "unknown": [key for key in got if key not in expected],
        "of another shape": reshaped,
    }
    parts = [f"{len(keys)} {what} ({min(keys)})" for what, keys in groups.items() if keys]
    return f"of its tensors, {', '.join(parts)}" if parts else ""


def require_file(path: Path) -> None:
    """Refuse what is not a file with something in it.

    Raises:
        CheckpointError: The path is missing, a folder, or empty.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file. Check the path of the checkpoint")
    if not path.is_file():
        raise CheckpointError(f"{path}: not a file. Give the checkpoint file itself")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path}: empty (0 bytes). Copy or download the checkpoint again")


def _default_weights(name: ModelName) -> tuple[Path, str]:
    """The file with a model's own weights and the hash that it must have."""
    if name != "tiny":
        return fetch_checkpoint(name), OFFICIAL[name].sha256
    pin = TINY_WEIGHTS.with_suffix(".json")
    if not (pin.exists() and TINY_WEIGHTS.exists()):
        raise CheckpointError(
            f"{TINY_WEIGHTS}: the shipped weights are not there. Install samdomains again, "
            "or make them with `samdomains pretrain`"
        )
    return TINY_WEIGHTS, str(json.loads(pin.read_text(encoding="utf-8"))["sha256"])


def _read(path: Path) -> dict[str, Tensor]:
    """The named tensors of a checkpoint file, on the CPU."""
    require_file(path)
    if path.suffix != ".safetensors":
        return _read_pth(path)
    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: truncated or damaged, or not safetensors ({error}). "
            "Copy or download the checkpoint again"
        ) from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    _require_archive(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _unsafe(path) from error
    except _DAMAGE as error:
        raise _damaged(path) from error
    if not isinstance(state, dict):
        raise _not_a_state_dict(path, f"a {type(state).__name__}")
    strange = [
        repr(key)
        for key, value in state.items()
        if not (isinstance(key, str) and isinstance(value, Tensor))
    ]
    if strange or not state:
        raise _not_a_state_dict(path, ", ".join(strange[:5]) or "nothing")
    return state


def _require_archive(path: Path) -> None:
    """Refuse what is not the ZIP archive that ``torch.save`` has written since PyTorch 1.6."""
    try:
        if zipfile.is_zipfile(path):
            return
    except zipfile.BadZipFile as error:
        raise _damaged(path) from error
    with path.open("rb") as file:
        start = file.read(2)
    if start[:1] == pickle.PROTO:
        raise _unsafe(path)
    problem = "truncated" if start == b"PK" else "not a PyTorch checkpoint, or damaged"
    raise CheckpointError(f"{path}: {problem}. Copy or download the checkpoint again")


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path}: damaged. Copy or download the checkpoint again")


def _unsafe(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: holds more than plain tensors, or is damaged; refused to run code in it. "
        "Give an official checkpoint, or a state dict that torch.save or safetensors wrote"
    )


def _not_a_state_dict(path: Path, held: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: not a state dict, it holds {held}. "
        "Give a file that maps the model's tensor names straight to tensors"
    )
