from __future__ import annotations

import pytest
import torch
from torch.nn import Parameter

from samdomains.processes import Processes
from samdomains.training import gradients
from samdomains.training.gradients import add_up_gradients
from tests.launching import launch

TOGETHER = """
import json, sys, torch
from samdomains.processes import current_processes
from samdomains.training import gradients

gradients.VALUES_AT_ONCE = 5
processes = current_processes()
own, both, others, unused = [torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(4)]
both.grad = torch.full((2, 2), 1.0 + processes.index)
(own if processes.is_main else others).grad = torch.eye(2)
gradients.add_up_gradients([own, both, others, unused], processes)
values = [p.grad if p.grad is None else p.grad.tolist() for p in (own, both, others, unused)]
sys.stdout.write(json.dumps(values))
"""


def test_each_process_gets_the_sum_and_what_nobody_used_keeps_none() -> None:
    eye = [[1.0, 0.0], [0.0, 1.0]]
    for process in launch(["-c", TOGETHER]):
        assert process.json() == [eye, [[3.0, 3.0], [3.0, 3.0]], eye, None]


def test_one_process_keeps_its_gradients() -> None:
    parameter = Parameter(torch.ones(2))
    parameter.grad = torch.full((2,), 2.0)
    add_up_gradients([parameter], Processes())
    assert parameter.grad.tolist() == [2.0, 2.0]


def test_large_gradients_are_sent_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "VALUES_AT_ONCE", 5)
    sizes = [
        [len(g) for g in group]
        for group in gradients._groups([torch.ones(n) for n in (2, 3, 1, 9, 2)])
    ]
    assert sizes == [[2, 3], [1], [9], [2]]
