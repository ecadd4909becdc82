"""Ctrl-C that lets the running step finish, so that what is saved is whole."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

STDERR = 2
"""The file descriptor of the error stream."""

NOTICE = "stopping as soon as the running step is done; Ctrl-C again stops at once\n"


class InterruptFlag:
    """Within the block, the first Ctrl-C only sets ``raised``; the second stops at once."""

    def __init__(self) -> None:
        self.raised = False
        self._in_main_thread = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> InterruptFlag:
        """Take over the signal, where Python allows it: in the main thread."""
        if self._in_main_thread:
            self._earlier = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signal back."""
        if self._in_main_thread:
            signal.signal(signal.SIGINT, self._earlier)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
        # Not `print`: the signal may have come in the middle of another write to the stream.
        os.write(STDERR, NOTICE.encode())
