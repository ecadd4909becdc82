from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from samdomains.errors import RunDirectoryError
from samdomains.sam.models import ARCHITECTURES, build_sam
from samdomains.training.pretraining import Pretraining, pretrain, resize_sam, scaled
from samdomains.training.scene_stream import Phase, SceneStream

WEIGHT = "mask_decoder.iou_token.weight"
QUICK = (
    Phase("geometry", 2, 64, 1, 4, 1e-3, 0.5),
    Phase("small", 2, 64, 1, 2, 1e-3, 0.5),
)


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

    def stop_in_the_second_phase(
        phase: Phase, seed: int, first_step: int, rank: int
    ) -> SceneStream:
        if phase.name == "small":
            raise KeyboardInterrupt
        return SceneStream(phase, seed, first_step, rank)

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


@pytest.mark.usefixtures("small_tiny")
def test_a_further_round_begins_with_a_checkpoint_and_leaves_the_geometry_out(
    tmp_path: Path,
) -> None:
    first = pretrain("tiny", Pretraining(tmp_path / "a", None, QUICK, workers=0))
    second = Pretraining(tmp_path / "b", first, scaled(QUICK, 2), seed=1, workers=0)
    assert not torch.equal(*(load_file(f)[WEIGHT] for f in (first, pretrain("tiny", second))))
    log = (tmp_path / "b" / "log.jsonl").read_text("utf-8")
    assert '"small"' in log
    assert '"geometry"' not in log
    with pytest.raises(RunDirectoryError, match="another seed, schedule or start"):
        pretrain("tiny", dataclasses.replace(second, start=None))


TWO_PROCESSES = """
import dataclasses, sys
from pathlib import Path
from samdomains.sam.models import ARCHITECTURES
from samdomains.training.pretraining import Pretraining, pretrain
from samdomains.training.scene_stream import Phase

ARCHITECTURES["tiny"] = dataclasses.replace(
    ARCHITECTURES["tiny"], image_size=64, depth=2, global_blocks=(1,), embed_dim=32, num_heads=2
)
schedule = (Phase("geometry", 2, 64, 1, 4, 1e-3, 1.0), Phase("small", 2, 64, 1, 2, 1e-3, 0.5))
pretrain("tiny", Pretraining(Path(sys.argv[1]), None, schedule, workers=0))
"""


@pytest.mark.usefixtures("small_tiny")
def test_two_processes_share_the_work_and_write_one_checkpoint(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes=2"]
    launch += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    launch += ["--main_process_port=0", str(script), str(tmp_path / "two")]
    done = subprocess.run(launch, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "two" / "log.jsonl").read_text("utf-8").splitlines()) == 2
    two = load_file(tmp_path / "two" / "tiny.safetensors")
    one = load_file(pretrain("tiny", Pretraining(tmp_path / "one", None, QUICK, workers=0)))
    assert not torch.equal(one[WEIGHT], two[WEIGHT])  # the scenes of both counted
