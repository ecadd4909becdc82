from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from samdomains.audit.findings import Audit, Finding
from samdomains.checking import check_cases, counted, require_no_errors
from samdomains.data.sources import load_source
from samdomains.errors import DataError
from samdomains.recipe import Recipe


def finding(severity: str, file: str) -> Finding:
    return Finding(
        "error" if severity == "error" else "warning", "a", file, "bad", "Mend it.", check="bad"
    )


def test_the_counts_are_told_in_one_line(labelled_folder: Path) -> None:
    lines: list[str] = []
    recipe = Recipe()
    audit = check_cases(load_source(labelled_folder, recipe.data), recipe, tell=lines.append)
    assert lines == ["check: 5 images, 26 objects, 0 errors, 0 warnings"]
    require_no_errors(audit, labelled_folder)


def test_the_first_error_is_raised_and_the_others_are_counted() -> None:
    findings = [finding("warning", "w.png"), finding("error", "a.png"), finding("error", "b.png")]
    with pytest.raises(DataError) as caught:
        require_no_errors(Audit(tuple(findings), 3, 0, {}, ()), Path("data"))
    expected = "a.png: bad. Mend it. (1 more error: `samdomains check` lists all)"
    assert str(caught.value) == expected


def test_a_finding_about_all_of_the_data_names_the_source() -> None:
    with pytest.raises(DataError, match=r"^data: bad\. Mend it\.$"):
        require_no_errors(Audit((finding("error", ""),), 0, 0, {}, ()), Path("data"))


def test_warnings_stop_nothing() -> None:
    require_no_errors(Audit((finding("warning", "w.png"),), 1, 1, {}, ()), Path("data"))


def test_numbers_agree_with_what_they_count() -> None:
    assert [counted(n, "error") for n in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]


def test_checking_needs_no_torch() -> None:
    code = "import sys, samdomains.checking, samdomains.chain; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
