"""A way to call the command line in-process."""

from __future__ import annotations

from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from samdomains.cli.main import cli


class CallCli(Protocol):
    """Calls `samdomains` with the words given."""

    def __call__(self, *words: str) -> Result: ...


@pytest.fixture
def call() -> CallCli:
    """Call the command line; an unexpected exception is raised, not swallowed."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, list(words), prog_name="samdomains", catch_exceptions=False)

    return run
