"""Errors inside plugins: whatever their code raises is told with plugin, hook, case, file and line.

What a plugin's hooks return is called all over the house: readers while training, a normaliser in
worker processes, a writer at the end. So it is wrapped once, where the hook answers, and keeps its
origin wherever it travels. The core's own answers are not wrapped: their errors are the core's.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from samdomains.data.naming import image_file
from samdomains.errors import HookError, SamDomainsError
from samdomains.types import Case, ImageWindows, ObjectMask, RawImage, Size, VolumeSlices, Window

OF_THE_MACHINE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EMFILE,
    errno.EIO,
)
"""System errors that the user mends and not the author of the plugin."""

RETURNED = {
    "normalize_intensity": "its normaliser",
    "sample_prompts": "its sampler",
    "propose_prompts": "its proposer",
    "write_masks": "its writer",
}
"""Hook → what it returns, in words."""


@dataclass(frozen=True, slots=True)
class HookSource:
    """The implementation that gave an answer.

    Attributes:
        domain: The selected domain.
        layer: ``domain ct``, ``local file mine.py``.
        distribution: The distribution of the layer; the path for a local file.
        version: Version of the distribution; empty for a local file.
        hook: Name of the hook.
        file: Source file of the implementation.
        line: First line of the implementation.
        home: The folder or file whose lines are the plugin's own.
    """

    domain: str
    layer: str
    distribution: str
    version: str
    hook: str
    file: str
    line: int
    home: str

    @contextmanager
    def named(self, part: str = "") -> Iterator[None]:
        """Turn what the block raises into a ``HookError`` that names this implementation.

        Errors of samdomains pass, and so do those of the machine: no memory, a full disk.

        Args:
            part: Which part of the answer is called, in words; empty for the hook itself.
        """
        try:
            yield
        except (SamDomainsError, MemoryError):
            raise
        except Exception as error:  # the plugin boundary
            if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
                raise
            file, line = self._raised_at(error)
            owner = f"{self.distribution} {self.version}".rstrip()
            raise HookError(
                f"{self.layer}: `{self.hook}` of domain '{self.domain}' ({owner}) failed"
                f"{f' in {part}' if part else ''} at {file}:{line}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _raised_at(self, error: Exception) -> tuple[str, int]:
        """The deepest line of the plugin's own code on the way to the error."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            own = frame.filename == self.home or frame.filename.startswith(self.home + os.sep)
            if own and frame.lineno:
                return frame.filename, frame.lineno
        return self.file, self.line


def home_of(module: ModuleType) -> str:
    """The folder of the package that a module belongs to, or its file where it stands alone."""
    file = module.__file__ or ""
    package = sys.modules.get((module.__package__ or "").split(".")[0])
    if package is None or package.__file__ is None:
        return file
    return str(Path(package.__file__).parent)


def guarded(answer: object, source: HookSource) -> object:
    """The answer of a plugin's hook, wrapped so that its errors name their origin.

    Args:
        answer: A valid answer.
        source: Who gave it.

    Returns:
        Cases with guarded readers, or a guarded callable; other answers as they are.
    """
    if source.hook == "load_cases":
        return [_guarded_case(case, source) for case in cast("Sequence[Case]", answer)]
    if source.hook == "write_masks":
        return GuardedWriter(cast("Callable[..., Sequence[Path]]", answer), source)
    if source.hook in RETURNED:
        return GuardedCall(cast("Callable[..., Any]", answer), source)
    return answer


class _Guard:
    """Shows itself, compares and hashes as what it guards, with which authors' tests compare it."""

    __slots__ = ()
    inner: Any

    def __eq__(self, other: object) -> bool:
        return bool(self.inner == (other.inner if isinstance(other, _Guard) else other))

    def __hash__(self) -> int:
        return hash(self.inner)

    def __repr__(self) -> str:
        return repr(self.inner)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GuardedCall(_Guard):
    """A normaliser, sampler or proposer of a plugin. Who calls it knows the case and names it."""

    inner: Callable[..., Any]
    source: HookSource

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 (whatever the plugin gives)
        """What the plugin's callable gives."""
        with self.source.named(RETURNED[self.source.hook]):
            return self.inner(*arguments)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GuardedWriter(_Guard):
    """A writer of a plugin."""

    inner: Callable[..., Sequence[Path]]
    source: HookSource

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """The files that the plugin's writer wrote."""
        with _of_case(self.source, RETURNED["write_masks"], case.id, image_file(case)):
            return self.inner(case, objects, out)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GuardedReader(_Guard):
    """``read_pixels`` or ``read_objects`` of a case. Hashable where the plugin's is."""

    inner: Callable[[], Any]
    source: HookSource
    part: str
    case: str
    file: Path

    def __call__(self) -> Any:  # noqa: ANN401 (pixels or objects)
        """What the plugin's reader gives."""
        with _of_case(self.source, self.part, self.case, self.file):
            return self.inner()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GuardedWindows(_Guard):
    """``windows`` of a case."""

    inner: ImageWindows
    source: HookSource
    case: str
    file: Path

    @property
    def size(self) -> Size:
        """(H, W) in pixels."""
        with _of_case(self.source, "`windows.size`", self.case, self.file):
            return self.inner.size

    def read(self, window: Window) -> RawImage:
        """(C, h, w): the pixels of a window as stored."""
        with _of_case(self.source, "`windows.read`", self.case, self.file):
            return self.inner.read(window)

    def overview(self) -> RawImage:
        """(C, h, w): the whole in few pixels."""
        with _of_case(self.source, "`windows.overview`", self.case, self.file):
            return self.inner.overview()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GuardedSlices(_Guard):
    """``slices`` of a volume."""

    inner: VolumeSlices
    source: HookSource
    case: str
    file: Path

    def pixels(self) -> Iterator[tuple[int, RawImage]]:
        """(C, H, W) of each slice, with its number."""
        with _of_case(self.source, "`slices.pixels`", self.case, self.file):
            yield from self.inner.pixels()

    def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """The cross-sections in each slice, with its number."""
        with _of_case(self.source, "`slices.objects`", self.case, self.file):
            yield from self.inner.objects()


@contextmanager
def _of_case(source: HookSource, part: str, case: str, file: Path) -> Iterator[None]:
    try:
        with source.named(part):
            yield
    except HookError as error:
        named = error.about(case, file)
        raise named from named.__cause__


def _guarded_case(case: Case, source: HookSource) -> Case:
    name, file = case.id, image_file(case)
    objects, windows, slices = case.read_objects, case.windows, case.slices
    return replace(
        case,
        read_pixels=GuardedReader(case.read_pixels, source, "`read_pixels`", name, file),
        read_objects=None
        if objects is None
        else GuardedReader(objects, source, "`read_objects`", name, file),
        windows=None if windows is None else GuardedWindows(windows, source, name, file),
        slices=None if slices is None else GuardedSlices(slices, source, name, file),
    )
