"""The processes of one command: who this one is, its share of the work, and what all agree on.

``accelerate launch`` and ``torchrun`` start a command several times and tell each process its
place in the environment. The first of them is the main one: it alone writes files that belong to
all, and speaks to the user.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from samdomains.errors import SamDomainsError, UsageError

Item = TypeVar("Item")
Value = TypeVar("Value")

PATIENCE = timedelta(days=1)
"""How long processes wait for each other: the main one may check thousands of images meanwhile."""


LAUNCHED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What a launcher sets in the environment of each process, beside WORLD_SIZE."""


SHARDING = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM")
"""What accelerate sets where it is to divide the model itself."""


def is_main_process() -> bool:
    """Whether this process speaks to the user; true where there is only one."""
    return _number("RANK", 0) == 0


@dataclass(frozen=True, slots=True)
class Processes:
    """The place of this process among those that work together.

    Attributes:
        index: From 0; 0 is the main one.
        count: How many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the first."""
        return self.index == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that fall to this process: every ``count``-th."""
        return items[self.index :: self.count]

    def gather(self, make: Callable[[], Value]) -> list[Value]:
        """Let each process make a value; all get those of all, in the order of the processes.

        Args:
            make: What it gives must pickle.

        Raises:
            SamDomainsError, OSError: One of them failed. All raise it, so that none waits.
        """
        if self.count == 1:
            return [make()]
        from torch import distributed  # noqa: PLC0415 (only where there are several)

        answers: list[_Answer[Value]] = [_Answer()] * self.count
        distributed.all_gather_object(answers, _answer(make))
        return [self._value(number, answer) for number, answer in enumerate(answers)]

    def from_main(self, make: Callable[[], Value]) -> Value:
        """Let the main process make a value, and give it to all.

        Args:
            make: Called by the main process alone; what it gives must pickle.

        Raises:
            SamDomainsError, OSError: The main process failed. All raise it.
        """
        if self.count == 1:
            return make()
        from torch import distributed  # noqa: PLC0415

        answers: list[_Answer[Value]] = [_answer(make) if self.is_main else _Answer()]
        distributed.broadcast_object_list(answers, src=0)
        return self._value(0, answers[0])

    def gather_shares(self, make: Callable[[], Sequence[Item]]) -> list[Item]:
        """Undo ``share``: put what each process made of its share into the order of the whole.

        Args:
            make: Gives one item for each of the share.
        """
        parts = self.gather(make)
        longest = max(len(part) for part in parts)
        return [part[i] for i in range(longest) for part in parts if i < len(part)]

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Let the first process of each machine run the block before the others of it do.

        For what the first leaves on the disk for the others, such as a download.
        """
        if self.count == 1:
            yield
            return
        from accelerate import PartialState  # noqa: PLC0415

        with PartialState().local_main_process_first():
            yield

    def _value(self, number: int, answer: _Answer[Value]) -> Value:
        if answer.error is not None:
            if isinstance(answer.error, SamDomainsError):
                answer.error.told_elsewhere = number != self.index
            raise answer.error
        return answer.value  # type: ignore[return-value]  # set where there is no error


ALONE = Processes()
"""One process, which does everything itself."""


def current_processes() -> Processes:
    """The place that the environment gives this process; the first call connects them.

    Raises:
        UsageError: The environment is not that of ``accelerate launch`` or ``torchrun``, or asks
            to divide the model.
    """
    for name in SHARDING:
        if os.environ.get(name, "").lower() in ("1", "true"):
            raise UsageError(
                f"{name} is set, and a model is not divided among processes: each holds all of it. "
                "Start without --use_fsdp, --use_deepspeed and --use_megatron_lm"
            )
    count = _number("WORLD_SIZE", 1)
    if count == 1:
        return ALONE
    missing = [name for name in LAUNCHED if name not in os.environ]
    if missing:
        raise UsageError(
            f"WORLD_SIZE is {count}, and {', '.join(missing)} is not set. "
            "Start several processes with accelerate launch or torchrun"
        )
    from torch import distributed  # noqa: PLC0415 (only where there are several)

    if not distributed.is_initialized():
        distributed.init_process_group(timeout=PATIENCE)
        atexit.register(distributed.destroy_process_group)
        from accelerate import PartialState  # noqa: PLC0415

        PartialState()  # gives this process its device
    return Processes(_number("RANK", 0), count)


@dataclass(frozen=True, slots=True)
class _Answer(Generic[Value]):
    """What one process came to: a value, or the error that stopped it."""

    value: Value | None = None
    error: SamDomainsError | OSError | None = None


def _answer(make: Callable[[], Value]) -> _Answer[Value]:
    try:
        return _Answer(value=make())
    except (SamDomainsError, OSError) as error:
        return _Answer(error=error)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default
