from __future__ import annotations

import math
import statistics

import pytest

from lab.stats.summary import Scale, mean, paired_ratio, summarise


def test_one_boot_has_no_spread() -> None:
    summary = summarise([3.0], Scale.LOG)

    assert summary.relative_sd is None
    assert summary.centre == pytest.approx(3.0)
    assert (summary.low, summary.high, summary.boots) == (3.0, 3.0, 1)


def test_rates_are_averaged_as_logarithms() -> None:
    assert mean([1.0, 100.0], Scale.LOG) == pytest.approx(10.0)


def test_what_may_be_zero_is_averaged_as_it_is() -> None:
    assert Scale.of([0.0, 1.0]) is Scale.LINEAR
    assert mean([0.0, 1.0], Scale.LINEAR) == 0.5


@pytest.mark.parametrize("scale", list(Scale))
def test_equal_boots_have_a_spread_of_zero(scale: Scale) -> None:
    assert summarise([2.0, 2.0, 2.0], scale).relative_sd == pytest.approx(0.0)


def test_small_spreads_are_the_usual_relative_deviation() -> None:
    values = [99.0, 100.0, 101.0]

    spread = summarise(values, Scale.LOG).relative_sd

    assert spread == pytest.approx(statistics.stdev(values) / 100, rel=0.02)


def test_a_mean_of_zero_has_no_relative_spread() -> None:
    assert summarise([0.0, 0.0], Scale.LINEAR).relative_sd is None


def test_scales_agree_on_the_mean_of_equal_boots() -> None:
    assert mean([7.0, 7.0], Scale.LOG) == pytest.approx(mean([7.0, 7.0], Scale.LINEAR))


def test_a_ratio_is_taken_within_rounds() -> None:
    """A drift that hits both sides of each round leaves the ratio alone."""
    drift = {1: 1.0, 2: 0.5, 3: 2.0}
    fast = {number: 3.0 * factor for number, factor in drift.items()}

    assert paired_ratio(fast, drift) == pytest.approx(3.0)


def test_only_common_rounds_count() -> None:
    assert paired_ratio({1: 2.0, 2: 900.0}, {1: 4.0, 3: 1.0}) == pytest.approx(0.5)


def test_the_ratio_of_the_inverse_is_the_inverse() -> None:
    one, other = {1: 2.0, 2: 3.0}, {1: 5.0, 2: 4.0}
    ratio, inverse = paired_ratio(one, other), paired_ratio(other, one)

    assert ratio is not None
    assert inverse is not None
    assert math.isclose(ratio, 1 / inverse)


@pytest.mark.parametrize(
    ("values", "baseline"),
    [
        ({}, {1: 1.0}),
        ({1: 1.0}, {}),
        ({1: 1.0}, {2: 1.0}),
        ({1: 1.0}, {1: 0.0}),
        ({1: 0.0}, {1: 1.0}),
    ],
)
def test_without_two_positive_values_of_one_round_there_is_no_ratio(
    values: dict[int, float], baseline: dict[int, float]
) -> None:
    assert paired_ratio(values, baseline) is None
