"""Both domains from demo data to a report and to masks of new volumes, by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result
from samdomains_ctmri.dicom_scan import scan_of_folder
from samdomains_ctmri.dicom_seg import read_segmentation

from samdomains.chain import select_domain
from samdomains.cli.main import cli

QUICK = (
    "--strategy=decoder",
    "--set=training.epochs=1",
    "--set=training.mixtures=[]",
    "--set=training.objects_per_image=2",
    "--set=evaluation.validation_objects=1",
    "--set=evaluation.prompts=[box]",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
    "--set=data.minimum_area=150",
    "--set=evaluation.volume_objects=1",
)


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="samdomains", catch_exceptions=False)


def demo(name: str, folder: Path) -> Path:
    """Three of the demo's patients, one for each part."""
    data = select_domain(name).make_demo_data(folder, 0)
    for number in (1, 2, 4):
        for path in data.glob(f"*/phantom_{number:02d}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    parts = {"train": ["phantom_03"], "val": ["phantom_05"], "test": ["phantom_06"]}
    (data / "splits.json").write_text(json.dumps(parts))
    return data


@pytest.fixture(scope="module", params=["ct", "mri"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def data(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo(name, tmp_path_factory.mktemp("data") / name)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CT demo, for tests of one domain only."""
    return demo("ct", tmp_path_factory.mktemp("scans") / "ct")


@pytest.fixture(scope="module")
def run(name: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / name
    result = call("run", name, str(data), "--out", str(directory), *QUICK)
    assert result.exit_code == 0, result.stderr
    return directory


def test_a_run_scores_slices_of_whole_patients(name: str, run: Path) -> None:
    split = json.loads((run / "split.json").read_text("utf-8"))
    assert {ids[0].split("@")[0] for ids in split.values()} == {
        "phantom_03",
        "phantom_05",
        "phantom_06",
    }
    assert len(split["test"]) == 12
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    scores, volumes = metrics["test"], metrics["volumes"]
    assert set(scores) == {"tuned", "zero_shot", "box_ellipse"}
    assert scores["tuned"]["box"]["dice"]["mean"] > 0.5
    assert "liver" in scores["tuned"]["box"]["per_class"]
    assert set(volumes) == {"tuned", "zero_shot"}
    assert volumes["tuned"]["box@middle"]["objects"] == 1
    assert 0 <= volumes["tuned"]["box@middle"]["nsd"]["mean"] <= 1
    report = (run / "report.html").read_text("utf-8")
    assert "data:image/" in report
    assert "<h3>phantom_06</h3>" in report
    winners = {a["hook"]: a for a in json.loads((run / "explain.json").read_text("utf-8"))}
    assert winners["load_cases"]["winner"] == f"domain {name}"


def test_evaluating_a_volume_writes_a_page_about_it(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    few = ("prompts=[box]", "bootstrap=20", "volume_objects=1")
    words = [f"--set=evaluation.{value}" for value in few] + ["--set=data.minimum_area=600"]
    words += ["--model=tiny", "--split=val", "--out", str(out)]
    result = call("evaluate", "ct", str(scans), *words)
    assert result.exit_code == 0, result.stderr
    assert "Whole objects" in result.stdout
    assert f"pages: {out / 'volumes'}\n" in result.stdout
    assert [path.name for path in (out / "volumes").iterdir()] == ["phantom_05.html"]
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    assert list(metrics["volumes"]) == ["zero_shot"]


def test_a_nifti_volume_is_segmented_into_its_own_geometry(
    name: str, run: Path, data: Path, tmp_path: Path
) -> None:
    scan, target = data / "images" / "phantom_05.nii.gz", tmp_path / "liver.nii.gz"
    words = ["segment", name, str(scan), "--model", str(run), "--out", str(target)]
    result = call(*words, "--box", "12,10,52,60@6", "--box", "12,10,52,60@7")
    assert result.exit_code == 0, result.stderr
    written, source = nibabel.load(target), nibabel.load(scan)
    np.testing.assert_array_equal(written.affine, source.affine)
    labels = np.asanyarray(written.dataobj)
    assert labels.shape == source.shape
    found = np.flatnonzero(labels.any(axis=(0, 1)))
    assert {6, 7} < set(found)
    np.testing.assert_array_equal(np.diff(found), 1)
    result = call(*words[:-1], str(tmp_path / "none.nii.gz"), "--box", "12,10,52,60")
    assert result.exit_code == 2
    assert "is a volume of 12 slices, and a prompt names none" in result.stderr


def test_a_dicom_series_is_segmented_into_dicom_seg(scans: Path, tmp_path: Path) -> None:
    series, target = scans / "images" / "phantom_06", tmp_path / "out" / "kidney.dcm"
    words = ["segment", "ct", str(series), "--model", "tiny", "--out", str(target)]
    words[-2:-2] = ["--cache", str(tmp_path / "cache")]
    result = call(*words, "--box", "25,45,45,62@4")
    assert result.exit_code == 0, result.stderr
    ((_, name, mask),) = read_segmentation(target, scan_of_folder(series, None).series)
    assert name == "object"
    found = np.flatnonzero(mask.any(axis=(0, 1)))
    assert 4 in found
    np.testing.assert_array_equal(np.diff(found), 1)
    words[-1] = str(tmp_path / "kidney.nii.gz")
    assert call(*words, "--box", "25,45,45,62@4").exit_code == 0
    labels = np.asanyarray(nibabel.load(tmp_path / "kidney.nii.gz").dataobj)
    np.testing.assert_array_equal(labels > 0, mask)


def test_a_damaged_volume_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(b"\x1f\x8b damaged")
    words = ["segment", "ct", str(tmp_path / "scan.nii.gz"), "--model", "tiny"]
    result = call(*words, "--box", "1,1,9,9@0", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "scan.nii.gz: the file is damaged or cut short" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
