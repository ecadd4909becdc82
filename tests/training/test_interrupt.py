from __future__ import annotations

import os
import signal

import pytest

from samdomains.training.interrupt import InterruptFlag


def test_the_first_ctrl_c_only_raises_the_flag() -> None:
    with InterruptFlag() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.raised


def test_the_second_ctrl_c_stops_at_once() -> None:
    with InterruptFlag():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_signal_is_given_back_afterwards() -> None:
    earlier = signal.getsignal(signal.SIGINT)
    with InterruptFlag():
        pass
    assert signal.getsignal(signal.SIGINT) is earlier
