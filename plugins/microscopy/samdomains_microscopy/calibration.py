"""The physical size of pixels: read from an image's header and kept in the labels made of it."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from samdomains.plugin import atomic_path
from samdomains_microscopy.stacks import TIFF_SUFFIXES

IMAGEJ_TYPES = ("uint8", "uint16", "float32")
"""What ImageJ's own format holds."""

_SIZES = tuple(f"PhysicalSize{axis}{part}" for axis in "XYZ" for part in ("", "Unit"))
_OME_UNITS = {
    "micron": "µm",
    "microns": "µm",
    "um": "µm",
    "µm": "µm",
    "\\u00B5m": "µm",
    "nm": "nm",
    "mm": "mm",
    "cm": "cm",
    "inch": "in",
}
"""Units as ImageJ writes them → as OME does."""

_MILLIMETRES = {
    "m": 1e3,
    "cm": 10.0,
    "mm": 1.0,
    "\u00b5m": 1e-3,
    "\u03bcm": 1e-3,  # the Greek letter, which some writers take for the micro sign
    "nm": 1e-6,
    "pm": 1e-9,
    "\u00c5": 1e-7,
    "in": 25.4,
}
"""OME's units of length → mm; its others (pixel, reference frame) say nothing of a length."""


class Calibration(Protocol):
    """What a header says about pixels, in the terms of its format."""

    def save(self, path: Path, labels: NDArray[Any], title: str) -> None:
        """Write a label map in the same format, with the same size of pixels; atomically.

        Args:
            path: The file, with a suffix of TIFF.
            labels: (H, W) or (Z, H, W), uint16 or uint32.
            title: Name of the one channel.
        """
        ...

    def voxel_size(self) -> tuple[float, float, float] | None:
        """Distance of neighbouring voxels along Z, Y and X in mm; None unless all are known."""
        ...


@dataclass(frozen=True)
class OmeCalibration:
    """Of an OME-TIFF.

    Attributes:
        sizes: Pairs of attribute and text, ``("PhysicalSizeX", "0.25")`` for example, as they stand
            in the OME-XML; OME's own default unit is µm.
        channels: Names of the image's channels.
    """

    sizes: tuple[tuple[str, str], ...] = ()
    channels: tuple[str, ...] = ()

    def save(self, path: Path, labels: NDArray[Any], title: str) -> None:
        """Write OME-TIFF with one channel; its description names those of the image."""
        seen = f" The image's channels: {', '.join(self.channels)}." if self.channels else ""
        description = f"Each value but 0 is one object.{seen}"
        save_ome(
            path,
            labels,
            axes="ZYX"[-labels.ndim :],
            channels=[title],
            details={"Description": description, **dict(self.sizes)},
        )

    def voxel_size(self) -> tuple[float, float, float] | None:
        """Distance of neighbouring voxels along Z, Y and X in mm; None unless all are known."""
        along_z, along_y, along_x = (self._length(axis) for axis in "ZYX")
        if along_z is None or along_y is None or along_x is None:
            return None
        return along_z, along_y, along_x

    def _length(self, axis: str) -> float | None:
        """The size of a voxel along one axis in mm, where the header gives a real one."""
        told = dict(self.sizes)
        unit = _MILLIMETRES.get(told.get(f"PhysicalSize{axis}Unit", "\u00b5m"))
        try:
            length = float(told[f"PhysicalSize{axis}"]) * (unit or math.nan)
        except (KeyError, ValueError):
            return None
        return length if math.isfinite(length) and length > 0 else None


