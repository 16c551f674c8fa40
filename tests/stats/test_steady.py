"""Steady flows, and others."""

from __future__ import annotations

import random

import pytest

from lab.stats.steady import MAX_EXCURSION, MAX_RANGE, UNKNOWN, steadiness


def test_five_windows_of_a_drift_by_hand() -> None:
    found = steadiness([90.0, 95.0, 100.0, 105.0, 110.0])

    assert found.range == pytest.approx(0.2)
    assert found.excursion == pytest.approx(0.2)
    assert found.lag_1 is None, "too few intervals to tell"


def test_intervals_are_averaged_in_windows() -> None:
    found = steadiness([100.0, 140.0] * 5)

    assert found.range == 0
    assert found.excursion == 0
    assert found.lag_1 == pytest.approx(-0.9)


def test_a_flow_that_slows_down_is_as_unsteady_as_one_that_speeds_up() -> None:
    rising = [80.0, 90.0, 100.0, 110.0, 120.0]

    assert steadiness(rising).excursion == pytest.approx(steadiness(rising[::-1]).excursion)


def test_intervals_that_do_not_divide_are_all_used() -> None:
    found = steadiness([100.0] * 11 + [200.0])

    assert found.range is not None
    assert found.range > 0


@pytest.mark.parametrize("intervals", [[], [1.0], [1.0] * 4, [0.0] * 10])
def test_too_few_intervals_tell_nothing(intervals: list[float]) -> None:
    assert steadiness(intervals) == UNKNOWN


def test_intervals_that_are_all_equal_have_no_autocorrelation() -> None:
    found = steadiness([7.0] * 10)

    assert (found.range, found.excursion, found.lag_1) == (0, 0, None)


def test_scale_does_not_matter() -> None:
    rates = [1.0, 1.2, 0.9, 1.1, 1.3, 1.0, 1.0, 0.8, 1.1, 1.0]

    small, large = steadiness(rates), steadiness([1e9 * rate for rate in rates])

    assert small.range == pytest.approx(large.range)
    assert small.excursion == pytest.approx(large.excursion)
    assert small.lag_1 == pytest.approx(large.lag_1)


def is_steady(rates: list[float]) -> bool:
    found = steadiness(rates)
    assert found.range is not None
    assert found.excursion is not None
    return found.range <= MAX_RANGE and found.excursion <= MAX_EXCURSION


def share_steady(shape: list[float], *, cv: float) -> float:
    generator = random.Random(3)  # noqa: S311 - no secret
    return sum(
        is_steady([value + generator.gauss(0, 100 * cv) for value in shape]) for _ in range(300)
    ) / 300  # fmt: skip


def test_flat_data_pass_and_ramps_and_drifts_do_not() -> None:
    flat = [100.0] * 60
    ramp = [70.0 + 0.5 * second for second in range(60)]
    drift = [92.0 + 16 * second / 59 for second in range(60)]

    assert share_steady(flat, cv=0.05) > 0.97
    assert share_steady(ramp, cv=0.05) < 0.05
    assert share_steady(drift, cv=0.02) < 0.05
