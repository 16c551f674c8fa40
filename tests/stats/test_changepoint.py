"""Changes of level: found where they are, and not where there are none."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import ruptures

from lab.stats.changepoint import ALPHA, _orders, change_points, p_of_change

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPREAD = 0.025


def noise(count: int, *, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, SPREAD, count)


def test_a_step_is_found_where_it_is() -> None:
    values = noise(40, seed=1)
    values[25:] -= 0.1

    (found,) = change_points(values, series="a step")

    assert abs(found.index - 25) <= 1
    assert found.shift == pytest.approx(-0.1, abs=0.02)
    assert found.p == ALPHA


def test_what_was_taken_back_is_found_each_with_its_own_levels() -> None:
    values = noise(60, seed=2)
    values[20:40] += 0.12

    found = change_points(values, series="there and back")

    assert [each.index for each in found] == [20, 40]
    assert found[0].after == found[1].before == pytest.approx(0.12, abs=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_a_penalised_search_finds_the_same_places(seed: int) -> None:
    """Against ruptures: Pelt on squares, with its usual penalty for this spread."""
    values = noise(80, seed=seed)
    values[30:] -= 0.08
    values[55:] += 0.12

    ours = [each.index for each in change_points(values, series=str(seed))]
    penalty = 3 * np.log(len(values)) * SPREAD**2
    theirs = ruptures.Pelt(model="l2", min_size=5, jump=1).fit(values).predict(pen=penalty)

    assert len(ours) == len(theirs) - 1
    assert np.allclose(ours, theirs[:-1], atol=1)


def test_the_same_history_gives_the_same_answer() -> None:
    values = noise(30, seed=4)

    assert p_of_change(values, series="x") == p_of_change(values, series="x")
    assert p_of_change(values, series="x") != p_of_change(values, series="y")


def test_direction_unit_and_level_do_not_matter() -> None:
    values = noise(30, seed=5)
    values[18:] += 0.04

    found = p_of_change(values, series="x")

    assert p_of_change(-values, series="x") == found
    assert p_of_change(1e9 + 1e6 * values, series="x") == found


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_short_a_history_has_no_change(count: int) -> None:
    values = noise(count, seed=6)
    values[count // 2 :] += 1

    assert change_points(values, series="short") == ()


def test_a_level_that_never_moves_has_no_change() -> None:
    assert change_points([0.7] * 40, series="flat") == ()


def test_a_step_without_any_noise_is_found() -> None:
    (found,) = change_points([1.0] * 12 + [2.0] * 12, series="clean")

    assert (found.index, found.before, found.after) == (12, 1.0, 2.0)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        change_points([0.0] * 9 + [float("nan")], series="torn")


def test_blocks_are_moved_whole() -> None:
    orders = _orders(11, 3, 50, np.random.default_rng(1))

    for order in orders:
        assert sorted(order) == list(range(11))
        inside = [after for _, after in pairwise(order) if after % 3]
        assert all(order[list(order).index(place) - 1] == place - 1 for place in inside)


def test_series_without_a_change_are_left_alone() -> None:
    """The search for the best place is in the p: 5 % stay 5 % (band of 3.29 errors)."""
    count = 200
    p = [
        p_of_change(noise(30, seed=seed), series=str(seed), permutations=99)[1]
        for seed in range(count)
    ]

    rate = float(np.mean(np.asarray(p) <= 0.05))
    assert abs(rate - 0.05) < 3.29 * np.sqrt(0.05 * 0.95 / count)
