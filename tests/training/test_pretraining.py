from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from samdomains.errors import RunDirectoryError
from samdomains.sam.models import ARCHITECTURES, build_sam
from samdomains.training.pretraining import (
    Phase,
    Pretraining,
    SceneStream,
    geometry_scene,
    pretrain,
    resize_sam,
    scaled,
)

QUICK = (
    Phase("geometry", 2, 64, 1, 4, 1e-3, 0.5),
    Phase("small", 2, 64, 1, 2, 1e-3, 0.5),
)


def test_a_scene_batch_depends_on_seed_and_step_alone() -> None:
    phase = Phase("small", 4, 64, 2, 3, 1e-3, 0.0)
    whole, later = list(SceneStream(phase, 5, 0)), list(SceneStream(phase, 5, 2))
    assert torch.equal(whole[3].images, later[1].images)
    assert not torch.equal(whole[0].images, whole[1].images)


def test_geometry_scenes_hold_ellipses_inside_the_picture() -> None:
    scene = geometry_scene(np.random.default_rng(0), 64)
    assert scene.objects
    assert all(mask.shape == (64, 64) and mask.sum() >= 12 for mask in scene.objects)


def test_a_resized_model_has_the_target_shape_and_the_same_other_weights() -> None:
    shape = dataclasses.replace(ARCHITECTURES["tiny"], depth=2, global_blocks=(1,))
    small = build_sam(dataclasses.replace(shape, image_size=128))
    large = resize_sam(small, shape, 256)
    assert large.image_encoder.pos_embed.shape == (1, 32, 32, shape.embed_dim)
    assert large.image_encoder.blocks[1].attn.rel_pos_h.shape[0] == 63
    assert torch.equal(large.mask_decoder.iou_token.weight, small.mask_decoder.iou_token.weight)


@pytest.fixture
def small_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretrain a `tiny` of two blocks and 64 pixels, to be quick."""
    quick = dataclasses.replace(
        ARCHITECTURES["tiny"], image_size=64, depth=2, global_blocks=(1,), embed_dim=32, num_heads=2
    )
    monkeypatch.setitem(ARCHITECTURES, "tiny", quick)


@pytest.mark.usefixtures("small_tiny")
def test_pretraining_is_deterministic_and_resumes_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_file(pretrain("tiny", Pretraining(tmp_path / "a", None, QUICK, workers=0)))
    work = Pretraining(tmp_path / "b", None, QUICK, state_every=1, workers=0)

    def stop_in_the_second_phase(phase: Phase, seed: int, first_step: int) -> SceneStream:
        if phase.name == "small":
            raise KeyboardInterrupt
        return SceneStream(phase, seed, first_step)

    with monkeypatch.context() as patched:
        patched.setattr("samdomains.training.pretraining.SceneStream", stop_in_the_second_phase)
        with pytest.raises(KeyboardInterrupt):
            pretrain("tiny", work)
    resumed = load_file(pretrain("tiny", work))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert all(tensor.dtype == torch.float16 for tensor in whole.values())


@pytest.mark.usefixtures("small_tiny")
@pytest.mark.parametrize(("seed", "schedule"), [(1, QUICK), (0, scaled(QUICK, 2))])
def test_a_folder_goes_on_with_the_seed_and_the_schedule_that_it_began_with(
    tmp_path: Path, seed: int, schedule: tuple[Phase, ...]
) -> None:
    first = pretrain("tiny", Pretraining(tmp_path, None, QUICK[:1], workers=0)).read_bytes()
    with pytest.raises(RunDirectoryError, match=r"the same --seed, --scale and --start"):
        pretrain("tiny", Pretraining(tmp_path, None, schedule, seed, workers=0))
    assert (tmp_path / "tiny.safetensors").read_bytes() == first


def test_a_scaled_schedule_keeps_its_phases() -> None:
    assert [phase.steps for phase in scaled(QUICK, 0.1)] == [1, 1]
    assert [phase.steps for phase in scaled(QUICK, 3)] == [6, 6]
