"""From good/defect folders to a report and a table of defects, by the command line."""

from __future__ import annotations

import csv
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
    "--strategy=lora",
    "--set=training.epochs=1",
    "--set=training.mixtures=[]",
    "--set=training.objects_per_image=2",
    "--set=evaluation.validation_objects=2",
    "--set=evaluation.prompts=[box]",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
)

KEPT = {
    "train": ["good_000", "scratch_000"],
    "val": ["good_003", "pit_002"],
    "test": ["good_004", "dent_002"],
}
"""What of the demo data is used, so that it takes seconds; half of each part is good."""

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "industrial"


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="samdomains", catch_exceptions=False)


def check(data: Path) -> tuple[dict[str, object], list[dict[str, str]]]:
    """The counts and the findings of `samdomains check`."""
    found = json.loads(call("check", "inspection", str(data), "--json").stdout)
    return found, found["findings"]


def segment(source: Path, out: Path, *words: str, model: str = "tiny") -> Result:
    command = ("segment", "inspection", str(source), "--model", model, *words)
    return call(*command, "--out", str(out))


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Finished:
    data: Path
    run: Path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run on a part of the demo data."""
    data = select_domain("inspection").make_demo_data(tmp_path_factory.mktemp("data"), 0)
    kept = {name for part in KEPT.values() for name in part}
    for path in data.rglob("*.png"):
        if f"{path.parent.name}_{path.stem.removesuffix('_mask')}" not in kept:
            path.unlink()
    (data / "splits.json").write_text(json.dumps(KEPT))
    run = tmp_path_factory.mktemp("runs") / "inspection"
    result = call("run", "inspection", str(data), "--out", str(run), *QUICK)
    assert result.exit_code == 0, result.stderr
    return Finished(data, run)


def test_good_images_in_every_part_are_counted_and_cost_one_warning(finished: Finished) -> None:
    found, findings = check(finished.data)
    assert (found["cases"], found["empty_cases"]) == (6, 3)
    assert [item["severity"] for item in findings] == ["warning"]
    assert "3 of 6 cases hold no object" in findings[0]["problem"]
    metrics = json.loads((finished.run / "metrics.json").read_text("utf-8"))
    assert metrics["empty_cases"] == 1
    assert metrics["test"]["tuned"]["box"]["dice"]["n"] == 1
    assert set(metrics["test"]["tuned"]["box"]["per_class"]) == {"dent"}


def test_the_run_is_of_this_domain_with_its_values(finished: Finished) -> None:
    recipe = (finished.run / "recipe.yaml").read_text("utf-8")
    assert "  tile: 256  # domain inspection, recipe default" in recipe
    assert "data:image/" in (finished.run / "report.html").read_text("utf-8")


def test_a_new_image_gets_a_label_map_and_a_table_in_millimetres(
    finished: Finished, tmp_path: Path
) -> None:
    image = finished.data / "dent" / "002.png"
    prompts = ("--box=20,20,60,60", "--set=data.pixel_size=0.05")
    result = segment(image, tmp_path, *prompts, model=str(finished.run))
    assert result.exit_code == 0, result.stderr
    labels = np.asarray(PillowImage.open(tmp_path / "002.png"))
    (row,) = rows(tmp_path / "002_defects.csv")
    area = np.count_nonzero(labels == 1)
    assert int(row["area_px"]) == area
    assert float(row["area_mm2"]) == pytest.approx(area * 0.05**2, rel=1e-5)
    assert 0 < float(row["score"]) <= 1


def test_without_a_human_a_folder_gets_tables_and_a_manifest(
    finished: Finished, tmp_path: Path
) -> None:
    result = segment(finished.data, tmp_path / "out", "--auto")
    assert result.exit_code == 0, result.stderr
    tables = sorted(path.name for path in (tmp_path / "out").glob("*_defects.csv"))
    assert tables == sorted(f"{name}_defects.csv" for part in KEPT.values() for name in part)
    assert (tmp_path / "out" / "manifest.csv").is_file()


def test_what_was_segmented_is_labelled_data_again(finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = tmp_path / "images" / "a.png"
    image.write_bytes((finished.data / "pit" / "002.png").read_bytes())
    assert segment(image, tmp_path / "labels", "--box=20,20,60,60").exit_code == 0
    assert (tmp_path / "labels" / "a_defects.csv").is_file()
    found, findings = check(tmp_path)
    assert found["objects"] == 1
    assert not [item for item in findings if item["severity"] == "error"]


class TestBadInput:
    def save(self, path: Path, pixels: NDArray[np.generic]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(pixels).save(path)
        return path

    def refused(self, *words: str) -> str:
        result = call(*words)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        return result.stderr

    def test_a_folder_with_no_defect_at_all(self, tmp_path: Path) -> None:
        self.save(tmp_path / "good" / "a.png", np.zeros((9, 9), np.uint8))
        error = self.refused("run", "inspection", str(tmp_path), "--out", str(tmp_path / "run"))
        assert "there is no defect at all, only good: nothing can be learnt" in error
        assert not (tmp_path / "run").exists()

    def test_a_mask_of_another_size_is_found_by_check(self, tmp_path: Path) -> None:
        self.save(tmp_path / "crack" / "a.png", np.arange(81, dtype=np.uint8).reshape(9, 9))
        self.save(tmp_path / "masks" / "crack" / "a.png", np.full((5, 7), 255, np.uint8))
        _, findings = check(tmp_path)
        assert "the mask is 7 x 5 pixels" in findings[0]["problem"]

    def test_pixels_that_are_no_number(self, tmp_path: Path) -> None:
        values = np.ones((9, 9), np.float32)
        values[3, 3] = np.inf
        image = self.save(tmp_path / "a.tif", values)
        words = ("segment", "inspection", str(image), "--model", "tiny", "--box", "1,1,5,5")
        error = self.refused(*words, "--out", str(tmp_path / "out"))
        assert "1 of 81 pixel values are NaN or infinite" in error
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("size", [(1, 1), (40, 30)])
    def test_one_pixel_and_constant_images_give_a_table(
        self, tmp_path: Path, size: tuple[int, int]
    ) -> None:
        image = self.save(tmp_path / "a.png", np.full(size, 700, np.uint16))
        for name, prompt in (("box", "--box=0,0,1,1"), ("auto", "--auto")):
            result = segment(image, tmp_path / name, prompt)
            assert result.exit_code == 0, result.stderr
            assert (tmp_path / name / "a_defects.csv").is_file()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not here")
@pytest.mark.parametrize(("name", "good"), [("magnetic_tile", 10), ("steel_coco", 0)])
def test_real_sets_are_read_without_error(name: str, good: int) -> None:
    found, findings = check(REAL / name)
    assert found["empty_cases"] == good
    assert not [item for item in findings if item["severity"] == "error"]
