from __future__ import annotations

import random

import pytest

from lab.stats.shape import MIN_BOOTS, is_bimodal


def normal(seed: int, boots: int) -> list[float]:
    generator = random.Random(seed)  # noqa: S311 - invented figures
    return [generator.gauss(0, 1) for _ in range(boots)]


def test_two_groups_are_found_and_one_is_not() -> None:
    groups = [0.0, 0.1, 0.2, 0.05, 0.15, 5.0, 5.1, 5.2]
    one = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]

    assert is_bimodal([groups, one, groups[::-1]]) == [True, False, True]


def test_one_boot_apart_is_no_group() -> None:
    assert is_bimodal([[*normal(1, 9), 100.0]]) == [False]
    assert is_bimodal([[*normal(1, 9), 100.0, 101.0]]) == [True]


def test_a_level_far_from_zero_changes_nothing() -> None:
    groups = [30.0 + value for value in (0.0, 0.1, 0.2, 0.05, 0.15, 5.0, 5.1, 5.2)]

    assert is_bimodal([groups]) == [True]


def test_few_boots_have_no_groups() -> None:
    assert is_bimodal([[0.0] * 3 + [1.0] * (MIN_BOOTS - 4)]) == [False]


@pytest.mark.parametrize(("boots", "most"), [(8, 0.02), (10, 0.01), (20, 0.002)])
def test_normal_boots_are_seldom_taken_for_two_groups(boots: int, most: float) -> None:
    found = is_bimodal([normal(seed, boots) for seed in range(2000)])

    assert sum(found) / len(found) <= most