@dataclass(frozen=True)
class ImagejCalibration:
    r"""Of a file that ImageJ or Fiji wrote.

    Attributes:
        resolution: Pixels per unit along x and y.
        unit: As ImageJ writes it, ``micron`` or ``\u00B5m`` (an escape) for example.
        spacing: Distance of slices in that unit, or None.
    """

    resolution: tuple[float, float] | None
    unit: str | None
    spacing: float | None

    def save(self, path: Path, labels: NDArray[Any], title: str) -> None:
        """Write a file for ImageJ; OME-TIFF where its format cannot hold the labels (uint32)."""
        if labels.dtype.name not in IMAGEJ_TYPES:
            self.as_ome().save(path, labels, title)
            return
        told = {"spacing": self.spacing, "unit": self.unit}
        metadata = {key: value for key, value in told.items() if value is not None}
        with atomic_path(path) as temporary:
            tifffile.imwrite(
                temporary,
                labels,
                imagej=True,
                photometric="minisblack",
                resolution=self.resolution,
                metadata={"axes": "ZYX"[-labels.ndim :], **metadata},
            )

    def voxel_size(self) -> tuple[float, float, float] | None:
        """Distance of neighbouring voxels along Z, Y and X in mm; None unless all are known."""
        return self.as_ome().voxel_size()

    def as_ome(self) -> OmeCalibration:
        """The same sizes in OME's terms; none where OME does not know the unit."""
        unit = _OME_UNITS.get(self.unit or "")
        if unit is None or self.resolution is None:
            return OmeCalibration()
        lengths = {"X": 1 / self.resolution[0], "Y": 1 / self.resolution[1], "Z": self.spacing}
        known = {axis: length for axis, length in lengths.items() if length}
        values = {f"PhysicalSize{axis}": repr(length) for axis, length in known.items()}
        units = {f"PhysicalSize{axis}Unit": unit for axis in known}
        return OmeCalibration(tuple({**values, **units}.items()))


@dataclass(frozen=True)
class PlainCalibration:
    """Of any other file.

    Attributes:
        resolution: Pixels per unit along x and y, or None where the file says nothing.
        unit: TIFF's number of the unit: 2 for inches, 3 for centimetres.
    """

    resolution: tuple[float, float] | None = None
    unit: int | None = None

    def save(self, path: Path, labels: NDArray[Any], title: str) -> None:  # noqa: ARG002 (the protocol)
        """Write a compressed TIFF."""
        with atomic_path(path) as temporary:
            tifffile.imwrite(
                temporary,
                labels,
                photometric="minisblack",
                compression="zlib",
                resolution=self.resolution,
                resolutionunit=self.unit,
                metadata={"axes": "ZYX"[-labels.ndim :]},
            )

    def voxel_size(self) -> None:
        """None: such a file does not say how far apart its slices are."""


def read_calibration(path: Path) -> Calibration:
    """What the header of an image says about the size of its pixels.

    Args:
        path: The image; what is no TIFF, or no file, says nothing.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES or not path.is_file():
        return PlainCalibration()
    with tifffile.TiffFile(path) as tiff:
        if tiff.ome_metadata is not None:
            return _of_ome(tiff.ome_metadata)
        page = tiff.pages.first
        told = int(page.resolutionunit) > 1  # 1 is no unit
        if tiff.imagej_metadata is None:
            return PlainCalibration(page.resolution, page.resolutionunit) if told else _NOTHING
        values = tiff.imagej_metadata
        known = "unit" in values or told
        unit = values.get("unit", {2: "inch", 3: "cm"}.get(int(page.resolutionunit)))
        return ImagejCalibration(page.resolution if known else None, unit, values.get("spacing"))


_NOTHING = PlainCalibration()


def save_ome(
    path: Path,
    pixels: NDArray[Any],
    *,
    axes: str,
    channels: Sequence[str],
    details: Mapping[str, str],
) -> None:
    """Write OME-TIFF, compressed, atomically; the same content gives the same bytes.

    Args:
        path: The file, whose name without suffix becomes that of the image.
        pixels: In the order of ``axes``.
        axes: Letters of T, Z, C, Y and X.
        channels: Their names.
        details: Attributes and elements of the OME-XML, ``PhysicalSizeX`` for example.
    """
    digest = hashlib.sha256(f"{path.name} {axes} {pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    identity = uuid.UUID(bytes=digest.digest()[:16], version=4)
    metadata = {
        "axes": axes,
        "Name": path.name.split(".")[0],
        "UUID": f"urn:uuid:{identity}",
        "Channel": {"Name": list(channels)},
        **details,
    }
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            pixels,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata=metadata,
        )


def _of_ome(text: str) -> OmeCalibration:
    """From OME-XML of any schema: tags are compared without their namespace."""
    root = ElementTree.fromstring(text)
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return OmeCalibration()
    sizes = tuple((key, pixels.attrib[key]) for key in _SIZES if key in pixels.attrib)
    names = [channel.get("Name") for channel in pixels.findall("{*}Channel")]
    return OmeCalibration(sizes, tuple(name for name in names if name))
