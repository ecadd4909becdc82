from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from samdomains.errors import (
    CheckpointError,
    DataError,
    HookError,
    PluginError,
    RecipeError,
    RunDirectoryError,
    SamDomainsError,
    TrainingError,
    TrainingInterrupted,
    UsageError,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SamDomainsError("x"), 1),
        (PluginError("x"), 1),
        (CheckpointError("x"), 1),
        (RunDirectoryError("x"), 1),
        (DataError("a.png", "it is cut short", "Copy it again."), 1),
        (UsageError("x"), 2),
        (RecipeError("x"), 2),
        (TrainingError("x"), 1),
        (TrainingInterrupted("x"), 130),
    ],
)
def test_each_kind_has_its_exit_code(error: SamDomainsError, code: int) -> None:
    assert error.exit_code == code


def test_a_data_error_names_file_problem_and_remedy_and_survives_a_worker() -> None:
    error = DataError("a.png", "it is cut short", "Copy it again.")
    assert str(error) == "a.png: it is cut short. Copy it again."
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, DataError)
    assert str(back) == str(error)
    assert (back.path, back.problem, back.remedy) == (
        Path("a.png"),
        "it is cut short",
        "Copy it again.",
    )


def test_the_closest_word_is_offered_and_a_far_one_is_not() -> None:
    words = ["training.epochs", "training.learning_rate"]
    assert did_you_mean("training.epocs", words) == " Did you mean 'training.epochs'?"
    assert did_you_mean("zebra", words) == ""


def test_a_fault_of_a_plugin_names_its_case_once_and_keeps_its_cause_and_pickles() -> None:
    try:
        raise HookError("`load_cases` failed") from KeyError("x")
    except HookError as error:
        named = error.about("leaf", Path("leaf.png"))
    assert str(named) == "case 'leaf' (leaf.png): `load_cases` failed"
    assert isinstance(named.__cause__, KeyError)
    assert named.about("stem") is named
    travelled = pickle.loads(pickle.dumps(named))
    assert (str(travelled), travelled.case) == (str(named), "leaf")
