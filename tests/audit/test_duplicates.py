from __future__ import annotations

import numpy as np

from samdomains.audit.duplicates import EqualImages, about_equal
from samdomains.audit.findings import Finding
from samdomains.types import Case, RawImage, Split


def found(*images: tuple[RawImage, Split | None]) -> list[Finding]:
    seen = EqualImages()
    findings = []
    for index, (pixels, split) in enumerate(images):
        case = _case(str(index), pixels, split)
        first = seen.earlier(case, pixels)
        if first is not None:
            findings.append(about_equal(case, first))
    return findings


def _case(name: str, pixels: RawImage, split: Split | None) -> Case:
    return Case(name, name, lambda: pixels, None, {}, split=split)


PICTURE = np.arange(12).reshape(1, 3, 4)


def test_equal_images_of_two_splits_name_each_other_and_have_no_safe_fix() -> None:
    (finding,) = found((PICTURE, "train"), (PICTURE, "test"))
    assert (finding.check, finding.case, finding.other, finding.fix) == (
        "duplicate_across_splits",
        "1",
        "0",
        None,
    )


def test_equal_images_of_one_split_can_be_dropped() -> None:
    (finding,) = found((PICTURE, "train"), (PICTURE + 1, "train"), (PICTURE, "train"))
    assert (finding.check, finding.case, finding.fix) == ("duplicate_image", "2", "drop_duplicate")


def test_blank_images_are_no_copies_of_each_other() -> None:
    assert found((PICTURE * 0, None), (PICTURE * 0, None)) == []
