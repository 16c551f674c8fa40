"""The two stages of a night, series by series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lab.stats.screen import (
    ALONE_ALPHA,
    CONFIRM_ALPHA,
    MIN_NIGHTS,
    MIN_ROUNDS,
    NIGHTS,
    Expected,
    centre,
    confirm,
    expectation,
    has_shifted,
    screen,
)

MARGIN = 0.03
NINE_TENTHS = math.log(0.9)


def nights(count: int = NIGHTS, *, seed: int = 1, level: float = -1.0) -> list[float]:
    return list(np.random.default_rng(seed).normal(level, 0.02, count))


def rounds(shift: float, *, count: int = 12, seed: int = 2, level: float = -1.0) -> list[float]:
    return list(np.random.default_rng(seed).normal(level + shift, 0.045, count))


def test_a_night_where_it_belongs_is_not_flagged() -> None:
    found = screen(nights(), -1.0, margin=MARGIN)

    assert not found.is_flagged
    assert found.nights == NIGHTS


@pytest.mark.parametrize("shift", [NINE_TENTHS, -NINE_TENTHS])
def test_a_tenth_is_flagged_up_and_down(shift: float) -> None:
    found = screen(nights(), -1.0 + shift, margin=MARGIN)

    assert found.is_flagged
    assert found.p is not None
    assert found.p < 0.01


def test_the_p_is_that_of_the_prediction_interval() -> None:
    history = nights()

    found = screen(history, -0.97, margin=MARGIN)

    t = (-0.97 - np.mean(history)) / (np.std(history, ddof=1) * math.sqrt(1 + 1 / NIGHTS))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), NIGHTS - 1), rel=1e-9)


def test_only_the_last_nights_count() -> None:
    assert screen([5.0] * 30 + nights(), -1.0, margin=MARGIN) == screen(
        nights(), -1.0, margin=MARGIN
    )


def test_a_rare_shift_that_matters_to_nobody_is_not_flagged() -> None:
    history = list(np.linspace(-1e-4, 1e-4, 20))

    found = screen(history, 0.01, margin=MARGIN)

    assert found.p is not None
    assert found.p < 1e-6
    assert not found.is_flagged


@pytest.mark.parametrize(("shift", "is_flagged"), [(0.01, False), (0.02, True), (-0.02, True)])
def test_with_few_nights_the_size_alone_asks_for_a_re_run(shift: float, is_flagged: bool) -> None:  # noqa: FBT001 - a case
    found = screen([-1.0] * (MIN_NIGHTS - 1), -1.0 + shift, margin=MARGIN)

    assert found.p is None
    assert found.is_flagged is is_flagged


def test_without_a_night_before_there_is_nothing_to_screen_against() -> None:
    with pytest.raises(ValueError, match="no night"):
        screen([], -1.0, margin=MARGIN)


def test_nights_that_were_all_the_same_make_every_difference_one() -> None:
    assert screen([-1.0] * 20, -1.1, margin=MARGIN).p == 0.0
    assert screen([-1.0] * 20, -1.0, margin=MARGIN).p == 1.0


def test_a_tenth_is_confirmed() -> None:
    found = confirm(rounds(NINE_TENTHS), expectation(nights()), margin=MARGIN)

    assert found.is_confirmed
    assert found.p < CONFIRM_ALPHA
    assert found.low < NINE_TENTHS < found.high < 0


def test_nothing_is_confirmed_where_nothing_is() -> None:
    assert not confirm(rounds(0.0), expectation(nights()), margin=MARGIN).is_confirmed


def test_a_change_smaller_than_the_margin_is_not_confirmed() -> None:
    sharp = [-1.02 + 0.0001 * number for number in range(12)]

    found = confirm(sharp, expectation(nights()), margin=MARGIN)

    assert found.p < CONFIRM_ALPHA
    assert not found.is_confirmed


def test_against_what_is_known_exactly_it_is_the_paired_t() -> None:
    values = rounds(-0.05, level=0.0)

    found = confirm(values, Expected(mean=0.0), margin=MARGIN)

    theirs = stats.ttest_1samp(values, 0.0)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_against_history_it_is_welchs_t() -> None:
    history, values = nights(), rounds(-0.05)

    found = confirm(values, expectation(history), margin=MARGIN)

    theirs = stats.ttest_ind(values, history, equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_a_re_run_that_decides_alone_has_to_be_surer() -> None:
    values, known = rounds(-0.06, seed=8), expectation(nights())
    found = confirm(values, known, margin=MARGIN)
    assert ALONE_ALPHA < found.p < CONFIRM_ALPHA

    alone = confirm(values, known, margin=MARGIN, was_screened=False)

    assert (found.is_confirmed, alone.is_confirmed) == (True, False)
    assert alone.p == found.p


def test_too_few_rounds_do_not_decide() -> None:
    with pytest.raises(ValueError, match="9 rounds cannot decide"):
        confirm(rounds(NINE_TENTHS, count=MIN_ROUNDS - 1), Expected(mean=-1.0), margin=MARGIN)


def test_a_disturbed_round_moves_the_median_less() -> None:
    values = [-1.0, -1.01, -0.99, -1.0, -1.4]

    assert centre(values, is_noise_known=False) == -1.0
    assert centre(values, is_noise_known=True) == pytest.approx(-1.08)


def test_a_control_that_moved_is_the_machine() -> None:
    histories = [nights(seed=seed, level=20.0) for seed in range(3)]

    assert has_shifted(histories, [20.0, 19.8, 20.01], margin=MARGIN) == [False, True, False]


def test_a_control_with_few_nights_does_not_say_that_the_machine_changed() -> None:
    assert has_shifted([[20.0] * 3, []], [10.0, 10.0], margin=MARGIN) == [False, False]
