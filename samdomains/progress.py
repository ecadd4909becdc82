"""Progress bars with an estimate of the time left, on the terminal's error stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from samdomains.processes import is_main_process

if TYPE_CHECKING:
    from rich.progress import Progress

_shown: ContextVar[Progress | None] = ContextVar("_shown", default=None)
"""The display that bars within a bar join: a terminal has room for one."""


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs; yield a function that takes the number of items done.

    A bar within a bar stands below it and vanishes when it is done. Nothing is shown where the
    error stream is not a terminal, so that logs stay readable.

    Example:
        >>> with progress_bar("reading", total=2) as done:
        ...     done(1)
        ...     done(2)
    """
    outer = _shown.get()
    if outer is not None:
        task = outer.add_task(description, total=total)
        yield lambda done: outer.update(task, completed=done)
        outer.remove_task(task)
        return
    with _display() as display:
        token = _shown.set(display)
        task = display.add_task(description, total=total)
        try:
            yield lambda done: display.update(task, completed=done)
        finally:
            _shown.reset(token)


def _display() -> Progress:
    from rich.console import Console  # noqa: PLC0415 (only where a bar is shown)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal or not is_main_process(),
    )
