"""Volumes as files: NIfTI, and NRRD and MetaImage through SimpleITK; voxels, grid, label maps."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from samdomains.plugin import DataError, atomic_path
from samdomains_ctmri.grid import Affine, Grid, Voxels

if TYPE_CHECKING:
    import SimpleITK

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".mha", ".mhd")
VOLUME_SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES)
"""Suffixes of the volume files that are read here, in lower case."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the frame of DICOM and ITK (x to the left, y to the back) to NIfTI's, and back."""

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    ImageFileError,
    HeaderDataError,
    WrapStructError,
)
"""What nibabel raises for damaged files."""


class Scan(Protocol):
    """A volume that is read when asked. Hashable, and pickles."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it is read from."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What a user should know of it, from the header alone."""
        ...

    def grid(self) -> Grid:
        """Where its voxels lie, from the header alone.

        Raises:
            DataError: The header makes no sense.
        """
        ...

    def voxels(self) -> Voxels:
        """(I, J, K): intensities, slope and intercept applied once.

        Raises:
            DataError: The file cannot be read.
        """
        ...


@dataclass(frozen=True)
class _OneFile:
    """What is the same for every format of a single file."""

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def notes(self) -> tuple[str, ...]:
        """None: its voxels are evenly spaced by its format."""
        return ()


class NiftiScan(_OneFile):
    """A NIfTI file."""

    def grid(self) -> Grid:
        """From the header; the sform where it is set, else the qform, as nibabel takes them."""
        image = self._open()
        return _grid(self.path, _three_axes(self.path, image.shape), image.affine)

    def voxels(self) -> Voxels:
        """(I, J, K); whole numbers as stored, scaled ones as float32."""
        image = self._open()
        shape = _three_axes(self.path, image.shape)
        try:
            voxels = np.asanyarray(image.dataobj)
        except _UNREADABLE as error:
            raise _damaged(self.path, error) from error
        return _plain(voxels.reshape(shape))

    def planes(self) -> Iterator[Voxels]:
        """(I, J, 1) for each k: the voxels, of which one plane at a time is in memory."""
        image = self._open(keep_file_open=True, mmap=False)
        shape = _three_axes(self.path, image.shape)
        further = (0,) * (len(image.shape) - 3)
        for k in range(shape[2]):
            try:
                plane = np.asanyarray(image.dataobj[(slice(None), slice(None), k, *further)])
            except _UNREADABLE as error:
                raise _damaged(self.path, error) from error
            yield _plain(plane[:, :, None])

    def write_labels(self, path: Path, labels: NDArray[np.integer[Any]]) -> None:
        """Write a label map with this file's exact affine and header.

        Args:
            path: ``.nii`` or ``.nii.gz``.
            labels: (I, J, K).
        """
        image = self._open()
        header = image.header.copy()
        header.set_data_dtype(labels.dtype)
        header.set_slope_inter(1, 0)
        header["cal_min"], header["cal_max"] = 0, 0
        _write_nifti(path, type(image)(labels.reshape(image.shape), image.affine, header))

    def _open(self, **reading: bool) -> Any:  # noqa: ANN401 (nibabel has no types)
        try:
            image = nibabel.load(self.path, **reading)
        except _UNREADABLE as error:
            raise _damaged(self.path, error) from error
        if not isinstance(image, nibabel.Nifti1Image):
            raise DataError(self.path, "the file is not NIfTI", "Convert it to NIfTI.")
        if image.header.get_data_dtype().names:
            raise DataError(self.path, "its voxels are colours", "Save one intensity a voxel.")
        return image


class ItkScan(_OneFile):
    """An NRRD or MetaImage file."""

    def grid(self) -> Grid:
        """From origin, spacing and direction cosines."""
        reader = self._reader()
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise _damaged(self.path, error) from error
        if reader.GetNumberOfComponents() != 1:
            raise DataError(
                self.path,
                f"each voxel has {reader.GetNumberOfComponents()} values",
                "Save one intensity a voxel.",
            )
        shape = _three_axes(self.path, reader.GetSize())
        affine = _affine(reader.GetOrigin(), reader.GetSpacing(), reader.GetDirection())
        return _grid(self.path, shape, affine)

    def voxels(self) -> Voxels:
        """(I, J, K) as stored."""
        import SimpleITK

        self.grid()
        return _plain(SimpleITK.GetArrayFromImage(self._image()).transpose())

    def write_labels(self, path: Path, labels: NDArray[np.integer[Any]]) -> None:
        """Write a label map with this file's origin, spacing and direction.

        Args:
            path: ``.nrrd``, ``.mha`` or ``.mhd``.
            labels: (I, J, K).
        """
        import SimpleITK

        written = SimpleITK.GetImageFromArray(np.ascontiguousarray(labels.transpose()))
        written.CopyInformation(self._image())
        with atomic_path(path) as temporary:
            SimpleITK.WriteImage(written, str(temporary), useCompression=True)

    def _image(self) -> SimpleITK.Image:
        try:
            return self._reader().Execute()
        except RuntimeError as error:
            raise _damaged(self.path, error) from error

    def _reader(self) -> SimpleITK.ImageFileReader:
        import SimpleITK

        if not self.path.is_file():
            raise DataError(self.path, "there is no such file", "Check the path.")
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(self.path))
        return reader


