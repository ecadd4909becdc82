"""Each bad input: one line that names the file and the remedy, exit code 1 or 2, nothing left."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from samdomains.sam.models import build_architecture

if TYPE_CHECKING:
    from click.testing import Result

    from tests.cli.conftest import CallCli
    from tests.conftest import FinishedRun

BOX = ("--box", "20,20,60,60")


@pytest.fixture
def data(tmp_path: Path, labelled_folder: Path) -> Path:
    """A copy of the labelled folder, to be spoilt."""
    return shutil.copytree(labelled_folder, tmp_path / "my data ü")


def require_error(result: Result, code: int, *parts: str) -> None:
    """The last line, and no other, is an error; it holds the parts, in this order."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    *before, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    assert all(line.split(":")[0] in ("check", "split", "strategy", "model") for line in before)
    place = 0
    for part in parts:
        assert part in last[place:], last
        place = last.index(part, place) + len(part)


def empty_folder(data: Path) -> None:
    shutil.rmtree(data)
    data.mkdir()


def image_without_mask(data: Path) -> None:
    (data / "labels" / "scene_01.png").unlink()


def mask_without_image(data: Path) -> None:
    (data / "images" / "scene_01.png").unlink()


def mask_of_another_size(data: Path) -> None:
    Image.fromarray(np.ones((90, 80), dtype=np.uint8)).save(data / "labels" / "scene_01.png")


def truncated_image(data: Path) -> None:
    path = data / "images" / "scene_01.png"
    path.write_bytes(path.read_bytes()[:2000])


def empty_file(data: Path) -> None:
    (data / "images" / "scene_01.png").write_bytes(b"")


def empty_masks(data: Path) -> None:
    for path in (data / "labels").iterdir():
        Image.fromarray(np.zeros((128, 128), dtype=np.uint8)).save(path)


def empty_test_masks(data: Path) -> None:
    for name in ("scene_03", "scene_04"):
        Image.fromarray(np.zeros((128, 128), dtype=np.uint8)).save(data / "labels" / f"{name}.png")


def no_annotation(data: Path) -> None:
    shutil.rmtree(data / "labels")


def no_data(data: Path) -> None:
    shutil.rmtree(data)


def a_file(data: Path) -> None:
    shutil.rmtree(data)
    data.write_text("hello")


def as_coco(
    *,
    image_id: int = 1,
    segmentation: object = ((8, 8, 40, 8, 40, 40),),
    name: str = "scene_01.png",
) -> Callable[[Path], None]:
    """Spoil by replacing the masks with COCO JSON of one annotation."""

    def spoil(data: Path) -> None:
        shutil.rmtree(data / "labels")
        shutil.copy(data / "images" / "scene_01.png", data.parent / "outside.png")
        image = {"id": 1, "file_name": name, "width": 128, "height": 128}
        annotation = {
            "id": 1,
            "image_id": image_id,
            "category_id": 1,
            "segmentation": segmentation,
            "iscrowd": 0,
        }
        categories = [{"id": 1, "name": "thing"}]
        document = {"images": [image], "annotations": [annotation], "categories": categories}
        (data / "coco.json").write_text(json.dumps(document))

    return spoil


BAD_DATA = {
    "empty folder": (empty_folder, ["my data ü: ", "empty", "images/ with masks/"]),
    "image without mask": (image_without_mask, ["scene_01.png: ", "no mask", "Add the mask"]),
    "mask without image": (mask_without_image, ["scene_01.png: ", "no image", "Add the image"]),
    "mask of another size": (mask_of_another_size, ["scene_01.png: ", "80 x 90", "Export"]),
    "truncated PNG": (truncated_image, ["scene_01.png: ", "cut short", "Copy or export it"]),
    "0-byte file": (empty_file, ["scene_01.png: ", "0 bytes", "Copy or export it"]),
    "all-empty masks": (empty_masks, ["my data ü: ", "nothing to learn from", "Check that"]),
    "empty masks in a part": (empty_test_masks, ["my data ü: ", "'test'", "Label more"]),
    "no annotation": (no_annotation, ["my data ü: ", "none of its 5 images", "Add masks"]),
    "no data": (no_data, ["my data ü: ", "no such folder", "Allowed are"]),
    "a file": (a_file, ["my data ü: ", "no folder", "Allowed are"]),
    "unknown image id": (as_coco(image_id=7), ["coco.json: ", "7", "."]),
    "empty segmentation": (as_coco(segmentation=[]), ["coco.json: ", "segmentation", "."]),
    "climbing file name": (as_coco(name="../../outside.png"), ["coco.json: ", "../", "."]),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_stops_a_run_before_it_writes(
    name: str, data: Path, tmp_path: Path, call: CallCli, quick: tuple[str, ...]
) -> None:
    spoil, parts = BAD_DATA[name]
    spoil(data)
    out = tmp_path / "runs" / "first"
    require_error(call("run", "images", str(data), "--out", str(out), *quick), 1, *parts)
    assert not out.parent.exists()


@pytest.mark.parametrize("name", sorted(set(BAD_DATA) - {"empty masks in a part"}))
def test_bad_data_stops_an_evaluation_and_is_found_by_the_check(
    name: str, data: Path, tmp_path: Path, call: CallCli
) -> None:
    spoil, parts = BAD_DATA[name]
    spoil(data)
    out = tmp_path / "scores"
    result = call("evaluate", "images", str(data), "--model", "tiny", "--out", str(out))
    require_error(result, 1, *parts)
    assert not out.exists()
    checked = call("check", "images", str(data))
    assert checked.exit_code == 1
    assert "error: " in checked.output


@pytest.mark.parametrize("name", ["empty folder", "unknown image id", "mask of another size"])
def test_bad_data_stops_a_conversion(name: str, data: Path, tmp_path: Path, call: CallCli) -> None:
    spoil, parts = BAD_DATA[name]
    spoil(data)
    out = tmp_path / "converted"
    require_error(call("convert", "images", str(data), str(out), "--to", "png"), 1, *parts[:1])
    assert not out.exists()
    assert not list(tmp_path.glob(".converted*"))


def other_architecture(path: Path) -> None:
    torch.save({"image_encoder.patch_embed.proj.weight": torch.zeros(1024, 3, 16, 16)}, path)


def a_list(path: Path) -> None:
    torch.save([torch.zeros(2)], path)


def code(path: Path) -> None:
    torch.save({"weights": subprocess.Popen}, path)


def truncated(path: Path) -> None:
    torch.save(build_architecture("tiny").state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000])


