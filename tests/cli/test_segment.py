from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from samdomains.data.images import read_mask
from samdomains.data.sources import load_source
from samdomains.recipe import DataRecipe

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli
    from tests.conftest import FinishedRun

BOX = ("--box", "20,20,90,90")


@pytest.fixture
def image(labelled_folder: Path) -> Path:
    return labelled_folder / "images" / "scene_00.png"


def test_a_box_gives_a_mask_for_one_image(
    image: Path, finished_run: FinishedRun, tmp_path: Path, call: CallCli
) -> None:
    out = tmp_path / "masks"
    words = ["segment", "images", str(image), "--model", str(finished_run.directory)]
    result = call(*words, "--out", str(out), *BOX)
    assert result.exit_code == 0, result.stderr
    written = [Path(line) for line in result.stdout.splitlines()]
    assert written == [out / "scene_00.png", out / "scene_00.json"]
    mask = read_mask(out / "scene_00.png")
    assert mask.shape == (128, 128)
    assert set(np.unique(mask)) == {0, 1}


def test_a_single_image_may_name_its_mask_file(image: Path, tmp_path: Path, call: CallCli) -> None:
    out = tmp_path / "deep" / "my mask.png"
    words = ["segment", "images", str(image), "--model", "tiny", "--out", str(out)]
    result = call(*words, "--point", "64,64", "--point", "5,5:0", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)[0] == str(out)
    assert read_mask(out).max() <= 1
    mine = tmp_path / "mask.png"
    mine.write_text("of another image")
    refused = call(*words[:-1], str(tmp_path / "mask.tif"), "--point", "64,64")
    assert refused.exit_code == 2
    assert "mask.tif: masks are written as .json, .png. Name such a file" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "mask.png"]
    assert mine.read_text() == "of another image"


@pytest.mark.parametrize("kind", ["labelled", "unlabelled", "flat"])
def test_every_image_of_a_folder_gets_the_same_prompts(
    kind: str, labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    source = shutil.copytree(labelled_folder, tmp_path / "data")
    if kind != "labelled":
        shutil.rmtree(source / "labels")
        (source / "splits.json").unlink()
    if kind == "flat":
        source = source / "images"
    prompts = tmp_path / "prompts.json"
    objects = [{"box": [20, 20, 90, 90]}, {"points": [[100, 100, 1], [3, 3, 0]], "class": 2}]
    prompts.write_text(json.dumps(objects))
    out = tmp_path / "result" / "labels"
    words = ["segment", "images", str(source), "--model", "tiny", "--out", str(out)]
    result = call(*words, "--prompts", str(prompts))
    assert result.exit_code == 0, result.stderr
    assert len(list(out.glob("*.png"))) == 5
    # The masks are a labels/ folder: with the images they are a data set again.
    shutil.copytree(labelled_folder / "images", tmp_path / "result" / "images")
    cases = load_source(tmp_path / "result", DataRecipe())
    assert cases[0].read_objects is not None
    assert {item.class_id for item in cases[0].read_objects()} <= {1, 2}


def test_where_nothing_is_found_the_mask_is_empty_and_it_says_so(
    image: Path, tmp_path: Path, call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.segmentation._found_in_image", lambda *_: {})
    words = ["segment", "images", str(image), "--model", "tiny", "--out", str(tmp_path / "m.png")]
    result = call(*words, *BOX)
    assert result.exit_code == 0
    assert result.stderr == f"{image}: nothing was found there; try another prompt\n"
    assert not read_mask(tmp_path / "m.png").any()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "error: nothing to segment: give --box, --point, --prompts or --auto"),
        (["--box", "200,200,300,300"], "scene_00.png: the box [200.0, 200.0, 300.0, 300.0] lies"),
        (["--box", "90,20,20,90"], "the box 90,20,20,90 has no area: write x0,y0,x1,y1 with"),
        (["--box", "nan,20,20,90"], "--box nan,20,20,90: expected x0,y0,x1,y1 in pixels"),
        (["--box", "1,2,3"], "--box 1,2,3: expected x0,y0,x1,y1 in pixels"),
        (["--point", "128,3"], "scene_00.png: a point of [[128.0, 3.0]] lies outside the image"),
        (["--point", "3,3:2"], "a point's label is 1 (object) or 0 (background), got '2'"),
        (["--point", "3,3:0"], "an object needs a box, or a point on it (label 1)"),
        ([*BOX, *BOX, "--point", "3,3"], "2 boxes and 1 points: which box do the points"),
        (["--prompts", "absent.json", *BOX], "--prompts does not go with --box and --point"),
    ],
)
def test_a_prompt_that_makes_no_sense(
    words: list[str], text: str, image: Path, tmp_path: Path, call: CallCli
) -> None:
    out = tmp_path / "masks"
    result = call("segment", "images", str(image), "--model", "tiny", "--out", str(out), *words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_the_images_are_never_overwritten(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    data = shutil.copytree(labelled_folder, tmp_path / "data")
    image = data / "images" / "scene_00.png"
    before = {path: path.read_bytes() for path in data.rglob("*.png")}
    for source, out in [
        (image, image),
        (image, data / "images"),
        (data, data / "labels"),
    ]:
        result = call("segment", "images", str(source), "--model", "tiny", "--out", str(out), *BOX)
        assert result.exit_code == 2
        assert "holds what is segmented" in result.stderr
    many = call("segment", "images", str(data), "--model", "tiny", "--out", "x.png", *BOX)
    assert (many.exit_code, "one file cannot hold" in many.stderr) == (2, True)
    assert {path: path.read_bytes() for path in data.rglob("*.png")} == before


def test_an_image_that_cannot_be_read(tmp_path: Path, call: CallCli) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"")
    out = tmp_path / "masks"
    result = call("segment", "images", str(path), "--model", "tiny", "--out", str(out), *BOX)
    assert result.exit_code == 1
    assert (
        result.stderr == f"error: {path}: the file is empty (0 bytes). Copy or export it again.\n"
    )
    assert not out.exists()
