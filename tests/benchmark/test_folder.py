from __future__ import annotations

import json
from pathlib import Path

import pytest

from samdomains.benchmark.folder import ResultsFolder
from samdomains.errors import RunDirectoryError


def test_a_new_folder_is_claimed_and_the_same_suite_goes_on_in_it(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "bench")
    folder.claim("ct", "default")
    folder.claim("ct", "default")
    assert json.loads(folder.about.read_text())["domain"] == "ct"


def test_results_of_another_domain_suite_or_version_stay_apart(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    folder.claim("ct", "default")
    with pytest.raises(RunDirectoryError, match=r"results of domain ct, .* of domain mri"):
        folder.claim("mri", "default")
    with pytest.raises(RunDirectoryError, match="results of suite default"):
        folder.claim("ct", "quick")
    about = json.loads(folder.about.read_text()) | {"samdomains": "0.0.1"}
    folder.about.write_text(json.dumps(about))
    with pytest.raises(RunDirectoryError, match=r"results of samdomains 0\.0\.1.*another --out"):
        folder.claim("ct", "default")


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunDirectoryError, match="no folder of a benchmark"):
        ResultsFolder(tmp_path).claim("ct", "default")


def test_a_damaged_first_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text("{")
    with pytest.raises(RunDirectoryError, match="is damaged"):
        ResultsFolder(tmp_path).claim("ct", "default")
