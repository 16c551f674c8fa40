from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.stats.precision import Look, Stop, look

if TYPE_CHECKING:
    from collections.abc import Mapping


def looked(
    half_widths: Mapping[str, float | None],
    *,
    rounds: int,
    elapsed_s: float = 0.0,
    budget_s: float | None = None,
) -> Look:
    return look(
        half_widths,
        rounds=rounds,
        min_rounds=6,
        max_rounds=11,
        step=2,
        precision=0.05,
        elapsed_s=elapsed_s,
        budget_s=budget_s,
    )


def test_narrow_intervals_end_the_rounds() -> None:
    seen = looked({"a": 0.05, "b": 0.01}, rounds=6)

    assert seen == Look(rounds=6, widest=0.05, widest_name="a", stop=Stop.PRECISE, next_rounds=6)


def test_one_wide_interval_adds_a_step_for_all() -> None:
    seen = looked({"a": 0.01, "b": 0.051}, rounds=6)

    assert seen == Look(rounds=6, widest=0.051, widest_name="b", stop=None, next_rounds=8)


def test_the_last_step_is_as_long_as_the_plan_allows() -> None:
    assert looked({"a": 0.2}, rounds=10).next_rounds == 11
    assert looked({"a": 0.2}, rounds=11).stop is Stop.ROUNDS


def test_the_least_rounds_are_run_however_narrow() -> None:
    seen = looked({"a": 0.001}, rounds=5)

    assert (seen.stop, seen.next_rounds) == (None, 6)


def test_what_has_no_interval_yet_is_not_precise() -> None:
    seen = looked({"a": 0.01, "b": None}, rounds=6)

    assert (seen.stop, seen.widest, seen.widest_name) == (None, None, "b")


def test_nothing_to_compare_needs_no_more_rounds() -> None:
    assert looked({}, rounds=6).stop is Stop.PRECISE


@pytest.mark.parametrize(("budget_s", "stop"), [(799.0, Stop.BUDGET), (801.0, None), (None, None)])
def test_rounds_that_would_not_end_in_time_are_not_begun(
    budget_s: float | None, stop: Stop | None
) -> None:
    """Six rounds took 600 s, so eight will take 800 s."""
    assert looked({"a": 0.2}, rounds=6, elapsed_s=600, budget_s=budget_s).stop is stop


def test_precision_is_the_reason_where_the_plan_ends_too() -> None:
    assert looked({"a": 0.01}, rounds=11).stop is Stop.PRECISE
    assert looked({"a": 0.01}, rounds=8, elapsed_s=1e6, budget_s=1.0).stop is Stop.PRECISE


def test_a_look_knows_no_ratio() -> None:
    """Stopping by significance cannot be written: what it would need is not asked for."""
    assert "ratio" not in look.__annotations__
    assert "p" not in look.__annotations__
