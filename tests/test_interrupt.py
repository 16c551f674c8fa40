"""What must not be cut short is not, and whoever insists wins."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from lab.interrupt import SIGNALS, held_off


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_block_ends_and_then_the_signal_is_obeyed(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    done = []

    with pytest.raises(KeyboardInterrupt), held_off("taking down"):  # noqa: PT012 - in order
        press(number)
        done.append("all of it")

    assert done == ["all of it"]
    assert "taking down: once more" in capsys.readouterr().err


def test_the_second_signal_is_obeyed_at_once() -> None:
    done = []

    with pytest.raises(KeyboardInterrupt), held_off("taking down"):  # noqa: PT012 - in order
        press()
        press()
        done.append("not reached")

    assert done == []


def test_without_a_signal_nothing_is_said_and_the_handlers_are_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    with held_off("taking down"):
        assert [signal.getsignal(number) for number in SIGNALS] != before

    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert capsys.readouterr().err == ""


def test_another_thread_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with held_off("taking down"):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [before]


def test_an_error_of_the_block_goes_first() -> None:
    with pytest.raises(ValueError, match="broken"), held_off("taking down"):  # noqa: PT012
        press()
        raise ValueError("broken")
