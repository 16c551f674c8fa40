from __future__ import annotations

import threading

import pytest

from lab.together import together

TIMEOUT_S = 5.0


def test_all_is_done_at_once_and_answered_in_order() -> None:
    meeting = threading.Barrier(3, timeout=TIMEOUT_S)

    def meet(number: int) -> int:
        meeting.wait()
        return number

    assert together([lambda: meet(1), lambda: meet(2), lambda: meet(3)]) == (1, 2, 3)


def test_nothing_is_done_in_no_time() -> None:
    assert together([]) == ()


def test_the_first_that_fails_is_told_without_waiting_for_the_rest() -> None:
    told = threading.Event()

    def fail() -> bool:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        together([lambda: told.wait(TIMEOUT_S), fail])
    assert not told.is_set()
    told.set()
