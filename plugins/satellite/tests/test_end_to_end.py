"""Both domains from demo data to a report and to masks on the ground, by the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result
from samdomains_satellite.geojson import read_geojson

from samdomains.chain import select_domain
from samdomains.cli.main import cli

QUICK = (
    "--strategy=decoder",
    "--set=training.epochs=1",
    "--set=training.mixtures=[]",
    "--set=training.objects_per_image=2",
    "--set=evaluation.validation_objects=2",
    "--set=evaluation.prompts=[box,point]",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
    "--set=model.zoom=null",  # a window an image instead of tens
)
NAMES = {"satellite": "scene", "infrared": "thermal"}


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
        return self.data / "images" / f"{NAMES[self.domain]}_00.tif"

    def segment(self, image: Path, out: Path, *words: str) -> Result:
        return call(
            "segment", self.domain, str(image), "--model", str(self.run), *words, "--out", str(out)
        )


@pytest.fixture(scope="module", params=sorted(NAMES))
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of a domain on three images of its demo data."""
    domain: str = request.param
    data = select_domain(domain).make_demo_data(tmp_path_factory.mktemp("data"), 0)
    kept = [f"{NAMES[domain]}_{number:02d}" for number in range(3)]
    for path in data.glob("*/*.tif"):
        if path.stem not in kept:
            path.unlink()
    splits = dict(zip(("train", "val", "test"), ([name] for name in kept), strict=True))
    (data / "splits.json").write_text(json.dumps(splits))
    run = tmp_path_factory.mktemp("runs") / domain
    result = call("run", domain, str(data), "--out", str(run), *QUICK)
    assert result.exit_code == 0, result.stderr
    return Finished(domain, data, run)


def test_the_run_is_of_this_domain_with_its_values(finished: Finished) -> None:
    recipe = (finished.run / "recipe.yaml").read_text("utf-8")
    assert "  tile: 256  # domain satellite, recipe default" in recipe
    winners = {a["hook"]: a for a in json.loads((finished.run / "explain.json").read_text("utf-8"))}
    demo = winners["make_demo_data"]["implementations"][0]
    assert demo["layer"] == f"domain {finished.domain}"
    assert demo["distribution"] == "samdomains-satellite"
    metrics = json.loads((finished.run / "metrics.json").read_text("utf-8"))
    assert {system: set(prompts) for system, prompts in metrics["test"].items()} == {
        "tuned": {"box", "point"},
        "zero_shot": {"box", "point"},
        "box_ellipse": {"box"},
    }
    assert metrics["test"]["tuned"]["box"]["dice"]["n"] == 1
    assert "data:image/" in (finished.run / "report.html").read_text("utf-8")


def test_a_scene_is_segmented_on_its_ground_and_a_plain_image_into_png(
    finished: Finished, tmp_path: Path
) -> None:
    prompts = ("--box=20,30,60,70", "--box=80,90,120,120")
    result = finished.segment(finished.first, tmp_path / "out", *prompts)
    assert result.exit_code == 0, result.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    if finished.domain == "infrared":
        assert written == ["thermal_00.json", "thermal_00.png"]
        return
    assert written == ["scene_00.geojson", "scene_00.tif"]
    with rasterio.open(finished.first) as scene, rasterio.open(tmp_path / "out/scene_00.tif") as to:
        assert (to.crs, to.transform, to.shape) == (scene.crs, scene.transform, scene.shape)
        values = set(np.unique(to.read(1))) - {0}
    polygons = read_geojson(tmp_path / "out" / "scene_00.geojson")
    assert values == set(range(1, len(polygons.features) + 1))
    assert polygons.crs == rasterio.CRS.from_epsg(32633).wkt


def test_what_was_segmented_is_labelled_data_again(finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = Path(shutil.copy(finished.first, tmp_path / "images"))
    result = finished.segment(image, tmp_path / "labels", "--box=10,10,90,90")
    assert result.exit_code == 0, result.stderr
    found = json.loads(call("check", finished.domain, str(tmp_path), "--json").stdout)
    assert found["objects"] == 1
    assert not [item for item in found["findings"] if item["severity"] == "error"]


def test_a_scene_larger_than_a_tile_is_segmented_tile_by_tile(
    finished: Finished, tmp_path: Path, save: Callable[..., Path]
) -> None:
    """A bright square on noise, in the last tile but one of a scene of three times four tiles."""
    pixels = np.random.default_rng(0).normal(10, 1, (300, 420)).astype(np.float32)
    pixels[200:230, 300:340] += 20
    pixels = pixels if finished.domain == "infrared" else np.stack([pixels] * 3)
    scene = save(tmp_path / "scene.tif", pixels, nodata=-9999)
    small = ("--set=scene.tile=128", "--set=scene.overlap=32")
    result = finished.segment(scene, tmp_path / "out.tif", "--box=300,200,340,230", *small)
    assert result.exit_code == 0, result.stderr
    with rasterio.open(tmp_path / "out.tif") as source:
        assert source.shape == (300, 420)
        labels = source.read(1)
    inside = labels[200:230, 300:340] == 1
    assert inside.mean() > 0.5
    assert labels[:, :200].sum() == 0


def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, save: Callable[..., Path]
) -> None:
    void = save(tmp_path / "void.tif", np.zeros((9, 9), np.uint8), nodata=0)
    two = save(tmp_path / "two.tif", np.arange(200, dtype=np.uint8).reshape(2, 10, 10))
    for scene, problem in {void: "it holds nothing", two: "an image with 2 channels"}.items():
        words = ["segment", "satellite", str(scene), "--model", "tiny", "--box", "1,1,5,5"]
        result = call(*words, "--out", str(tmp_path / "out"))
        assert result.exit_code in (1, 2)
        assert f"{scene}: {problem}" in result.stderr
        assert result.stderr.count("\n") == 1
        assert not list((tmp_path / "out").glob("*"))
