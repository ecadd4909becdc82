from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.errors import DataError, UsageError
from samdomains.processes import Processes, current_processes, is_main_process
from tests.launching import launch

TOGETHER = """
import json, sys
from samdomains.errors import DataError
from samdomains.processes import current_processes

processes = current_processes()
items = list("abcde")
made = processes.gather_shares(lambda: [item.upper() for item in processes.share(items)])
told = processes.from_main(lambda: f"process {processes.index}")
ranks = processes.gather(lambda: processes.index)

def fail():
    if processes.index == 1:
        raise DataError("a.png", "is empty", "Remove it.")

try:
    processes.gather(fail)
except DataError as error:
    caught = [str(error), error.told_elsewhere]
sys.stdout.write(json.dumps([processes.index, made, told, ranks, caught]))
"""


def test_two_processes_divide_the_work_and_agree() -> None:
    answers = [answer.json() for answer in launch(["-c", TOGETHER])]
    error = "a.png: is empty. Remove it."
    together = [["A", "B", "C", "D", "E"], "process 0", [0, 1]]
    assert answers == [[0, *together, [error, True]], [1, *together, [error, False]]]


def test_a_process_alone_is_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert current_processes() == Processes(0, 1)
    assert is_main_process()
    assert Processes().gather(lambda: "value") == ["value"]
    assert Processes().from_main(lambda: "value") == "value"


def test_an_error_of_a_process_alone_is_raised() -> None:
    def fail() -> None:
        raise DataError("a.png", "is empty", "Remove it.")

    with pytest.raises(DataError, match="is empty"):
        Processes().gather(fail)


@given(st.lists(st.integers()), st.integers(1, 9))
def test_each_item_falls_to_one_process(items: list[int], count: int) -> None:
    shares = [Processes(index, count).share(items) for index in range(count)]
    assert sorted(item for share in shares for item in share) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_several_processes_need_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="accelerate launch or torchrun"):
        current_processes()


def test_a_model_is_not_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(UsageError, match="Start without --use_fsdp"):
        current_processes()