def missing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (other_architecture, ["tiny was asked for", "Give a checkpoint of tiny"]),
        (a_list, ["not a state dict", "Give a file"]),
        (code, ["refused to run code", "Give an official"]),
        (truncated, ["truncated", "Copy or download"]),
        (missing, ["no such file", "Check the path"]),
    ],
)
def test_a_bad_checkpoint_stops_every_command_that_loads_it(
    spoil: Callable[[Path], None],
    parts: list[str],
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    quick: tuple[str, ...],
) -> None:
    path, out = tmp_path / "weights.pth", tmp_path / "out"
    spoil(path)
    given = ("--checkpoint", str(path), "--out", str(out))
    image = str(labelled_folder / "images" / "scene_00.png")
    for result in (
        call("run", "images", str(labelled_folder), *given, *quick),
        call("evaluate", "images", str(labelled_folder), "--model", "tiny", *given),
        call("segment", "images", image, "--model", "tiny", *given, *BOX),
    ):
        require_error(result, 1, str(path), *parts)
        assert not out.exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--set", "training.epocs=3"], ["'training.epocs'", "Did you mean 'training.epochs'?"]),
        (["--set", "training.epochs=0"], ["training.epochs is 0; allowed", "1"]),
        (["--set", "training.epochs=many"], ['training.epochs is "many"; allowed']),
        (["--recipe", "absent.yaml"], ["absent.yaml: ", "cannot be read"]),
        (["--recipe", "wrong.yaml"], ["wrong.yaml: training.learning_rate is", "allowed"]),
    ],
)
def test_a_bad_recipe_is_a_wrong_call(
    words: list[str],
    parts: list[str],
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.yaml").write_text("training:\n  learning_rate: fast\n")
    require_error(call("run", "images", str(labelled_folder), "--out", "r", *words), 2, *parts)
    assert not Path("r").exists()


def test_an_output_folder_in_use_is_left_alone(
    labelled_folder: Path, finished_run: FinishedRun, tmp_path: Path, call: CallCli
) -> None:
    source, run = str(labelled_folder), str(finished_run.directory)
    before = sorted(finished_run.directory.rglob("*"))
    result = call("run", "images", source, "--out", run)
    require_error(result, 1, f"{run}: ", "already holds a run", "--resume")
    result = call("evaluate", "images", source, "--model", "tiny", "--out", run)
    require_error(result, 1, f"{run}: ", "already holds a run")
    result = call("convert", "images", source, run, "--to", "coco")
    require_error(result, 1, f"{run}: ", "Name a new folder")
    assert sorted(finished_run.directory.rglob("*")) == before
    file = tmp_path / "file"
    file.write_text("mine")
    require_error(call("run", "images", source, "--out", str(file)), 1, f"{file}: ", "is a file")
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["run", "imges", "x", "--out", "r"], 1, ["'imges'", "Did you mean 'images'?"]),
        (
            ["evaluate", "images", "x", "--model", "tny", "--out", "r"],
            1,
            ["tny: no model here.", "Did you mean 'tiny'?", "Give a run"],
        ),
        (
            ["segment", "images", "x", "--model", ".", "--out", "r", *BOX],
            1,
            [".: no model here.", "Give a run"],
        ),
        (
            ["run", "images", "x", "--out", "r", "--resume"],
            1,
            ["r: there is no run to resume", "Leave out --resume"],
        ),
        (["explain", "images", "--plugin", "absent.py"], 1, ["absent.py: ", "Python file"]),
    ],
)
def test_a_name_that_does_not_exist(
    words: list[str],
    code: int,
    parts: list[str],
    tmp_path: Path,
    call: CallCli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    require_error(call(*words), code, *parts)
    assert not list(tmp_path.iterdir())


def test_without_a_connection_the_official_weights_are_a_matter_of_hand(
    labelled_folder: Path, tmp_path: Path, call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMDOMAINS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    out = tmp_path / "r"
    result = call("run", "images", str(labelled_folder), "--model", "vit_b", "--out", str(out))
    require_error(result, 1, "cannot download", "sam_vit_b", "Check the connection", "--checkpoint")
    assert not out.exists()
