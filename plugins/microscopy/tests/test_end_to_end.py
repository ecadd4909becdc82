"""The domain from its demo data to a report and to masks of new images, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import samdomains_microscopy.microscopy as plugin
import tifffile
from click.testing import CliRunner, Result

from samdomains.cli.main import cli
from samdomains.data.images import read_mask

QUICK = (
    "--strategy=lora",
    "--set=training.epochs=1",
    "--set=training.objects_per_image=2",
    "--set=evaluation.validation_objects=2",
    "--set=evaluation.prompts=[box,point]",
    "--set=evaluation.bootstrap=20",
)


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="samdomains", catch_exceptions=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of the demo images, one of them larger than a tile."""
    folder = plugin.make_demo_data(tmp_path_factory.mktemp("nuclei"), 0)
    stems = [f"nuclei_{index:02d}" for index in range(16)]
    for stem in stems[4:]:
        for inner in ("images", "labels"):
            (folder / inner / f"{stem}.tif").unlink()
    for inner in ("images", "labels"):
        path = folder / inner / "nuclei_03.tif"
        tifffile.imwrite(path, np.pad(tifffile.imread(path), ((0, 0), (0, 300)), mode="edge"))
    parts = {"train": stems[:2], "val": stems[2:3], "test": stems[3:4]}
    (folder / "splits.json").write_text(json.dumps(parts))
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "nuclei"
    result = call("run", "microscopy", str(data), "--out", str(directory), *QUICK)
    assert result.exit_code == 0, result.stderr
    return directory


def test_the_run_is_of_this_domain_with_its_values(run: Path) -> None:
    recipe = (run / "recipe.yaml").read_text("utf-8")
    assert "  tile: 128  # domain microscopy, recipe default" in recipe
    winners = {a["hook"]: a for a in json.loads((run / "explain.json").read_text("utf-8"))}
    demo = winners["make_demo_data"]["implementations"][0]
    assert (demo["layer"], demo["distribution"]) == ("domain microscopy", "samdomains-microscopy")
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert {system: set(prompts) for system, prompts in metrics["test"].items()} == {
        "tuned": {"box", "point"},
        "zero_shot": {"box", "point"},
        "box_ellipse": {"box"},
    }
    assert metrics["test"]["tuned"]["box"]["dice"]["n"] == 1
    report = (run / "report.html").read_text("utf-8")
    assert "samdomains_microscopy" in report or "microscopy" in report
    assert "data:image/" in report


def test_a_new_16_bit_image_is_segmented_with_the_run(
    run: Path, data: Path, tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([{"box": [10, 10, 40, 40]}, {"points": [[90, 60, 1]]}]))
    image = data / "images" / "nuclei_00.tif"
    words = ["segment", "microscopy", str(image), "--model", str(run)]
    result = call(*words, "--prompts", str(prompts), "--out", str(tmp_path / "mask.png"))
    assert result.exit_code == 0, result.stderr
    assert read_mask(tmp_path / "mask.png").shape == tifffile.imread(image).shape


def test_a_stack_is_refused_with_a_remedy(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((5, 40, 40), dtype=np.uint16), photometric="minisblack")
    words = ["segment", "microscopy", str(stack), "--model", "tiny", "--box", "1,1,9,9"]
    result = call(*words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert f"{stack}: the TIFF holds 5 pages" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
