"""DICOM files one by one: opened and decoded, or one clear error."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

_DAMAGE = (
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise for damaged files."""

_JPEG_2000 = ("1.2.840.10008.1.2.4.9", "1.2.840.10008.1.2.4.20")
"""How the transfer syntaxes of JPEG 2000 and High-Throughput JPEG 2000 begin."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom and highdicom silent: they quote odd values, which may be a patient's."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pydicom raises for a damaged file into one clear error, and keep it silent.

    Raises:
        DataError: The file is damaged or cut short.
    """
    from pydicom.errors import BytesLengthException

    try:
        with quiet():
            yield
    except (*_DAMAGE, BytesLengthException) as error:
        raise DataError(
            path, f"the file is damaged or cut short ({type(error).__name__})", "Copy it again."
        ) from error


def read_dicom(path: Path, **options: Any) -> Dataset:  # noqa: ANN401 (pydicom's own options)
    """Read a DICOM file.

    Args:
        path: The file.
        **options: For ``pydicom.dcmread``.

    Raises:
        DataError: The file is missing, not DICOM, or damaged.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise DataError(path, "there is no such file", "Check the path.")
    with reading(path):
        try:
            return dcmread(path, **options)
        except InvalidDicomError as error:
            problem = "is not DICOM" if path.stat().st_size else "is empty"
            raise DataError(path, f"the file {problem}", "Copy or export it again.") from error


def decoded(path: Path) -> NDArray[Any]:
    """Stored values of all frames of a file, (F, rows, columns), without rescaling.

    Raises:
        DataError: There is no pixel data, it is damaged, or no decoder for it is installed.
    """
    dataset = read_dicom(path)
    _require_decodable(path, dataset)
    with reading(path):
        pixels: NDArray[Any] = dataset.pixel_array
        return pixels.reshape(-1, dataset.Rows, dataset.Columns)


def decoded_frames(path: Path, dataset: Dataset) -> Callable[[int], NDArray[Any]]:
    """Give the stored values of one frame at a time, (rows, columns), by its number from 0.

    Raises:
        DataError: There is no pixel data, or no decoder for it is installed.
    """
    from pydicom.pixels import pixel_array

    _require_decodable(path, dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    size = rows * columns

    def packed(frame: int) -> NDArray[Any]:
        # Bits of neighbouring frames may share a byte, and pydicom 3.0 cuts such frames short.
        first, last = frame * size, (frame + 1) * size
        whole = np.frombuffer(dataset.PixelData, np.uint8)[first // 8 : -(-last // 8)]
        bits = np.unpackbits(whole, bitorder="little")[first % 8 : first % 8 + size]
        return bits.reshape(rows, columns)

    def other(frame: int) -> NDArray[Any]:
        values: NDArray[Any] = pixel_array(dataset, index=frame)
        return values

    compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    return packed if dataset.BitsAllocated == 1 and not compressed else other


def _require_decodable(path: Path, dataset: Dataset) -> None:
    """Refuse a file without pixels, or whose compression no installed package can undo."""
    from pydicom.pixels import get_decoder

    if not any(word in dataset for word in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise DataError(
            path, "the file has no pixel data, or was cut short", "Copy or export it again."
        )
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise DataError(path, "the file says no transfer syntax", "Export it again.")
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError as error:
        raise DataError(
            path, f"pixels compressed as {syntax.name} are not supported", "Decompress the file."
        ) from error
    if not available:
        package = "openjpeg" if str(syntax).startswith(_JPEG_2000) else "libjpeg"
        raise DataError(
            path,
            f"no decoder for {syntax.name} is installed",
            f"Run pip install pylibjpeg-{package}, or pip install python-gdcm.",
        )
