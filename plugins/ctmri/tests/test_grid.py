from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samdomains_ctmri.grid import DIRECTIONS, Grid, Plane, Slicing
from scipy.spatial.transform import Rotation

SHAPE = (3, 4, 5)
angles = st.tuples(*[st.floats(-180, 180)] * 3)
spacings = st.tuples(*[st.floats(0.3, 8.0)] * 3)
flips = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
planes = st.sampled_from(list(DIRECTIONS))


def oblique(turn: tuple[float, ...], spacing: tuple[float, ...], flip: tuple[float, ...]) -> Grid:
    affine = np.eye(4)
    matrix = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    affine[:3, :3] = matrix * np.array(spacing) * np.array(flip)
    affine[:3, 3] = [10.0, -20.0, 30.0]
    return Grid(SHAPE, affine)


grids = st.builds(oblique, angles, spacings, flips)


@given(grids, planes)
def test_slices_go_back_to_their_voxels_whatever_the_orientation(grid: Grid, plane: Plane) -> None:
    voxels = np.arange(60).reshape(SHAPE)
    slicing = Slicing(grid, plane)
    stack = slicing.stack(voxels)
    assert stack.shape == slicing.shape
    np.testing.assert_array_equal(slicing.voxels(stack), voxels)


@given(st.floats(-20, 20), spacings, flips, planes)
def test_slices_look_as_radiologists_look_at_them(
    tilt: float, spacing: tuple[float, ...], flip: tuple[float, ...], plane: Plane
) -> None:
    grid = oblique((tilt, tilt / 2, 0.0), spacing, flip)
    i, j, k = np.indices(SHAPE)
    places = np.stack([i, j, k, np.ones(SHAPE)], axis=-1) @ grid.affine.T
    towards = {
        "S": places[..., 2],
        "I": -places[..., 2],
        "P": -places[..., 1],
        "L": -places[..., 0],
    }
    slicing = Slicing(grid, plane)
    for axis, letter in enumerate(DIRECTIONS[plane]):
        assert (np.diff(slicing.stack(towards[letter]), axis=axis) > 0).all()


@pytest.mark.parametrize(
    ("spacing", "turn", "plane"),
    [
        ((1, 1, 5), (0, 0, 0), "axial"),
        ((1, 5, 1), (0, 0, 0), "coronal"),
        ((5, 1, 1), (0, 0, 0), "sagittal"),
        ((1, 1, 5), (90, 0, 0), "coronal"),
        ((1, 1, 5), (80, 5, 0), "coronal"),
        ((1, 1.04, 1), (0, 0, 0), "axial"),
    ],
)
def test_the_acquired_plane_lies_across_the_largest_spacing(
    spacing: tuple[float, ...], turn: tuple[float, ...], plane: Plane
) -> None:
    assert oblique(turn, spacing, (1, 1, 1)).acquired_plane() == plane


@given(grids)
def test_spacing_is_that_of_neighbours(grid: Grid) -> None:
    for axis in range(3):
        step = grid.affine @ np.eye(4)[axis]
        assert grid.spacing[axis] == pytest.approx(np.linalg.norm(step))


@given(grids, planes)
def test_spacing_of_slices_is_that_of_neighbours_in_them(grid: Grid, plane: Plane) -> None:
    slicing = Slicing(grid, plane)
    places = np.einsum("ij,j...->i...", grid.affine[:3, :3], np.indices(SHAPE))
    stacks = np.stack([slicing.stack(place) for place in places])
    for axis in range(3):
        steps = np.linalg.norm(np.diff(stacks, axis=1 + axis), axis=0)
        np.testing.assert_allclose(steps, slicing.spacing[axis])


def test_grids_agree_up_to_a_thousandth_of_a_voxel() -> None:
    grid = oblique((10, 20, 30), (1, 1, 3), (1, -1, 1))
    moved, shifted = grid.affine.copy(), grid.affine.copy()
    moved[0, 3] += 1e-5
    shifted[0, 3] += 0.1
    assert grid.same_place(Grid(SHAPE, moved))
    assert not grid.same_place(Grid(SHAPE, shifted))
    assert not grid.same_place(Grid((3, 4, 6), grid.affine))


@pytest.mark.parametrize(
    ("shape", "affine", "problem"),
    [
        ((3, 4, 5), np.full((4, 4), np.nan), "not a finite"),
        ((3, 4, 5), np.zeros((4, 4)), "cannot be inverted"),
        ((3, 4, 5), np.diag([1.0, 0.0, 1.0, 1.0]), "cannot be inverted"),
        ((3, 0, 5), np.eye(4), "at least one voxel"),
    ],
)
def test_a_grid_without_places_is_refused(
    shape: tuple[int, int, int], affine: np.ndarray, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Grid(shape, affine)
