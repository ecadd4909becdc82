from __future__ import annotations

import pytest

from samdomains.testing.deviation import REASON, deviates


def test_the_reason_stands_on_the_check() -> None:
    assert getattr(deviates("labels lie in DICOM files")(lambda: None), REASON)


def test_an_empty_reason_is_none() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        deviates("  ")
