"""Ctrl-c waits for the end of what must not be cut in two."""

import signal

import pytest

from trodo_cli.cli.interrupts import uninterrupted


def test_ctrl_c_comes_when_the_step_is_done() -> None:
    done = []

    def step() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("the whole step")

    with pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["the whole step"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_is_not_for_this_program_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_step_that_breaks_says_so_below_ctrl_c() -> None:
    def step() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("broken")

    with pytest.raises(KeyboardInterrupt) as told:
        step()
    assert isinstance(told.value.__context__, ValueError)
