"""Planes of a volume, and objects in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from samdomains.reports.volume_planes import (
    AXES,
    Cut,
    Region,
    chosen_slices,
    cuts_through,
    enlarged,
    middle_of,
    object_in_cut,
    placed,
)
from samdomains.types import ObjectMask

SHAPE = (4, 6, 7)
solids = arrays.arrays(np.bool_, SHAPE).filter(lambda solid: bool(solid.any()))
voxels = st.tuples(*[st.integers(0, length - 1) for length in SHAPE])


def sections(solid: NDArray[np.bool_]) -> list[ObjectMask]:
    found = [(z, plane) for z, plane in enumerate(solid) if plane.any()]
    return [replace(ObjectMask.from_mask(plane), slice_index=z) for z, plane in found]


def planes(solid: NDArray[Any], voxel: tuple[int, int, int]) -> dict[Cut, NDArray[Any]]:
    z, y, x = voxel
    return {"XY": solid[z], "YZ": solid[:, :, x].T, "XZ": solid[:, y]}


@given(arrays.arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32)), voxels)
def test_three_planes_cross_in_a_voxel(
    grey: NDArray[np.float32], voxel: tuple[int, int, int]
) -> None:
    (found,) = cuts_through(grey, [voxel])
    for cut, expected in planes(grey, voxel).items():
        np.testing.assert_array_equal(found[cut], expected)


def test_slices_are_read_once_for_all_planes() -> None:
    reads: list[int] = []

    class Counted:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> NDArray[np.float32]:
            reads.append(index)
            return np.zeros((6, 7), dtype=np.float32)

    assert len(cuts_through(Counted(), [(0, 1, 2), (3, 2, 1), (1, 5, 6)])) == 3
    assert reads == [0, 1, 2, 3]
    assert cuts_through(Counted(), []) == []
    assert len(reads) == 4


@given(solids, voxels)
def test_an_object_in_a_plane_is_the_plane_of_the_object(
    solid: NDArray[np.bool_], voxel: tuple[int, int, int]
) -> None:
    for cut, expected in planes(solid, voxel).items():
        found = object_in_cut(sections(solid), voxel, cut, SHAPE)
        mask = np.zeros_like(expected) if found is None else found.mask()
        np.testing.assert_array_equal(mask, expected)


@given(solids)
def test_the_middle_of_an_object_is_inside_it(solid: NDArray[np.bool_]) -> None:
    assert solid[middle_of(sections(solid))]


def test_nothing_has_no_middle() -> None:
    with pytest.raises(ValueError, match="no middle"):
        middle_of([])


@given(
    arrays.arrays(np.bool_, (6, 7)).filter(lambda mask: bool(mask.any())),
    st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 6), st.integers(1, 7)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_an_object_is_placed_as_its_whole_mask_would_be(
    mask: NDArray[np.bool_], window: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    y, height, x, width = window
    rows, columns = slice(y, min(6, y + height)), slice(x, min(7, x + width))
    part = mask[rows, columns]
    nearest = [
        ((np.arange(n) + 0.5) * have / n).astype(int)
        for n, have in zip(size, part.shape, strict=True)
    ]
    expected = part[np.ix_(*nearest)]
    found = placed(ObjectMask.from_mask(mask), (rows, columns), size)
    drawn = np.zeros(size, dtype=bool) if found is None else found.mask()
    np.testing.assert_array_equal(drawn, expected)


def test_pixels_are_repeated_or_averaged() -> None:
    plane = np.array([[0.0, 1.0], [0.5, 0.25]], dtype=np.float32)
    assert enlarged(plane, (2, 4)).tolist() == [[0, 0, 1, 1], [0.5, 0.5, 0.25, 0.25]]
    assert enlarged(plane, (1, 2)).tolist() == [[0.25, 0.625]]


class TestRegion:
    def test_it_has_room_in_millimetres_around_the_object_and_stays_in_the_volume(self) -> None:
        solid = np.zeros((40, 50, 60), dtype=bool)
        solid[20:22, 10:30, 1:11] = True
        region = Region.around(sections(solid), (40, 50, 60), (5.0, 1.0, 1.0), margin=0.5)
        # The longest side is 20 mm, so 10 mm of room: 2 slices, 10 rows and columns, and a voxel.
        assert region == Region((17, 0, 0), (25, 41, 22))
        assert region.slices("XZ") == (slice(17, 25), slice(0, 22))
        assert region.sides("YZ", (5.0, 1.0, 1.0)) == (41.0, 40.0)

    def test_without_objects_it_is_the_whole_volume(self) -> None:
        assert Region.around([], SHAPE, (1.0, 1.0, 1.0), 0.1) == Region((0, 0, 0), SHAPE)

    def test_cuts_share_their_edges(self) -> None:
        assert AXES["XY"][0] == AXES["YZ"][0]
        assert AXES["XY"][1] == AXES["XZ"][1]


class TestChosenSlices:
    @given(
        st.lists(st.integers(0, 999), unique=True),
        st.lists(st.integers(0, 999), unique=True, max_size=12),
    )
    def test_prompted_slices_are_always_shown(
        self, occupied: list[int], prompted: list[int]
    ) -> None:
        found = chosen_slices(occupied, prompted, 12)
        assert set(prompted) <= set(found) <= {*occupied, *prompted}
        assert found == sorted(set(found))
        assert len(found) <= 12

    def test_the_ends_of_the_object_are_shown(self) -> None:
        found = chosen_slices(range(100, 1100), [600], 12)
        assert (found[0], found[-1], len(found)) == (100, 1099, 12)

    def test_of_many_prompted_slices_some_are_shown(self) -> None:
        assert chosen_slices([], range(100), 3) == [0, 50, 99]
