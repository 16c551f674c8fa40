from __future__ import annotations

import pytest

from lab.stats.power import (
    boots_for_change,
    boots_for_precision,
    design_error,
    detectable_by,
    found,
    log_sd,
    noncentrality_for,
    power_of,
    smallest_detectable,
)

CVS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.10)


@pytest.mark.parametrize(
    ("alpha", "change", "eighty", "ninety"),
    [
        (0.05, 0.05, (3, 4, 7, 16, 40, 61), (3, 5, 9, 21, 52, 81)),
        (0.05, 0.10, (2, 3, 3, 5, 11, 16), (2, 3, 4, 6, 14, 20)),
        (0.05, 0.03, (4, 8, 17, 44, 109, 170), (4, 11, 22, 58, 146, 227)),
        (0.05 / 12, 0.05, (4, 7, 12, 29, 69, 107), (4, 8, 14, 35, 86, 133)),
        (0.05 / 12, 0.10, (3, 4, 5, 9, 18, 27), (3, 4, 6, 10, 22, 33)),
        (0.001, 0.05, (5, 8, 15, 36, 86, 132), (5, 10, 18, 43, 105, 161)),
        (0.001, 0.10, (3, 4, 6, 11, 23, 34), (3, 5, 7, 13, 27, 41)),
    ],
)
def test_boots_that_find_a_change(
    alpha: float, change: float, eighty: tuple[int, ...], ninety: tuple[int, ...]
) -> None:
    """A table that was made by other code, and checked there by simulation."""
    for power, expected in ((0.8, eighty), (0.9, ninety)):
        needed = tuple(
            boots_for_change(change, sd=log_sd(cv), alpha=alpha, paired=False, power=power)
            for cv in CVS
        )
        assert needed == expected


@pytest.mark.parametrize(
    ("boots", "percent"),
    [
        (5, (2.0, 4.0, 5.9, 9.6, 14.9)),
        (10, (1.3, 2.6, 3.9, 6.4, 10.0)),
        (20, (0.9, 1.8, 2.7, 4.4, 7.0)),
    ],
)
def test_smallest_change_that_boots_find(boots: int, percent: tuple[float, ...]) -> None:
    found_by = [
        round(100 * detectable_by(boots, sd=log_sd(cv), alpha=0.05, paired=False), 1)
        for cv in CVS[: len(percent)]
    ]

    assert tuple(found_by) == percent


@pytest.mark.parametrize("df", [1, 3, 9, 14, 18, 38, 498, 1998])
@pytest.mark.parametrize("noncentrality", [0.0, 1.0, 10.0, 40.0, 60.0])
@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.05 / 12, 0.05 / 240])
def test_power_is_a_probability_where_scipy_has_nan(
    df: int, noncentrality: float, alpha: float
) -> None:
    power = found(noncentrality, df=df, alpha=alpha)

    assert 0.0 <= power <= 1.0 + 1e-9
    if noncentrality == 0:
        assert power == pytest.approx(alpha, abs=1e-6)
    if noncentrality >= 40 and df >= 18:
        assert power == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("df", [4, 9, 38])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 240])
def test_the_shift_for_a_power_has_that_power(df: int, alpha: float) -> None:
    shift = noncentrality_for(df=df, alpha=alpha, power=0.9)

    assert found(shift, df=df, alpha=alpha) == pytest.approx(0.9, abs=1e-6)


def test_a_fraction_of_a_degree_of_freedom_does_not_count() -> None:
    assert smallest_detectable(0.01, df=9.9, alpha=0.05) == smallest_detectable(
        0.01, df=9, alpha=0.05
    )


def test_pairs_have_the_spread_of_their_differences() -> None:
    assert design_error(0.04, boots=16, paired=True) == (0.01, 15)
    assert design_error(0.04, boots=8, paired=False) == (0.02, 14)


def test_a_smallest_change_is_found_with_the_power_it_is_named_for() -> None:
    change = detectable_by(10, sd=0.03, alpha=0.05, paired=True)

    assert power_of(change, sd=0.03, boots=10, alpha=0.05, paired=True) == pytest.approx(0.8)


def test_more_boots_than_anybody_runs_are_none() -> None:
    assert boots_for_change(0.001, sd=0.2, alpha=0.05, paired=True) is None
    assert boots_for_precision(0.001, sd=0.2, alpha=0.05, paired=True) is None


def test_boots_for_a_precision_are_the_least_that_give_it() -> None:
    """t of 0.975 with 7 degrees of freedom is 2.365: 0.04 / sqrt(8) * 2.365 is 3.34 %."""
    assert boots_for_precision(0.0345, sd=0.04, alpha=0.05, paired=True) == 8
    assert boots_for_precision(0.0335, sd=0.04, alpha=0.05, paired=True) == 9
