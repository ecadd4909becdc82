"""Each domain from its demo data to a report and to masks of new images, by the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from samdomains_microscopy.calibration import read_calibration

from samdomains.chain import select_domain
from samdomains.cli.main import cli

QUICK = (
    "--strategy=lora",
    "--set=training.epochs=1",
    "--set=training.mixtures=[]",
    "--set=training.objects_per_image=2",
    "--set=evaluation.validation_objects=2",
    "--set=evaluation.prompts=[box,point]",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
    "--set=evaluation.volume_objects=1",
)

KEPT = {
    "microscopy": {
        "train": ["nuclei_00", "nuclei_01"],
        "val": ["nuclei_02"],
        "test": ["nuclei_03"],
    },
    "histology": {
        "train": ["slide_0_tile_0"],
        "val": ["slide_1_tile_0"],
        "test": ["slide_2_tile_0"],
    },
    "em": {"train": ["block_0"], "val": ["block_1"], "test": ["block_2"]},
}
"""What of the demo data is used, so that it takes seconds."""


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="samdomains", catch_exceptions=False)


@dataclass(frozen=True)
class Finished:
    domain: str
    data: Path
    run: Path

    @property
    def first(self) -> Path:
        """An image of the data."""
        name = KEPT[self.domain]["train"][0]
        return next((self.data / "images").glob(f"{name}.*"))

    def segment(self, image: Path, out: Path, *prompts: str) -> Result:
        words = ["segment", self.domain, str(image), "--model", str(self.run), *prompts]
        return call(*words, "--out", str(out))


@pytest.fixture(scope="module", params=sorted(KEPT))
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of a domain on a part of its demo data."""
    domain: str = request.param
    data = select_domain(domain).make_demo_data(tmp_path_factory.mktemp("data"), 0)
    kept = {name for part in KEPT[domain].values() for name in part}
    for path in [*(data / "images").iterdir(), *(data / "labels").iterdir()]:
        if path.name.split(".")[0] not in kept:
            path.unlink()
    (data / "groups.json").unlink(missing_ok=True)
    (data / "splits.json").write_text(json.dumps(KEPT[domain]))
    run = tmp_path_factory.mktemp("runs") / domain
    result = call("run", domain, str(data), "--out", str(run), *QUICK)
    assert result.exit_code == 0, result.stderr
    return Finished(domain, data, run)


def test_the_run_is_of_this_domain_with_its_values(finished: Finished) -> None:
    recipe = (finished.run / "recipe.yaml").read_text("utf-8")
    tile = {"microscopy": 128, "histology": 256, "em": 256}[finished.domain]
    assert f"  tile: {tile}  # domain {finished.domain}, recipe default" in recipe
    winners = {a["hook"]: a for a in json.loads((finished.run / "explain.json").read_text("utf-8"))}
    demo = winners["make_demo_data"]["implementations"][0]
    assert demo["layer"] == f"domain {finished.domain}"
    assert demo["distribution"] == "samdomains-microscopy"
    metrics = json.loads((finished.run / "metrics.json").read_text("utf-8"))
    assert {system: set(prompts) for system, prompts in metrics["test"].items()} == {
        "tuned": {"box", "point"},
        "zero_shot": {"box", "point"},
        "box_ellipse": {"box"},
    }
    images = 4 if finished.domain == "em" else 1  # the sections of a block are images
    assert metrics["test"]["tuned"]["box"]["dice"]["n"] == images
    assert "data:image/" in (finished.run / "report.html").read_text("utf-8")
    assert ("volumes" in metrics) == (finished.domain == "em")


def test_a_new_image_is_segmented_into_a_label_tiff_of_its_kind(
    finished: Finished, tmp_path: Path
) -> None:
    at = "@2" if finished.domain == "em" else ""
    prompts = [f"--box=10,10,40,40{at}", f"--box=60,50,90,90{at}"]
    result = finished.segment(finished.first, tmp_path / "mask.tif", *prompts)
    assert result.exit_code == 0, result.stderr
    labels = tifffile.imread(tmp_path / "mask.tif")
    assert labels.dtype == np.uint16
    assert labels.shape == tifffile.imread(finished.data / "labels" / label_name(finished)).shape
    if finished.domain == "em":
        assert labels[2].any()
        for number in np.unique(labels[labels > 0]):  # followed from there without a gap
            shown = np.flatnonzero((labels == number).any(axis=(1, 2)))
            assert 2 in shown
            np.testing.assert_array_equal(np.diff(shown), 1)
    written, image = read_calibration(tmp_path / "mask.tif"), read_calibration(finished.first)
    assert type(written) is type(image)


def label_name(finished: Finished) -> str:
    return f"{KEPT[finished.domain]['train'][0]}.tif"


def test_what_was_segmented_is_labelled_data_again(finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = tmp_path / "images" / finished.first.name
    image.write_bytes(finished.first.read_bytes())
    prompt = "--box=10,10,90,90@1" if finished.domain == "em" else "--box=10,10,90,90"
    assert finished.segment(image, tmp_path / "labels", prompt).exit_code == 0
    result = call("check", finished.domain, str(tmp_path), "--json")
    found = json.loads(result.stdout)
    labels = tifffile.imread(next((tmp_path / "labels").glob("*.tif")))
    slices = labels.reshape(-1, *labels.shape[-2:])
    assert found["objects"] == np.count_nonzero(slices.any(axis=(1, 2))) > 0, result.stderr
    assert not [item for item in found["findings"] if item["severity"] == "error"]


def test_a_stack_that_says_nothing_of_its_axes_is_refused_with_a_remedy(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((2, 5, 40, 40), dtype=np.uint16), photometric="minisblack")
    words = ["segment", "microscopy", str(stack), "--model", "tiny", "--box", "1,1,9,9@0"]
    result = call(*words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert f"{stack}: nothing in it says what its axes are" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
