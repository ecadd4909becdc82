"""Noticing that pixels are decoded: the functions with which well-known readers do it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, NoReturn
from unittest import mock

DECODERS = (
    ("PIL.Image", "Image.load"),
    ("PIL.ImageFile", "ImageFile.load"),
    ("tifffile", "TiffPage.asarray"),
    ("tifffile", "TiffFile.asarray"),
    ("nibabel.arrayproxy", "ArrayProxy.__array__"),
    ("pydicom", "Dataset.convert_pixel_data"),
    ("SimpleITK", "ReadImage"),
    ("SimpleITK", "ImageFileReader.Execute"),
    ("SimpleITK", "ImageSeriesReader.Execute"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("imageio.v3", "imread"),
    ("cv2", "imread"),
    ("h5py", "Dataset.__getitem__"),
)
"""Module and name. Those that are not installed are left out; rasterio, imagecodecs and PyAV
cannot be watched, since they are written in C."""


class PixelsDecodedError(AssertionError):
    """Pixels were decoded where only headers may be read."""


@contextmanager
def no_pixels() -> Iterator[list[str]]:
    """Raise ``PixelsDecodedError`` where the block decodes pixels with a known reader.

    Gives a list that then holds the reader's name, should the error be caught on its way.
    """
    decoded: list[str] = []

    def refuse(name: str) -> Callable[..., NoReturn]:
        def refused(*_: object, **__: object) -> NoReturn:
            decoded.append(name)
            raise PixelsDecodedError(name)

        return refused

    with ExitStack() as stack:
        for module, name in DECODERS:
            if find_spec(module.split(".")[0]) is None:
                continue
            owner: Any = importlib.import_module(module)
            *path, last = name.split(".")
            for part in path:
                owner = getattr(owner, part)
            stack.enter_context(mock.patch.object(owner, last, refuse(f"{module}.{name}")))
        yield decoded
