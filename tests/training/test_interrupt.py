from __future__ import annotations

import os
import signal

import pytest

from samdomains.training.interrupt import NOTICE, InterruptFlag


def test_the_first_ctrl_c_only_raises_the_flag_and_says_what_a_second_would_do(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with InterruptFlag() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.raised
    assert capfd.readouterr().err == NOTICE


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
