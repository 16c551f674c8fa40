from __future__ import annotations

import pytest

from lab.stopwatch import Activity, Stopwatch
from tests.fakes import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stopwatch(clock: Clock) -> Stopwatch:
    return Stopwatch(clock.monotonic)


def test_time_is_split_by_activity(clock: Clock, stopwatch: Stopwatch) -> None:
    clock.now += 1
    for activity, seconds in (
        (Activity.BUILDING, 10),
        (Activity.BOOTING, 20),
        (Activity.BUILDING, 5),
    ):
        with stopwatch.spending(activity):
            clock.now += seconds
    with stopwatch.spending(Activity.MEASURING):
        clock.now += 40
    clock.now += 2

    line = stopwatch.timeline

    assert (line.building_s, line.booting_s, line.measuring_s) == (15, 20, 40)
    assert line.total_s == 78
    assert line.other_s == 3


def test_each_second_counts_once(clock: Clock, stopwatch: Stopwatch) -> None:
    with stopwatch.spending(Activity.MEASURING):
        clock.now += 1
        with stopwatch.spending(Activity.BOOTING):
            clock.now += 2
        clock.now += 4

    line = stopwatch.timeline

    assert (line.measuring_s, line.booting_s) == (5, 2)
    assert line.other_s == 0


def test_time_counts_up_to_an_exception(clock: Clock, stopwatch: Stopwatch) -> None:
    def fail() -> None:
        with stopwatch.spending(Activity.BOOTING):
            clock.now += 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    clock.now += 1

    line = stopwatch.timeline

    assert (line.booting_s, line.other_s) == (3, 1)


def test_one_may_look_in_the_middle(clock: Clock, stopwatch: Stopwatch) -> None:
    with stopwatch.spending(Activity.MEASURING):
        clock.now += 3
        first = stopwatch.timeline
        clock.now += 4

    assert (first.measuring_s, first.total_s) == (3, 3)
    assert stopwatch.timeline.measuring_s == 7


def test_a_run_that_did_nothing_has_no_time_at_all(stopwatch: Stopwatch) -> None:
    line = stopwatch.timeline

    assert line.total_s == line.other_s == line.building_s == 0
    assert line.node_ready_s is None


def test_what_is_waited_for_is_not_counted() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock.monotonic)

    with stopwatch.spending(Activity.BUILDING):
        clock.now += 5
        with stopwatch.left_out():
            clock.now += 1000
        clock.now += 5
    with stopwatch.left_out():
        clock.now += 1000

    assert (stopwatch.timeline.building_s, stopwatch.timeline.total_s) == (10, 10)
