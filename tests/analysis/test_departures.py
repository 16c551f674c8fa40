from __future__ import annotations

import dataclasses
from datetime import timedelta

import msgspec
import pytest

from lab.analysis import analyse
from lab.records import RunStatus
from tests.analysis.test_analyse import BASE, GOODPUT, OTHER, PRIMARY, noisy, table
from tests.campaigns import campaign


def test_a_run_that_went_as_planned_has_none() -> None:
    assert analyse(campaign(table(), primary=PRIMARY)).departures == ()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (RunStatus.INTERRUPTED, "The run was interrupted."),
        (RunStatus.RUNNING, "The run did not end."),
    ],
)
def test_how_it_ended_is_told(status: RunStatus, told: str) -> None:
    assert analyse(campaign(table(), status=status)).departures == (told,)


def test_boots_and_rounds_that_were_not_run_are_told() -> None:
    run = campaign(table(), primary=PRIMARY)
    recorded = tuple(each for each in run.recorded if each.round < 9 and each.boot != f"{OTHER}-r2")

    told = analyse(dataclasses.replace(run, recorded=recorded)).departures

    assert told == (
        "7 whole rounds were run, of at least 10.",
        f"Not run, in rounds that were begun: {OTHER}-r2.",
    )


def test_rounds_beyond_the_least_need_not_be_run() -> None:
    run = campaign(table(), primary=PRIMARY, min_rounds=6, max_rounds=10)
    recorded = tuple(each for each in run.recorded if each.round <= 6)
    samples = tuple(each for each in run.samples if each.round <= 6)

    analysis = analyse(dataclasses.replace(run, recorded=recorded, samples=samples))

    assert analysis.departures == ()


def test_another_order_than_planned_is_told() -> None:
    run = campaign(table(), primary=PRIMARY)
    late = run.recorded[7]
    recorded = [
        msgspec.structs.replace(each, started=each.started + timedelta(hours=1))
        if each is late
        else each
        for each in run.recorded
    ]
    after = [each.boot for each in recorded[8:]]

    told = analyse(dataclasses.replace(run, recorded=tuple(recorded))).departures

    listed = f"{', '.join(after[:5])} and {len(after) - 5} more"
    assert told == (f"Run before what was planned before them: {listed}.",)


def test_repeats_are_told_and_are_not_out_of_order() -> None:
    run = campaign(table(), primary=PRIMARY)
    again = msgspec.structs.replace(
        run.recorded[3], attempt=2, started=run.recorded[-1].started + timedelta(minutes=1)
    )

    told = analyse(dataclasses.replace(run, recorded=(*run.recorded, again))).departures

    assert told == (f"Measured again, as contaminated, 1 times: {again.boot}.",)


def test_a_precision_that_was_not_reached_is_told() -> None:
    values = {
        BASE: {GOODPUT: noisy(1e9, 1, sd=0.1)},
        OTHER: {GOODPUT: noisy(1e9, 2, sd=0.1)},
    }
    run = campaign(values, primary=PRIMARY, precision=0.05)
    (told,) = analyse(run).departures

    assert told.startswith(
        f"1 of 1 primary comparisons are not within 5 %: the widest, {OTHER} on {GOODPUT.name},"
    )


def test_comparisons_without_an_interval_are_not_precise() -> None:
    run = campaign(table(), primary=PRIMARY)
    samples = tuple(each for each in run.samples if each.cell != OTHER or each.round <= 4)

    told = analyse(dataclasses.replace(run, samples=samples)).departures

    assert told == ("2 of 2 primary comparisons are not within 5 %.",)


def test_a_cell_that_was_not_measured_is_not_called_imprecise() -> None:
    run = campaign(table(), primary=PRIMARY)
    samples = tuple(each for each in run.samples if each.cell != OTHER)

    assert analyse(dataclasses.replace(run, samples=samples)).departures == ()


def test_a_single_round_claims_no_precision() -> None:
    assert analyse(campaign(table(rounds=1), primary=PRIMARY)).departures == ()
