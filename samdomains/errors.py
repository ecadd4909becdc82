"""The errors that samdomains raises: what was got, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class SamDomainsError(Exception):
    """Base of every error that a user can cause and mend.

    The command line prints its text as one line and exits with ``exit_code``; a traceback
    is shown only with ``--debug``.
    """

    exit_code = 1

    told_elsewhere = False
    """Whether another process of the same command raises it too, and tells the user."""


class UsageError(SamDomainsError):
    """The command or call itself is wrong: an unknown name, a bad value, a missing argument."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe holds an unknown key or a value of the wrong type or range."""


class PluginError(SamDomainsError):
    """A plugin cannot be found or imported, or breaks the rules of the hooks."""


class HookError(PluginError):
    """A hook of a plugin, or what it returned, raised an error that is none of samdomains's own.

    Its text names hook, domain, distribution, version, file and line; its cause is that error.
    """

    case: str | None = None
    """Id of the case on which it happened, once somebody who knows it has named it."""

    def about(self, case: str, file: Path | None = None) -> HookError:
        """The same with the case before it; unchanged where a case is named already.

        Args:
            case: Its id.
            file: Its first file, where it has one.
        """
        if self.case is not None:
            return self
        told = type(self)(f"case '{case}'{'' if file is None else f' ({file})'}: {self}")
        told.case = case
        told.__cause__ = self.__cause__
        return told


class DataError(SamDomainsError):
    """A file of the user's data set is missing, damaged or inconsistent.

    Args:
        path: The offending file or folder.
        problem: What is wrong with it.
        remedy: What the user can do about it.
    """

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = Path(path)
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[DataError], tuple[Path, str, str]]:
        """Rebuild from the three facts, so that the error survives the way out of a worker."""
        return (type(self), (self.path, self.problem, self.remedy))


class CheckpointError(SamDomainsError):
    """A checkpoint is missing, damaged, unsafe or of another architecture."""


class RunDirectoryError(SamDomainsError):
    """A run directory cannot be created, read or resumed."""


class TrainingError(SamDomainsError):
    """Training cannot go on: the loss is no number, or the memory does not suffice."""


class BenchmarkError(SamDomainsError):
    """A part of a benchmark's matrix has no scores; the others have."""


class TrainingInterrupted(SamDomainsError):  # noqa: N818 (an interruption is not an error of the run)
    """Training was stopped by the user; the run can be resumed."""

    exit_code = 130


def did_you_mean(got: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed word, or an empty string.

    Example:
        >>> did_you_mean("learning_rat", ["learning_rate", "epochs"])
        " Did you mean 'learning_rate'?"
    """
    close = difflib.get_close_matches(got, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
