from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import CheckpointError
from samdomains.sam import checkpoints
from samdomains.sam.checkpoints import (
    architecture_of,
    difference,
    load_base,
    load_checkpoint,
    sha256_of,
)
from samdomains.sam.models import ARCHITECTURES, ModelName, build_architecture


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.victim),)


def doubled(sam: Sam) -> dict[str, Tensor]:
    return {name: 2 * tensor for name, tensor in sam.state_dict().items()}


def meta(name: ModelName) -> dict[str, Tensor]:
    with torch.device("meta"):
        state: dict[str, Tensor] = build_architecture(name).state_dict()
    return state


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_checkpoint_in_the_official_format_fills_every_tensor(
    miniature: Sam, tmp_path: Path, suffix: str
) -> None:
    state, path = doubled(miniature), tmp_path / f"sam{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    load_checkpoint(miniature, path, name="vit_b")
    assert all(torch.equal(t, state[name]) for name, t in miniature.state_dict().items())


def test_half_precision_weights_are_read_into_float32(miniature: Sam, tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in doubled(miniature).items()}
    save_file(half, tmp_path / "half.safetensors")
    load_checkpoint(miniature, tmp_path / "half.safetensors", name="tiny")
    for name, tensor in miniature.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, half[name].float())


@pytest.mark.parametrize("name", ["tiny", "vit_b", "vit_l", "vit_h"])
def test_an_architecture_is_known_by_its_tensors(name: ModelName) -> None:
    assert architecture_of(meta(name)) == name


def test_official_vit_b_has_the_published_tensor_names_and_shapes() -> None:
    state = meta("vit_b")
    assert len(state) == 314
    assert state["image_encoder.pos_embed"].shape == (1, 64, 64, 768)
    assert state["image_encoder.blocks.11.attn.rel_pos_h"].shape == (127, 64)
    assert state["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"].shape == (2, 128)
    assert state["mask_decoder.iou_prediction_head.layers.2.weight"].shape == (4, 256)


def test_a_model_that_is_no_sam_has_no_architecture() -> None:
    assert architecture_of({"weight": torch.zeros(2)}) is None
    assert architecture_of({"image_encoder.patch_embed.proj.weight": torch.tensor(1.0)}) is None


def test_another_architecture_is_named_beside_the_one_asked_for(
    miniature: Sam, tmp_path: Path
) -> None:
    shape = ARCHITECTURES["vit_l"]
    blocks = {f"image_encoder.blocks.{i}.norm1.bias": torch.zeros(1) for i in range(shape.depth)}
    patches = {"image_encoder.patch_embed.proj.weight": torch.zeros(shape.embed_dim, 1, 1, 1)}
    torch.save({**blocks, **patches}, tmp_path / "large.pth")
    message = r"large\.pth: holds vit_l, but vit_b was asked for\. Use --model vit_l"
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(miniature, tmp_path / "large.pth", name="vit_b")
    with pytest.raises(CheckpointError, match="has the image encoder of vit_l, but not all else"):
        load_checkpoint(miniature, tmp_path / "large.pth", name="vit_l")


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_tensors_that_do_not_fit_are_counted_and_the_model_stays_as_it_was(
    miniature: Sam, tmp_path: Path, change: str
) -> None:
    state = doubled(miniature)
    if change == "missing":
        del state["image_encoder.pos_embed"]
    elif change == "unknown":
        state["head.weight"] = torch.zeros(1)
    else:
        state["image_encoder.pos_embed"] = torch.zeros(1, 2, 2, 32)
    torch.save(state, tmp_path / "odd.pth")
    before = {name: tensor.clone() for name, tensor in miniature.state_dict().items()}
    message = {"missing": "1 missing", "unknown": "1 unknown", "shape": "1 of another shape"}
    with pytest.raises(CheckpointError, match=f"not an official SAM.*{message[change]}"):
        load_checkpoint(miniature, tmp_path / "odd.pth", name="vit_b")
    assert all(torch.equal(t, before[name]) for name, t in miniature.state_dict().items())


def test_tensors_that_fit_have_no_difference(miniature: Sam) -> None:
    assert difference(miniature.state_dict(), doubled(miniature)) == ""


