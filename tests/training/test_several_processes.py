"""Training under ``accelerate launch``: two processes take the steps that one would take."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from samdomains.sam.strategies import trained_tensors
from samdomains.training.engine import train
from samdomains.training.task import Task
from samdomains.types import StrategyName
from tests.conftest import build_miniature
from tests.launching import WITH_TESTS, launch

from .conftest import make_case, task

CASES = 5
"""Three for training, in batches of two: the second process has no share of an epoch's last."""

TOGETHER = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path

import torch

from samdomains.errors import TrainingInterrupted
from samdomains.processes import current_processes
from samdomains.sam.strategies import trained_tensors
from samdomains.training.engine import train
from samdomains.training.probe import measure_memory
from tests.conftest import build_miniature
from tests.training.test_several_processes import work

processes = current_processes()
index = processes.index
first = work("full", Path(sys.argv[1]))
recipe, sampler = first.recipe, first.sampler
processes.from_main(lambda: measure_memory(first.sam, sampler, recipe, "full", "no", objects=2))
for strategy in ("decoder", "full"):
    out, calls = Path(sys.argv[1]) / strategy, []
    asked = work(strategy, out)

    def interrupting(*arguments):
        calls.append(arguments)
        if index == 1 and len(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return asked.sampler(*arguments)

    try:
        train(replace(asked, sampler=interrupting))
    except TrainingInterrupted as stop:
        assert "in epoch 1" in str(stop)
        asked = work(strategy, out)
        train(asked, resume=True)
        torch.save(trained_tensors(asked.sam), out / f"end-{index}.pt")
"""


def work(strategy: StrategyName, out: Path) -> Task:
    cases = [make_case(number) for number in range(CASES)]
    asked = task(build_miniature(), cases, out, strategy)
    return replace(asked, train=cases[:3], val=cases[3:])


def test_two_processes_train_what_one_does_and_stop_and_go_on_together(tmp_path: Path) -> None:
    ended = launch(["-c", WITH_TESTS + TOGETHER, str(tmp_path)])
    assert [process.code for process in ended] == [0, 0], ended
    for strategy in ("decoder", "full"):
        alone = work(strategy, tmp_path / f"{strategy} alone")
        history = train(alone).history
        expected, untuned = trained_tensors(alone.sam), build_miniature().state_dict()
        changes = torch.cat([(t - untuned[n]).flatten() for n, t in expected.items()]).abs()
        for index in (0, 1):
            weights = torch.load(tmp_path / strategy / f"end-{index}.pt", weights_only=True)
            assert weights.keys() == expected.keys()
            errors = torch.cat([(t - weights[n]).flatten() for n, t in expected.items()]).abs()
            assert errors.mean() < 1e-3 * changes.mean()
            assert errors.max() < 0.1 * changes.max()  # AdamW makes much of gradients near zero
        log = (tmp_path / strategy / "log.jsonl").read_text().splitlines()
        losses = [line["train_loss"] for line in map(json.loads, log) if line["event"] == "epoch"]
        assert losses == pytest.approx([record.train_loss for record in history], rel=1e-5)
