from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli


def test_good_data_has_no_findings(labelled_folder: Path, call: CallCli) -> None:
    result = call("check", "images", str(labelled_folder))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-1] == "5 images, 26 objects, 0 errors, 0 warnings"
    assert "not judged: swapped_masks: 5 images have an object, and 6 are needed." in lines
    assert all(line.startswith("not judged: ") for line in lines[:-1])


def test_every_finding_is_a_line_and_the_exit_code_is_1(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    data = shutil.copytree(labelled_folder, tmp_path / "data")
    first, second, third = sorted((data / "images").iterdir())[:3]
    first.write_bytes(first.read_bytes()[:500])
    second.write_bytes(b"")
    shutil.copy(third, data / "images" / "scene_04.png")
    result = call("check", "images", str(data), "--out", str(tmp_path / "found"))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"error: {first}: the file is damaged or cut short")
    assert lines[1].startswith(f"error: {second}: the file is empty (0 bytes). Copy")
    assert "equals that of case" in lines[2]
    assert "agree by a Dice of" in lines[3]
    assert lines[-1] == "5 images, 21 objects, 3 errors, 1 warning"
    written = json.loads((tmp_path / "found" / "check.json").read_text())
    assert len(written["findings"]) == 4
    assert json.loads(call("check", "images", str(data), "--json").stdout) == written


def test_findings_are_written_with_a_page(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    call("check", "images", str(labelled_folder), "--out", str(tmp_path / "found"))
    page = (tmp_path / "found" / "check.html").read_text(encoding="utf-8")
    assert f"<h1>Check of {labelled_folder.name}</h1>" in page


def test_safe_fixes_go_into_a_copy(labelled_folder: Path, tmp_path: Path, call: CallCli) -> None:
    data = shutil.copytree(labelled_folder, tmp_path / "data")
    third = sorted((data / "images").iterdir())[2]
    shutil.copy(third, data / "images" / "zz.png")
    (data / "splits.json").unlink()
    mask = next((data / "labels").glob(f"{third.stem}.*"))
    shutil.copy(mask, mask.with_stem("zz"))
    result = call("check", "images", str(data), "--fix", str(tmp_path / "copy"))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "removed, since it equals" in lines[-2]
    assert lines[-1] == f"fixes: 1 made, 0 left; see {tmp_path / 'copy' / 'fixes.json'}"
    assert len(list((tmp_path / "copy" / "images").iterdir())) == 5
    told = call("check", "images", str(data), "--json", "--fix", str(tmp_path / "other"))
    assert json.loads(told.stdout)["cases"] == 6
