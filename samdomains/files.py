"""Writing files so that nothing is ever half-written: a temporary name first, then a rename."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it on success, remove it on failure.

    The temporary file has the same suffix, for writers that choose the format by it. What is left
    of it when the process is killed is for ``remove_abandoned``.

    Raises:
        OSError: It cannot be written, the disk is full for example; names ``path``.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
        >>> with atomic_path(target) as temporary:
        ...     _ = temporary.write_text("42")
        >>> target.read_text()
        '42'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem}-", suffix=f".tmp{path.suffix}", dir=path.parent
    )
    temporary = Path(name)
    try:
        _lock(handle)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno is None or error.filename not in (None, name, temporary):
            raise  # about another file
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of killed processes; those that are being written stay.

    Args:
        folder: Looked into, but not the folders in it. It may be missing.
    """
    for path in folder.glob(".*-*.tmp*"):
        with suppress(FileNotFoundError), path.open("rb") as file:
            if _lock(file.fileno()):
                path.unlink()


def _lock(handle: int) -> bool:
    """Hold a file for as long as it is open here; False where another process holds it.

    False, too, on the file systems that cannot tell, where nothing is ever removed.
    """
    if sys.platform == "win32":
        return False
    import fcntl  # noqa: PLC0415 (Windows has none)

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be opened for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 (whatever JSON holds)
    """Write indented JSON atomically. NaN is written as null, since JSON has no NaN."""
    write_text(path, json.dumps(without_nan(value), indent=2, ensure_ascii=False) + "\n")


def without_nan(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """Put None for every NaN in nested dicts, lists and tuples, since JSON has no NaN.

    Example:
        >>> without_nan({"mean": float("nan"), "ci95": (0.5, float("nan"))})
        {'mean': None, 'ci95': [0.5, None]}
    """
    if isinstance(value, float) and value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
