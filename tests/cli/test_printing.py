from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from samdomains.cli.printing import print_json, print_result, print_verdict, tell
from samdomains.evaluation.card import make_card
from samdomains.pipeline import Result

SCORE = {"mean": 0.75, "ci95": [0.7, 0.8], "n": 3}
METRICS = {"schema": 1, "test": {"zero_shot": {"box": {"dice": SCORE, "iou": SCORE}}}}


def test_what_happens_goes_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    tell("check: 3 images")
    assert capsys.readouterr() == ("", "check: 3 images\n")


def test_a_result_is_a_table_and_for_a_tuned_model_a_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result(Result(Path("out"), METRICS, None))
    printed = capsys.readouterr().out
    assert "Zero-shot" in printed
    assert "0.750" in printed
    print_verdict(Result(Path("out"), METRICS, None))
    assert capsys.readouterr().out == ""
    dice = {name: {"box": {"a": 0.5, "b": 0.6}} for name in ("tuned", "zero_shot")}
    card = make_card(dice, {"a": "1", "b": "2"}, trained_on=3)
    print_verdict(Result(Path("out"), METRICS, card))
    assert capsys.readouterr().out == f"verdict: {card.verdict}. {card.advice}\n"


def test_json_for_scripts_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    lone = {"mean": 0.75, "ci95": [math.nan, math.nan], "n": 1}  # one group has no interval
    metrics = {"schema": 1, "test": {"zero_shot": {"box": {"dice": lone}}}}
    print_json(Result(Path("out"), metrics, None))
    printed = capsys.readouterr().out
    assert "NaN" not in printed
    read = json.loads(printed)
    assert read["out"] == "out"
    assert read["test"]["zero_shot"]["box"]["dice"] == {"mean": 0.75, "ci95": [None, None], "n": 1}
