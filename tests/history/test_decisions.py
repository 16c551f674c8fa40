"""Both stages of a night, on invented histories: what is told, and what is not."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.history.conclude import conclude
from lab.history.epochs import FIRST, epoch_of
from lab.history.known import Known
from lab.history.night import Kind
from lab.history.screening import screen_night
from lab.history.series import series_of
from lab.records import RunStatus
from lab.stats.screen import MIN_NIGHTS, NIGHTS, ROUNDS
from tests.history.nights import CELL, CONTROL, METRICS, OTHER, Lab

if TYPE_CHECKING:
    from lab.history.night import Event, Night

GOODPUT, ROUND_TRIP = METRICS
CELLS_OF_REFERENCE = (CONTROL, CELL)


def kinds(night: Night) -> list[Kind]:
    return [event.kind for event in night.events]


def the_one(night: Night, kind: Kind) -> Event:
    (found,) = (event for event in night.events if event.kind is kind)
    return found


def alarms(nights: list[Night]) -> list[Event]:
    return [e for night in nights for e in night.events if e.kind is Kind.REGRESSION]


def a_lab_with_history(nights: int = NIGHTS, *, seed: int = 1) -> Lab:
    lab = Lab(seed=seed)
    lab.nights(nights)
    return lab


def test_nights_without_a_change_raise_no_alarm() -> None:
    nights = Lab(seed=3).nights(60)

    assert alarms(nights) == []
    assert any(night.confirmed_by for night in nights), "the screen never flagged anything"


@pytest.mark.parametrize("metric", METRICS)
def test_a_tenth_to_the_worse_is_told_the_same_night(metric: str) -> None:
    """Down where more is better, up where less is: each is worse."""
    lab = a_lab_with_history()
    lab.shifts[CELL, metric] = 0.88 if metric == GOODPUT else 1.12

    told = the_one(lab.night(), Kind.REGRESSION)

    assert (told.cell, told.metric, told.control) == (CELL, metric, CONTROL)
    assert told.rounds == ROUNDS
    assert told.nights == NIGHTS
    assert told.low is not None
    assert told.high is not None
    assert told.low < told.shift < told.high
    assert (told.shift < 0) is (metric == GOODPUT)


@pytest.mark.parametrize("metric", METRICS)
def test_a_tenth_to_the_better_is_an_improvement_and_no_alarm(metric: str) -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, metric] = 1.13 if metric == GOODPUT else 0.87

    assert the_one(lab.night(), Kind.IMPROVEMENT).metric == metric


def test_an_improvement_is_the_level_of_the_nights_to_come() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 1.15
    lab.night()

    nights = lab.nights(MIN_NIGHTS + 2)
    assert not any(event.cell == CELL for event in alarms(nights))
    lab.shifts[CELL, GOODPUT] = 1.0
    assert the_one(lab.night(), Kind.REGRESSION).nights >= MIN_NIGHTS


def test_a_regression_that_nobody_takes_on_is_told_every_night() -> None:
    """Its nights do not become the level that the next is compared with."""
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.85

    nights = lab.nights(12)

    assert [event.cell for event in alarms(nights)] == [CELL] * 12
    assert all(event.nights == NIGHTS for event in alarms(nights))


def test_once_mended_it_is_told_no_more() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.85
    lab.nights(3)
    lab.shifts[CELL, GOODPUT] = 1.0

    assert alarms(lab.nights(5)) == []


def test_what_slows_the_whole_machine_is_nobodys_regression() -> None:
    lab = a_lab_with_history()
    for cell in lab.cells:
        lab.shifts[cell, GOODPUT] = 0.7

    night = lab.night()

    assert Kind.ENVIRONMENT in kinds(night)
    assert alarms([night]) == []
    assert night.confirmed_by == ""


def test_a_changed_machine_begins_an_epoch() -> None:
    lab = a_lab_with_history()
    for cell in lab.cells:
        lab.shifts[cell, GOODPUT] = 0.7
    lab.night()

    after = lab.nights(3)

    assert [night.epoch_nights for night in after] == [2, 3, 4]
    assert after[0].epoch_reason == f"the machine changed: {CONTROL}"
    assert alarms(after) == []


def test_a_control_that_moved_alone_is_not_blamed_on_its_cells() -> None:
    """Too little to say that the machine changed, enough to move every ratio."""
    nights = []
    for seed in range(1, 9):
        lab = a_lab_with_history(seed=seed)
        lab.shifts[CONTROL, GOODPUT] = 1.07
        nights.append(lab.night())

    assert alarms(nights) == [], "of sixteen ratios that moved"
    moved = [event for night in nights for event in night.events if event.kind is Kind.CONTROL]
    assert sum(event.metric == GOODPUT for event in moved) > 8


def test_a_new_kernel_begins_an_epoch_and_blames_nobody() -> None:
    lab = a_lab_with_history()
    lab.facts["host kernel"] = "6.13"
    lab.shifts[CELL, GOODPUT] = 0.8

    night = lab.night()

    assert (night.epoch_nights, night.learning, night.series) == (1, 4, 4)
    assert night.epoch_reason == "host kernel: 6.12 / 6.13"
    assert night.events == ()


def test_what_may_differ_begins_no_epoch() -> None:
    lab = a_lab_with_history(3)
    lab.facts["host kernel"] = "6.13"

    epoch = epoch_of(lab.measure(), lab.entries, allowed=["host kernel"])

    assert (len(epoch.nights), epoch.reason) == (3, FIRST)


def test_another_machine_is_another_history() -> None:
    lab = a_lab_with_history(3)
    other = Lab(seed=9, entries=lab.entries, number=3)
    other.facts["host machine"] = "m2"

    night = other.night()

    assert (night.epoch_nights, night.epoch_reason) == (1, FIRST)
    assert lab.screen().epoch.nights == tuple(lab.entries[:3])


def test_runs_that_are_no_nights_are_no_history() -> None:
    lab = a_lab_with_history(3)
    lab.entries[0] = msgspec.structs.replace(lab.entries[0], night=None)
    lab.entries[1] = msgspec.structs.replace(lab.entries[1], status=RunStatus.INTERRUPTED)

    assert lab.screen().epoch.nights == (lab.entries[2],)


def test_a_night_is_not_its_own_history() -> None:
    lab = a_lab_with_history(3)

    assert epoch_of(lab.entries[-1], lab.entries).nights == tuple(lab.entries[:2])


def test_the_first_night_has_nothing_to_say() -> None:
    night = Lab().night()

    assert (night.series, night.learning, night.events) == (4, 4, ())
    assert night.epoch_reason == FIRST


def test_with_few_nights_the_re_run_alone_decides() -> None:
    lab = a_lab_with_history(2)
    lab.shifts[CELL, GOODPUT] = 0.8

    told = the_one(lab.night(), Kind.REGRESSION)

    assert told.nights == 2
    assert told.rounds == ROUNDS


def test_without_a_re_run_nothing_is_decided() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.8

    night = conclude(lab.screen(), None)

    assert the_one(night, Kind.UNDECIDED).note == "there was no re-run"


def test_a_re_run_that_lost_rounds_does_not_decide() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.8
    screened = lab.screen()

    night = conclude(screened, lab.measure(rounds=9, cells=screened.cells))

    assert the_one(night, Kind.UNDECIDED).note == "9 of 16 rounds of the re-run can be used"


def test_a_re_run_on_something_else_does_not_decide() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.8
    screened = lab.screen()
    lab.facts["host kernel"] = "6.13"

    night = conclude(screened, lab.measure(rounds=ROUNDS, cells=screened.cells))

    note = the_one(night, Kind.UNDECIDED).note
    assert note == "the re-run is not comparable: host kernel: 6.12 / 6.13"


def test_a_re_run_that_finds_nothing_clears() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.8
    screened = lab.screen()
    lab.shifts.clear()

    night = conclude(screened, lab.measure(rounds=ROUNDS, cells=screened.cells))

    assert {event.kind for event in night.events if event.cell == CELL} == {Kind.NOT_CONFIRMED}


def test_a_re_run_that_finds_the_opposite_does_not_confirm() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.8
    screened = lab.screen()
    lab.shifts[CELL, GOODPUT] = 1.25

    night = conclude(screened, lab.measure(rounds=ROUNDS, cells=screened.cells))

    assert not {Kind.REGRESSION, Kind.IMPROVEMENT} & set(kinds(night))


def test_only_flagged_cells_and_their_controls_are_measured_again() -> None:
    lab = a_lab_with_history()
    lab.shifts[OTHER, ROUND_TRIP] = 1.3

    assert lab.screen().cells == (CONTROL, OTHER)


def test_a_cell_of_kata_is_read_against_the_same_cell_without_it() -> None:
    kata = "tcfilter+virtiofs+kata-go"
    lab = Lab(cells=(*CELLS_OF_REFERENCE, kata))
    lab.night()

    controls = {each.series.cell: each.series.control for each in lab.screen().seen}

    assert controls == {CELL: CONTROL, kata: CELL}


def test_where_the_nearest_control_lacks_a_metric_the_next_is_taken() -> None:
    kata = "tcfilter+virtiofs+kata-go"
    lab = Lab(cells=(*CELLS_OF_REFERENCE, kata))
    tonight = lab.measure()
    del tonight.levels[CELL][GOODPUT]

    controls = {each.metric: each.control for each in series_of(tonight) if each.cell == kata}
    assert controls == {GOODPUT: CONTROL, ROUND_TRIP: CELL}


def taken_on(lab: Lab, *, days: int, **changes: str) -> Known:
    start = lab.measure().day
    return Known(
        cell=changes.get("cell", CELL), metric=changes.get("metric", GOODPUT), owner="ann",
        reason="waits for a fix", since=start, expires=date.fromordinal(start.toordinal() + days),
    )  # fmt: skip


def test_a_known_regression_raises_no_alarm_until_it_expires() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.85
    known = taken_on(lab, days=9)
    lab.night()
    lab.known = (known,)

    nights = lab.nights(9)
    expired = lab.night()

    assert alarms(nights) == []
    assert nights[0].known == (str(known),)
    told = the_one(expired, Kind.REGRESSION)
    assert told.note == f"ann had it until {known.expires}"
    assert told.nights == NIGHTS
    assert expired.known == ()
    assert f"its last day was {known.expires}" in expired.warnings[0]


def test_another_regression_on_top_of_a_known_one_is_told() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.85
    lab.known = (taken_on(lab, days=90),)
    assert alarms(lab.nights(MIN_NIGHTS + 4)) == []
    lab.shifts[CELL, GOODPUT] = 0.85 * 0.85

    nights = lab.nights(3)

    assert [event.is_known for event in alarms(nights)] == [True] * 3


def test_a_known_regression_that_is_mended_is_told_so() -> None:
    lab = a_lab_with_history()
    lab.shifts[CELL, GOODPUT] = 0.8
    lab.known = (taken_on(lab, days=90),)
    lab.nights(MIN_NIGHTS + 4)
    lab.shifts[CELL, GOODPUT] = 1.0

    told = the_one(lab.night(), Kind.IMPROVEMENT)

    assert told.note == "its known regression may be mended"


def test_a_known_regression_of_nothing_is_said() -> None:
    lab = a_lab_with_history(2)
    lab.known = (taken_on(lab, days=9, metric="tcp_in_goodput"),)

    assert lab.screen().warnings == (
        f"nothing tonight is a known regression of {CELL}, tcp_in_goodput (ann)",
    )


def test_a_series_that_has_gone_missing_is_said() -> None:
    lab = a_lab_with_history(2)
    tonight = lab.measure(cells=(CONTROL, CELL))

    (warning,) = screen_night(tonight, lab.entries).warnings
    assert warning == (
        "too few rounds tonight, and enough the night before:"
        f" {GOODPUT} of {OTHER} against {CONTROL}, {ROUND_TRIP} of {OTHER} against {CONTROL}"
    )


def test_a_night_of_one_round_says_that_it_can_screen_nothing() -> None:
    lab = Lab()

    found = screen_night(lab.measure(rounds=1), lab.entries)

    assert found.seen == ()
    assert found.warnings == ("nothing to screen: no cell has 3 usable rounds beside its control",)


def test_every_seventh_night_gives_a_second_opinion_on_slow_drifts() -> None:
    lab = Lab(boot_sd=0.01)
    nights = lab.nights(14)
    lab.shifts[CELL, GOODPUT] = 0.97
    nights += lab.nights(14)

    (comment,) = (line for line in nights[-1].comments if CELL in line)
    assert comment.startswith(f"{GOODPUT} of {CELL} against {CONTROL}: \N{MINUS SIGN}")
    assert "28 nights" in comment
    assert all(not night.comments for night in nights if night.epoch_nights % 7)


def test_the_same_nights_give_the_same_decisions() -> None:
    assert Lab(seed=5).nights(12) == Lab(seed=5).nights(12)


def test_with_unknown_noise_a_night_is_its_median() -> None:
    lab = a_lab_with_history(9)
    lab.is_noise_known = False
    tonight = lab.measure()
    tonight.levels[CELL][GOODPUT].rounds[1] = 10.0

    seen = {each.series.cell: each for each in screen_night(tonight, lab.entries).seen}
    assert math.isclose(seen[CELL].tonight.centre, 0.0, abs_tol=0.1)
