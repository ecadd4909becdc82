from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from samdomains.progress import progress_bar

NESTED = """
from samdomains.progress import progress_bar
with progress_bar("outer", 2) as outer:
    for round in (1, 2):
        with progress_bar("inner", 5) as inner:
            inner(round)
        outer(round)
with progress_bar("next", 1) as show:
    show(1)
"""


def test_nothing_is_shown_where_the_error_stream_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_bar("reading", 2) as show, progress_bar("inner", 2) as inner:
        show(1)
        inner(2)
    assert capsys.readouterr() == ("", "")


def test_a_bar_within_a_bar_joins_its_display() -> None:
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        try:
            while block := os.read(ours, 4096):
                seen.append(block)
        except OSError:  # how Linux ends a terminal whose other side is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", NESTED]
    result = subprocess.run(command, stderr=theirs, env=environment, check=False)
    os.close(theirs)
    reader.join(timeout=30)
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(seen).decode())
    assert result.returncode == 0, text
    assert re.search(r"outer .*2/2", text)
    assert re.search(r"next .*1/1", text)
    assert "inner" in text


def test_an_error_in_the_block_ends_the_display() -> None:
    with pytest.raises(ValueError, match="broken"), progress_bar("reading", 2):
        raise ValueError("broken")
    with progress_bar("again", 1) as show:
        show(1)
