from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from samdomains_ctmri.gaps import filled, filled_planes

from samdomains.plugin import DataError

PATH = Path("scan.nii")


def in_turn(voxels: np.ndarray) -> Iterator[np.ndarray]:
    return (voxels[:, :, k : k + 1] for k in range(voxels.shape[2]))


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(*[st.integers(1, 4)] * 3),
        elements=st.one_of(st.just(np.nan), st.integers(-1024, 3000)),
    ).filter(lambda voxels: np.isfinite(voxels).any())
)
def test_gaps_are_as_dark_as_the_darkest_voxel_of_the_whole(voxels: np.ndarray) -> None:
    whole = filled(voxels, PATH)
    assert whole.dtype == voxels.dtype
    expected = np.where(np.isnan(voxels), np.nanmin(voxels), voxels)
    np.testing.assert_array_equal(whole, expected)
    planes = list(filled_planes(lambda: in_turn(voxels), PATH))
    np.testing.assert_array_equal(np.concatenate(planes, axis=2), expected)


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32])
def test_a_volume_without_gaps_is_read_once_and_stays_as_it_is(kind: type) -> None:
    voxels = np.arange(24).reshape(2, 3, 4).astype(kind)
    assert filled(voxels, PATH) is voxels
    reads: list[int] = []

    def planes() -> Iterator[np.ndarray]:
        reads.append(1)
        return in_turn(voxels)

    assert len(list(filled_planes(planes, PATH))) == 4
    assert reads == [1]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([np.nan, np.nan], "every voxel is NaN"),
        ([np.inf, 1.0], "1 voxels are infinite"),
        ([np.nan, -np.inf], "1 voxels are infinite"),
    ],
)
def test_what_has_no_meaning_is_an_error(values: list[float], problem: str) -> None:
    voxels = np.array(values, dtype=np.float32).reshape(1, 1, 2)
    with pytest.raises(DataError, match=rf"scan\.nii: {problem}"):
        filled(voxels, PATH)
    with pytest.raises(DataError, match=r"scan\.nii: "):
        list(filled_planes(lambda: in_turn(voxels), PATH))
