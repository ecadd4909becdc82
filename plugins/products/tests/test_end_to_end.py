"""The domain from its demo data to a report and to cut-outs of new photos, by the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image as PillowImage

from samdomains.chain import select_domain
from samdomains.cli.main import cli

QUICK = (
    "--strategy=decoder",
    "--set=training.epochs=1",
    "--set=training.mixtures=[]",
    "--set=evaluation.prompts=[box]",
    "--set=training.objects_per_image=2",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
)

KEPT = {"train": ["bottle_00", "mug_02"], "val": ["shoe_03"], "test": ["bottle_04"]}
"""What of the demo data is used, so that it takes seconds: JPEG, one of them turned, and a PNG."""


def picture(path: Path) -> NDArray[np.uint8]:
    """(H, W) or (H, W, C), as stored."""
    with PillowImage.open(path) as image:
        return np.asarray(image)


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="samdomains", catch_exceptions=False)


@dataclass(frozen=True)
class Finished:
    data: Path
    run: Path

    def segment(self, image: Path, out: Path, *words: str) -> Result:
        model = ["--model", str(self.run), "--out", str(out)]
        return call("segment", "products", str(image), *model, *words)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run on a part of the demo data."""
    data = select_domain("products").make_demo_data(tmp_path_factory.mktemp("data"), 0)
    kept = {name for part in KEPT.values() for name in part}
    for path in [*(data / "images").iterdir(), *(data / "masks").iterdir()]:
        if path.stem not in kept:
            path.unlink()
    (data / "splits.json").write_text(json.dumps(KEPT))
    run = tmp_path_factory.mktemp("runs") / "products"
    result = call("run", "products", str(data), "--out", str(run), *QUICK)
    assert result.exit_code == 0, result.stderr
    return Finished(data, run)


def test_the_run_is_of_this_domain_with_its_values(finished: Finished) -> None:
    recipe = (finished.run / "recipe.yaml").read_text("utf-8")
    assert "  method: range  # domain products, recipe default" in recipe
    metrics = json.loads((finished.run / "metrics.json").read_text("utf-8"))
    assert metrics["test"]["tuned"]["box"]["dice"]["n"] == 1
    assert "data:image/" in (finished.run / "report.html").read_text("utf-8")


def test_a_turned_photo_becomes_an_upright_cut_out_and_a_mask(
    finished: Finished, tmp_path: Path
) -> None:
    image = finished.data / "images/mug_02.jpg"
    truth = picture(finished.data / "masks/mug_02.png") > 0
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    box = f"--box={columns[0]},{rows[0]},{columns[-1] + 1},{rows[-1] + 1}"
    result = finished.segment(image, tmp_path / "out", box)
    assert result.exit_code == 0, result.stderr
    cut = picture(tmp_path / "out/mug_02.png")
    assert cut.shape == (*truth.shape, 4)
    assert picture(image).shape[:2] == truth.shape[::-1]
    opaque = cut[..., 3] > 127
    assert (opaque & truth).sum() / (opaque | truth).sum() > 0.6
    mask = picture(tmp_path / "out/masks/mug_02.png")
    assert set(np.unique(mask)) == {0, 255}


def test_masks_are_labelled_data_again(finished: Finished, tmp_path: Path) -> None:
    image = finished.data / "images/bottle_00.jpg"
    assert finished.segment(image, tmp_path, "--box=20,20,140,140").exit_code == 0
    (tmp_path / "images").mkdir()
    (tmp_path / "images/bottle_00.jpg").write_bytes(image.read_bytes())
    (tmp_path / "bottle_00.png").unlink()
    found = json.loads(call("check", "products", str(tmp_path), "--json").stdout)
    assert found["objects"] == 1
    assert not [item for item in found["findings"] if item["severity"] == "error"]


def test_a_file_is_a_cut_out_where_that_is_asked_for(finished: Finished, tmp_path: Path) -> None:
    image = finished.data / "images/bottle_04.png"
    words = ("--box=20,20,100,100", "--set=data.output=cutout")
    result = finished.segment(image, tmp_path / "cut.png", *words)
    assert result.exit_code == 0, result.stderr
    assert picture(tmp_path / "cut.png").shape[2] == 4


def test_cmyk_without_a_profile_is_told_by_check(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    PillowImage.new("CMYK", (30, 20), (0, 90, 90, 0)).save(tmp_path / "images/a.jpg")
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[5:15, 5:20] = 255
    PillowImage.fromarray(mask).save(tmp_path / "masks/a.png")
    result = call("check", "products", str(tmp_path), "--json")
    problems = [item["problem"] for item in json.loads(result.stdout)["findings"]]
    assert any("CMYK without a profile" in problem for problem in problems)


def test_a_damaged_profile_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    PillowImage.new("RGB", (40, 40)).save(path, icc_profile=b"nonsense" * 30)
    words = ["--model", "tiny", "--box", "1,1,30,30", "--out", str(tmp_path / "out")]
    result = call("segment", "products", str(path), *words)
    assert result.exit_code == 1
    assert f"{path}: its ICC profile is damaged" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
