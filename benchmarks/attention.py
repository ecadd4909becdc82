"""The image encoder of ViT-B at 1024 pixels beside ``segment-anything`` and ``transformers``.

python benchmarks/attention.py --json

One run, the same random weights and image everywhere, batch 1, float32 on the CPU: seconds of a
forward pass, then of one pass forwards and backwards with all weights trained, and its peak memory,
each in a process of its own. On a CUDA GPU also the rows of ``attention_cuda.py``.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import torch
from attention_cuda import measure_cuda
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from samdomains.sam.encoder import ImageEncoder
from samdomains.sam.models import build_architecture

REPEATS = 3
GIB = 2**30
RENAMES = {
    r"^patch_embed\.proj": "patch_embed.projection",
    r"^blocks\.": "layers.",
    r"\.norm(\d)": r".layer_norm\1",
    r"^neck\.0": "neck.conv1",
    r"^neck\.1": "neck.layer_norm1",
    r"^neck\.2": "neck.conv2",
    r"^neck\.3": "neck.layer_norm2",
}
"""From the names of ``segment-anything`` to those of ``transformers``."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--train", choices=("ours", "package"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(json.dumps(training_pass(arguments.train)))
        return
    _require_transformers()
    # Before anything large: on Linux a process inherits the peak memory of its parent.
    training = {name: _training_of(name) for name in ("package", "ours")}
    seconds, error = forward_passes()
    for name, value in seconds.items():
        print(f"forward            {name:22} {value:6.2f} s")
    print(f"relative error     {error:.1e}")
    for name, row in training.items():
        print(f"forward + backward {name:22} {row['seconds']:6.2f} s {row['gib']:6.2f} GiB")
    result = {
        "speedup_vs_segment_anything": seconds["segment-anything"] / seconds["ours"],
        "speedup_vs_transformers_eager": seconds["transformers eager"] / seconds["ours"],
        "speedup_vs_transformers_sdpa": seconds["transformers sdpa"] / seconds["ours"],
        "relative_error": error,
        "training_memory_ratio": training["ours"]["gib"] / training["package"]["gib"],
        "training_speedup": training["package"]["seconds"] / training["ours"]["seconds"],
    }
    if torch.cuda.is_available():
        result |= measure_cuda(weights())
    else:
        print("no CUDA GPU: images and steps per second and memory in bf16 are not measured")
    if arguments.json:
        print(json.dumps({name: float(f"{value:.4g}") for name, value in result.items()}))


def weights() -> dict[str, Tensor]:
    """Random weights of ViT-B's encoder, with tables of positions that are not zero."""
    torch.manual_seed(0)
    encoder = build_architecture("vit_b").image_encoder
    for name, parameter in encoder.named_parameters():
        if "rel_pos" in name or name == "pos_embed":
            nn.init.normal_(parameter, std=0.1)
    return encoder.state_dict()


def official(kind: type[ImageEncoderViT], state: dict[str, Tensor]) -> ImageEncoderViT:
    """An encoder of ViT-B of one of the two classes with the names of the package."""
    encoder = build_architecture("vit_b").image_encoder
    encoder.__class__ = kind  # the same submodules; only the forward pass differs
    encoder.load_state_dict(state)
    return encoder


def of_transformers(attention: str, state: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
    from transformers import SamVisionConfig, SamVisionModel  # noqa: PLC0415 (seconds to import)

    model = SamVisionModel._from_config(SamVisionConfig(attn_implementation=attention)).eval()
    renamed = {}
    for name, tensor in state.items():
        for old, new in RENAMES.items():
            name = re.sub(old, new, name)  # noqa: PLW2901
        renamed[f"vision_encoder.{name}"] = tensor
    model.load_state_dict(renamed)
    return lambda images: model(images).last_hidden_state


@torch.inference_mode()
def forward_passes() -> tuple[dict[str, float], float]:
    """Median seconds by encoder, and our error relative to ``segment-anything``'s answer.

    Raises:
        RuntimeError: One of ``transformers``' encoders answers otherwise.
    """
    state, images = weights(), torch.randn(1, 3, 1024, 1024)
    encoders: dict[str, Callable[[Tensor], Tensor]] = {
        "segment-anything": official(ImageEncoderViT, state),
        "transformers eager": of_transformers("eager", state),
        "transformers sdpa": of_transformers("sdpa", state),
        "ours": official(ImageEncoder, state),
    }
    times: dict[str, list[float]] = {name: [] for name in encoders}
    answers: dict[str, Tensor] = {}
    for _ in range(REPEATS):  # in turn, so that a change of the machine's speed meets all of them
        for name, encoder in encoders.items():
            started = time.monotonic()
            answers[name] = encoder(images)
            times[name].append(time.monotonic() - started)
    expected = answers["segment-anything"]
    errors = {n: float((a - expected).norm() / expected.norm()) for n, a in answers.items()}
    if max(errors.values()) > 1e-4:
        raise RuntimeError(f"the encoders' answers differ: {errors}")
    return {name: statistics.median(values) for name, values in times.items()}, errors["ours"]


def training_pass(name: str) -> dict[str, float]:
    """Seconds of one pass forwards and backwards, and the memory it adds in GiB."""
    encoder = official(ImageEncoder if name == "ours" else ImageEncoderViT, weights())
    encoder.checkpointing = True
    images = torch.randn(1, 3, 1024, 1024)
    before, started = psutil.Process().memory_info().rss, time.monotonic()
    encoder(images).square().mean().backward()
    seconds = time.monotonic() - started
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"seconds": seconds, "gib": (peak - before) / GIB}


def _training_of(name: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--train", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def _require_transformers() -> None:
    try:
        import transformers  # noqa: F401, PLC0415
    except ImportError:
        sys.exit(
            "this benchmark compares with the transformers package, which is not installed. "
            "Install it with: pip install transformers"
        )


if __name__ == "__main__":
    main()
