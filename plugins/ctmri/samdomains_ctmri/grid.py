"""Where the voxels of a volume lie, and how they are cut into slices.

Voxel arrays are (I, J, K) in the order of the file's own axes. Slices are (Z, H, W) as radiologists
look at them. A slice is made by exchanging and reversing axes and never by interpolation, so that a
mask goes back to its voxels exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    io_orientation,
    ornt_transform,
)
from numpy.typing import NDArray

Affine: TypeAlias = NDArray[np.float64]
"""(4, 4): voxel index (i, j, k, 1) → (x, y, z, 1) in mm in NIfTI's frame, RAS+: x grows to the
patient's right, y to the front, z to the head."""

Voxels: TypeAlias = NDArray[Any]
"""(I, J, K), any real dtype."""

Stack: TypeAlias = NDArray[Any]
"""(Z, H, W): slices in the order in which they are counted."""

Plane: TypeAlias = Literal["axial", "coronal", "sagittal"]

DIRECTIONS: dict[Plane, str] = {"axial": "SPL", "coronal": "PIL", "sagittal": "LIP"}
"""Where slice number, row and column grow: Superior, Inferior, Posterior, Left.

The patient's right is at the left of an axial or coronal slice, the front at the left of a sagittal
one.
"""

_ACROSS: dict[str, Plane] = {"S": "axial", "P": "coronal", "L": "sagittal"}
"""Direction of the slice number → plane."""

SAME_SPACING = 1.05
"""Spacings that differ by less than 5 percent count as equal when a plane is chosen."""

SAME_PLACE = 1e-3
"""Grids agree where no corner is further apart than this share of a voxel."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The place of every voxel of a volume.

    Attributes:
        shape: (I, J, K).
        affine: Voxel index → mm, RAS+; any invertible one, oblique and left-handed included.

    Raises:
        ValueError: The affine is not finite or cannot be inverted, or an axis has no voxel.
    """

    shape: tuple[int, int, int]
    affine: Affine

    def __post_init__(self) -> None:
        """Refuse a grid whose voxels have no place of their own."""
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"a volume has three axes of at least one voxel, got {self.shape}")
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise ValueError("its affine is not a finite 4 x 4 matrix")
        if np.linalg.matrix_rank(self.affine[:3, :3]) < 3:
            raise ValueError("its affine cannot be inverted: an axis has no direction of its own")

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along each axis in mm."""
        along_i, along_j, along_k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(along_i), float(along_j), float(along_k)

    def same_place(self, other: Grid) -> bool:
        """Whether voxels of the same index lie at the same place in both."""
        if self.shape != other.shape:
            return False
        corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        corners = corners * np.array([*(n - 1 for n in self.shape), 1])
        apart = np.linalg.norm((corners @ (self.affine - other.affine).T)[:, :3], axis=1)
        return bool(apart.max() <= SAME_PLACE * min(self.spacing))

    def acquired_plane(self) -> Plane:
        """The plane across the largest spacing; axial where all spacings are the same."""
        spacing = np.array(self.spacing)
        if spacing.max() < SAME_SPACING * spacing.min():
            return "axial"
        rows = io_orientation(self.affine)
        # RAS axis 0 is left and right, 1 front and back, 2 head and foot.
        return _ACROSS["LPS"[int(rows[int(np.argmax(spacing)), 0])]]


@dataclass(frozen=True, slots=True, eq=False)
class Slicing:
    """How voxels become slices of one plane, and back.

    Attributes:
        grid: The volume's.
        plane: Of the slices; for an oblique volume the nearest one.
    """

    grid: Grid
    plane: Plane

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, H, W)."""
        axes = np.argsort(self._forth()[:, 0])
        z, height, width = (self.grid.shape[int(axis)] for axis in axes)
        return z, height, width

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along Z, H and W in mm."""
        axes = np.argsort(self._forth()[:, 0])
        z, height, width = (self.grid.spacing[int(axis)] for axis in axes)
        return z, height, width

    @property
    def along_k(self) -> bool:
        """Whether the slices are the planes (I, J) that lie one after the other in a file."""
        return int(np.argmin(self._forth()[:, 0])) == 2

    def slice_of_plane(self, k: int) -> int:
        """Number of the slice that the plane ``k`` is, where slices are ``along_k``."""
        return k if self._forth()[2, 1] > 0 else self.grid.shape[2] - 1 - k

    def stack(self, voxels: Voxels) -> Stack:
        """(I, J, K) → (Z, H, W)."""
        turned: Stack = apply_orientation(voxels, self._forth())
        return turned

    def voxels(self, stack: Stack) -> Voxels:
        """(Z, H, W) → (I, J, K), the way back."""
        back: Voxels = apply_orientation(stack, ornt_transform(self._slices(), self._own()))
        return back

    def _forth(self) -> NDArray[np.float64]:
        """(3, 2): for each voxel axis its place in (Z, H, W), and -1 where it is reversed."""
        transform: NDArray[np.float64] = ornt_transform(self._own(), self._slices())
        return transform

    def _own(self) -> NDArray[np.float64]:
        orientation: NDArray[np.float64] = io_orientation(self.grid.affine)
        return orientation

    def _slices(self) -> NDArray[np.float64]:
        orientation: NDArray[np.float64] = axcodes2ornt(DIRECTIONS[self.plane])
        return orientation