def test_code_in_a_pickle_is_refused_and_not_run(miniature: Sam, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "evil.pth"
    torch.save({"a": Malicious(victim)}, path)
    with pytest.raises(CheckpointError, match=r"evil\.pth.*refused to run code in it"):
        load_checkpoint(miniature, path, name="vit_b")
    path.write_bytes(pickle.dumps(Malicious(victim)))
    with pytest.raises(CheckpointError, match="refused to run code in it"):
        load_checkpoint(miniature, path, name="vit_b")
    path.write_bytes(pickle.dumps(Malicious(victim), protocol=0))
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        load_checkpoint(miniature, path, name="vit_b")
    assert not victim.exists()


def test_a_whole_pickled_model_is_refused(miniature: Sam, tmp_path: Path) -> None:
    torch.save(miniature, tmp_path / "module.pth")
    with pytest.raises(CheckpointError, match="refused to run code in it"):
        load_checkpoint(miniature, tmp_path / "module.pth", name="vit_b")


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ({"model": {"a": torch.zeros(1)}, "epoch": 3}, "'model', 'epoch'"),
        ([torch.zeros(1)], "a list"),
        ({0: torch.zeros(1)}, "0"),
        ({}, "nothing"),
    ],
)
def test_what_is_not_a_state_dict_is_described(
    miniature: Sam, tmp_path: Path, content: object, held: str
) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=f"not a state dict, it holds {held}"):
        load_checkpoint(miniature, tmp_path / "other.pth", name="vit_b")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_missing_empty_garbage_and_truncated_files_are_named(
    miniature: Sam, tmp_path: Path, suffix: str
) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"sam{suffix}"
    if suffix == ".pth":
        torch.save(miniature.state_dict(), whole)
    else:
        save_file(miniature.state_dict(), whole)

    def fails_with(message: str) -> None:
        with pytest.raises(CheckpointError, match=rf"sam\{suffix}: .*{message}"):
            load_checkpoint(miniature, path, name="vit_b")

    fails_with("no such file")
    path.touch()
    fails_with("empty")
    path.write_bytes(b"<html>404</html>" * 100)
    fails_with("damaged")
    path.write_bytes(whole.read_bytes()[:-1000])
    fails_with("truncated")
    path.unlink()
    path.mkdir()
    fails_with("not a file")


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch remarks on an odd pickle protocol
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(flips=[(-25, 1)])  # the archive says that it spans several disks
@given(flips=st.lists(st.tuples(st.integers(0, 1999), st.integers(0, 255)), min_size=1, max_size=4))
def test_flipped_bytes_load_or_give_one_clear_error(
    miniature: Sam, tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    path = tmp_path / "flipped.pth"
    torch.save({"a": torch.arange(3.0), "b": torch.zeros(2, 2)}, path)
    damaged = bytearray(path.read_bytes())
    for position, value in flips:
        damaged[position % len(damaged)] = value
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"flipped\.pth: "):
        load_checkpoint(miniature, path, name="vit_b")


def test_the_hash_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 10_000)
    assert sha256_of(path) == hashlib.sha256(bytes(range(256)) * 10_000).hexdigest()


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the weights inside the package."""
    path = tmp_path / "tiny.safetensors"
    save_file({k: t.half() for k, t in build_architecture("tiny").state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"sha256": sha256_of(path)}))
    monkeypatch.setattr(checkpoints, "TINY_WEIGHTS", path)
    return path


def test_tiny_comes_from_the_package_in_float32_and_evaluation_mode(shipped: Path) -> None:
    base = load_base("tiny")
    assert (base.name, base.path, base.sha256) == ("tiny", shipped, sha256_of(shipped))
    assert {p.dtype for p in base.sam.parameters()} == {torch.float32}
    assert not base.sam.training


def test_a_damaged_shipped_file_is_refused_by_its_hash(shipped: Path) -> None:
    content = bytearray(shipped.read_bytes())
    content[-1] ^= 1
    shipped.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors: damaged.*Install samdomains"):
        load_base("tiny")


def test_missing_shipped_weights_say_how_to_get_them(shipped: Path) -> None:
    shipped.unlink()
    with pytest.raises(CheckpointError, match="samdomains pretrain"):
        load_base("tiny")


def test_a_given_checkpoint_replaces_the_default_weights(shipped: Path, tmp_path: Path) -> None:
    own, state = tmp_path / "own.pth", build_architecture("tiny").state_dict()
    torch.save(state, own)
    base = load_base("tiny", own)
    assert (base.path, base.sha256) == (own, sha256_of(own))
    assert torch.equal(base.sam.image_encoder.pos_embed, state["image_encoder.pos_embed"])


def test_a_damaged_file_in_the_cache_is_refused_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMDOMAINS_CACHE", str(tmp_path))
    cached = tmp_path / "checkpoints" / "sam_vit_b_01ec64.pth"
    cached.parent.mkdir()
    cached.write_bytes(b"half of it")
    with pytest.raises(CheckpointError, match=r"sam_vit_b_01ec64\.pth: damaged.*Delete it"):
        load_base("vit_b")
