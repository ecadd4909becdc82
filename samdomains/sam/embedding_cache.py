"""Embeddings on disk, found again by what they are of: a folder that processes share."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HEADER = struct.Struct("<8sI3I32s")
"""Magic, bytes a value (2 or 4), shape (C, h, w) and SHA-256 of the values that follow."""

MAGIC = b"samdemb1"

ABANDONED = 3600.0
"""Seconds after which a temporary file belongs to a process that was killed."""

ROOM = 0.05
"""Share of the limit that is free after a removal, and that may be written before the folder is
looked at again: it has thousands of files."""


class EmbeddingCache:
    """Embeddings (C, h, w) by key, one file each, the least recently used removed first.

    Nothing but sizes is held in memory. Files appear by renaming and are checked when they are
    read, so any number of processes may use one folder, and one that is killed harms none. File
    names are hashes; the folders that it makes are open to the user alone.

    Args:
        root: The folder; it is made when the first embedding is written.
        limit: Most bytes that it may hold, or None for any number. While several processes write,
            each may exceed it by a twentieth.
    """

    def __init__(self, root: Path, limit: int | None = None) -> None:
        self.root, self.limit = root, limit
        self._held: int | None = None  # as of the last look at the folder, with own writing since
        self._written = 0

    @classmethod
    def temporary(cls, limit: int | None = None) -> EmbeddingCache:
        """A cache whose folder of its own is gone with it, or when the process ends.

        Args:
            limit: Most bytes that it may hold, or None for any number.
        """
        root = Path(tempfile.mkdtemp(prefix="samdomains-"))
        cache = cls(root, limit)
        weakref.finalize(cache, shutil.rmtree, root, ignore_errors=True)
        return cache

    def read(self, key: str, *, half: bool = False) -> Tensor | None:
        """(C, h, w) float32, or None where it is not there or was damaged; that is removed.

        Args:
            key: Hexadecimal, of at least two digits.
            half: Take values that were rounded to half precision; full ones are rounded alike.
        """
        values = self._values(self._path(key, half=half))
        if values is None and half:
            values = self._values(self._path(key, half=False))
        if values is None:
            return None
        return torch.from_numpy(values.astype(np.float16) if half else values).float()

    def write(self, key: str, embedding: Tensor, *, half: bool = False) -> None:
        """Keep an embedding, (C, h, w), and remove others where it is too many bytes.

        Raises:
            OSError: It cannot be written, the disk is full for example; names the cache.
        """
        values = embedding.float().cpu().numpy().astype(np.float16 if half else np.float32)
        content = values.tobytes()
        digest = hashlib.sha256(content).digest()
        header = HEADER.pack(MAGIC, values.itemsize, *values.shape, digest)
        if self._held is None:
            self._look()
        try:
            self._put(self._path(key, half=half), header + content)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.root)) from error
        self._count(len(header) + len(content))

    def _path(self, key: str, *, half: bool) -> Path:
        return self.root / key[:2] / f"{key}.{'f16' if half else 'f32'}"

    def _values(self, path: Path) -> NDArray[np.float32 | np.float16] | None:
        """What a file holds, or None; it is then the last used, or removed."""
        try:
            values = _decoded(np.fromfile(path, dtype=np.uint8))
        except FileNotFoundError:
            return None
        with suppress(FileNotFoundError):  # another process removed it
            if values is None:
                path.unlink()
            else:
                os.utime(path)
        return values

    def _put(self, path: Path, content: bytes) -> None:
        """Write under a temporary name and rename; no fsync, since a torn file is found out."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)

    def _count(self, written: int) -> None:
        """Keep account of the bytes, and stay within the limit."""
        self._held = (self._held or 0) + written
        self._written += written
        if self.limit is None:
            return
        # Others write too: look again now and then.
        if self._held > self.limit or self._written > ROOM * self.limit:
            self._look()
            if self._held > self.limit:
                self._evict((1 - ROOM) * self.limit)

    def _look(self) -> None:
        """Count what the folder holds, and remove what killed processes left."""
        self._held, self._written = sum(size for _, size, _ in self._entries()), 0
        for path in self.root.glob("??/.tmp-*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    path.unlink()

    def _evict(self, left: float) -> None:
        """Remove the least recently used until at most so many bytes are left.

        Two processes that do so at once remove the same files, so no lock is needed.
        """
        entries = sorted(self._entries())
        held = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if held <= left:
                break
            path.unlink(missing_ok=True)
            held -= size
        self._held = held

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Time of last use in nanoseconds, bytes and file of each embedding."""
        for path in self.root.glob("??/*.f??"):
            with suppress(FileNotFoundError):
                state = path.stat()
                yield state.st_mtime_ns, state.st_size, path


def _decoded(content: NDArray[np.uint8]) -> NDArray[np.float32 | np.float16] | None:
    """The values of a file, or None where it is damaged."""
    if len(content) < HEADER.size:
        return None
    magic, width, *shape, digest = HEADER.unpack(content[: HEADER.size].tobytes())
    body = content[HEADER.size :]
    if magic != MAGIC or width not in (2, 4) or len(body) != width * int(np.prod(shape)):
        return None
    if hashlib.sha256(memoryview(body.data)).digest() != digest:
        return None
    return body.view(np.float16 if width == 2 else np.float32).reshape(shape)
