from __future__ import annotations

from itertools import count
from typing import NoReturn

import pytest

from lab import wait
from lab.errors import NotReadyError
from lab.wait import Pending, pause, wait_for
from tests.fakes import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(wait, "time", clock)
    return clock


def test_who_is_ready_is_not_waited_for(clock: Clock) -> None:
    assert wait_for("it", lambda: 7, timeout_s=0, remedy="none") == 7
    assert clock.slept == []


def test_it_is_asked_until_it_answers(clock: Clock) -> None:
    turns = count()

    def probe() -> str:
        if next(turns) < 3:
            raise Pending("not yet")
        return "now"

    assert wait_for("it", probe, timeout_s=10, every_s=2, remedy="none") == "now"
    assert clock.slept == [2, 2, 2]


def test_deadline_quotes_how_far_things_were(clock: Clock) -> None:
    turns = count(1)

    def probe() -> NoReturn:
        raise Pending(f"{next(turns)} of 9 are up")

    with pytest.raises(NotReadyError) as caught:
        wait_for("the house", probe, timeout_s=2.5, remedy="wait longer")

    assert caught.value.problem == "the house not ready after 2.5 s: 4 of 9 are up"
    assert caught.value.remedy == "wait longer"
    assert clock.now == 1003


def test_an_error_is_not_waited_out(clock: Clock) -> None:
    def probe() -> NoReturn:
        raise ValueError("broken for good")

    with pytest.raises(ValueError, match="for good"):
        wait_for("it", probe, timeout_s=10, remedy="none")

    assert clock.slept == []


def test_a_pause_lasts_as_long_as_it_is_told(clock: Clock) -> None:
    pause(0.25)

    assert clock.slept == [0.25]