def planes_of(scan: Scan) -> Iterator[Voxels]:
    """(I, J, 1) for each k of a volume; of a NIfTI file one at a time is read.

    Raises:
        DataError: The file cannot be read.
    """
    if isinstance(scan, NiftiScan):
        yield from scan.planes()
    else:
        voxels = scan.voxels()
        yield from (voxels[:, :, k : k + 1] for k in range(voxels.shape[2]))


def is_volume_file(path: Path) -> bool:
    """Whether the name of a file is that of a volume."""
    return path.name.lower().endswith(VOLUME_SUFFIXES)


def scan_of_file(path: Path) -> NiftiScan | ItkScan:
    """The volume in a NIfTI, NRRD or MetaImage file, which is not opened yet."""
    return NiftiScan(path) if path.name.lower().endswith(NIFTI_SUFFIXES) else ItkScan(path)


def write_nifti(path: Path, labels: NDArray[np.integer[Any]], grid: Grid) -> None:
    """Write voxels as NIfTI, where there is no header to keep.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        labels: (I, J, K).
        grid: Where its voxels lie.
    """
    image = nibabel.Nifti1Image(labels, grid.affine)
    image.header.set_xyzt_units("mm")
    _write_nifti(path, image)


def write_itk_labels(path: Path, labels: NDArray[np.integer[Any]], grid: Grid) -> None:
    """Write a label map as NRRD or MetaImage where the input was of another format.

    Args:
        path: ``.nrrd``, ``.mha`` or ``.mhd``.
        labels: (I, J, K).
        grid: Where its voxels lie; axes that are not at right angles cannot be kept.

    Raises:
        DataError: The grid is sheared.
    """
    import SimpleITK

    lps = LPS_TO_RAS @ grid.affine
    direction = lps[:3, :3] / np.array(grid.spacing)
    if np.abs(direction.T @ direction - np.eye(3)).max() > 1e-4:
        raise DataError(path, "the axes of the volume are not at right angles", "Write NIfTI.")
    written = SimpleITK.GetImageFromArray(np.ascontiguousarray(labels.transpose()))
    written.SetOrigin(lps[:3, 3].tolist())
    written.SetSpacing(grid.spacing)
    written.SetDirection(direction.ravel().tolist())
    with atomic_path(path) as temporary:
        SimpleITK.WriteImage(written, str(temporary), useCompression=True)


def _write_nifti(path: Path, image: Any) -> None:  # noqa: ANN401 (nibabel has no types)
    content = image.to_bytes()
    with atomic_path(path) as temporary:
        # Without the time, so that the same labels give the same bytes.
        packed = gzip.compress(content, mtime=0) if path.suffix.lower() == ".gz" else content
        temporary.write_bytes(packed)


def _affine(origin: Any, spacing: Any, direction: Any) -> Affine:  # noqa: ANN401 (tuples of ITK)
    """Voxel index → mm, RAS+, from ITK's values of the first three axes."""
    axes = len(spacing)
    affine = np.eye(4)
    cosines = np.array(direction).reshape(axes, axes)[:3, :3]
    affine[:3, :3] = cosines * np.array(spacing)[:3]
    affine[:3, 3] = np.array(origin)[:3]
    world: Affine = LPS_TO_RAS @ affine
    return world


def _three_axes(path: Path, shape: Any) -> tuple[int, int, int]:  # noqa: ANN401 (of two libraries)
    """(I, J, K); further axes of one element are left out."""
    sizes = [int(size) for size in shape]
    if len(sizes) < 3 or any(size != 1 for size in sizes[3:]):
        words = " x ".join(str(size) for size in sizes)
        raise DataError(
            path,
            f"a volume has three axes, this file has {words}",
            "Save each time point or channel as a file of its own.",
        )
    return sizes[0], sizes[1], sizes[2]


def _grid(path: Path, shape: tuple[int, int, int], affine: Affine) -> Grid:
    try:
        return Grid(shape, np.asarray(affine, dtype=np.float64))
    except ValueError as error:
        raise DataError(path, str(error), "Mend its header, or export the volume again.") from error


def _plain(voxels: Voxels) -> Voxels:
    """Native byte order; doubles, which scaling makes, as float32."""
    if voxels.dtype == np.float64:
        return voxels.astype(np.float32)
    return voxels.astype(voxels.dtype.newbyteorder("="), copy=False)


def _damaged(path: Path, error: Exception) -> DataError:
    if not path.is_file():
        return DataError(path, "there is no such file", "Check the path.")
    reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    return DataError(path, f"the file is damaged or cut short ({reason})", "Copy it again.")
