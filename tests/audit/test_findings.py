from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.audit.findings import (
    Finding,
    Severity,
    about_all,
    about_image,
    about_mask,
    worst_first,
)
from samdomains.types import Case, SliceOf

FILES = (Path("images/a.png"), Path("masks/a.png"))
CASE = Case("a", "a", lambda: np.zeros((1, 2, 2)), None, {}, files=FILES)


def finding(severity: Severity, badness: float, case: str = "a") -> Finding:
    return Finding(severity, case, "a.png", "bad", "Mend it.", check="bad", badness=badness)


def test_errors_come_first_then_the_worst_then_the_first_case() -> None:
    listed = [
        finding("warning", 0.9),
        finding("error", 0.1),
        finding("error", 0.8),
        finding("error", 0.8, "b"),
    ]
    assert worst_first(listed) == (listed[2], listed[3], listed[1], listed[0])


@pytest.mark.parametrize("badness", [-0.1, 1.1, float("nan")])
def test_a_badness_that_does_not_sort_is_refused(badness: float) -> None:
    with pytest.raises(ValueError, match="badness"):
        finding("error", badness)


def test_findings_name_the_file_that_is_meant() -> None:
    image = about_image(CASE, "error", "bad", "Mend it.", check="x")
    mask = about_mask(CASE, "error", "bad", "Mend it.", check="x")
    everything = about_all("error", "bad", "Mend it.", check="x")
    assert [Path(one.file).as_posix() for one in (image, mask)] == ["images/a.png", "masks/a.png"]
    assert (everything.case, everything.file) == ("", "")


def test_a_finding_in_a_slice_says_which() -> None:
    part = replace(CASE, id="a@3", slice_of=SliceOf(CASE, 3))
    assert about_mask(part, "error", "bad", "Mend it.", check="x").problem == "slice 3: bad"
