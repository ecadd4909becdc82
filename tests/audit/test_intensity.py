from __future__ import annotations

import numpy as np
import pytest

from samdomains.audit.intensity import check_pixel_values, is_constant
from samdomains.types import Case, RawImage


def found(pixels: RawImage) -> list[str]:
    case = Case("a", "a", lambda: pixels, None, {})
    return [finding.check for finding in check_pixel_values(case, pixels)]


@pytest.mark.parametrize(
    ("pixels", "checks"),
    [
        (np.arange(12.0).reshape(1, 3, 4), []),
        (np.full((1, 3, 4), np.nan), ["no_finite_pixel"]),
        (np.array([[[1.0, 1.0, np.inf]]]), ["not_finite", "constant_image"]),
        (np.zeros((3, 2, 2), dtype=np.uint8), ["constant_image"]),
    ],
)
def test_what_the_values_show_has_a_name(pixels: RawImage, checks: list[str]) -> None:
    assert found(pixels) == checks


def test_channels_of_different_values_are_constant_all_the_same() -> None:
    assert is_constant(np.stack([np.zeros((2, 2)), np.ones((2, 2))]))
