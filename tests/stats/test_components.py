from __future__ import annotations

import random

import pytest

from lab.stats.components import Components, components


def test_the_parts_add_up_as_a_table_by_hand() -> None:
    """Boots 1 and 5 with iterations 1 apart of them: within 2, of means 8, so between 7."""
    parts = components([[0.0, 2.0], [4.0, 6.0]])

    assert parts.iteration_sd == pytest.approx(2**0.5)
    assert parts.mean_sd == pytest.approx(8**0.5)
    assert parts.boot_sd == pytest.approx(7**0.5)
    assert parts.icc == pytest.approx(7 / 9)


def test_simulated_parts_are_found_again() -> None:
    generator = random.Random(3)  # noqa: S311 - invented figures
    boots = []
    for _ in range(4000):
        boot = generator.gauss(0, 0.04)
        boots.append([boot + generator.gauss(0, 0.02) for _ in range(3)])

    parts = components(boots)

    assert parts.boot_sd == pytest.approx(0.04, rel=0.03)
    assert parts.iteration_sd == pytest.approx(0.02, rel=0.03)
    assert parts.icc == pytest.approx(0.8, abs=0.02)


def test_one_iteration_hides_what_is_within_a_boot() -> None:
    parts = components([[1.0], [2.0], [4.0]])

    assert parts.mean_sd is not None
    assert (parts.boot_sd, parts.iteration_sd, parts.icc) == (None, None, None)
    assert parts.recommended_iterations(boot_s=40, iteration_s=15) is None


def test_one_boot_has_no_spread_between_boots() -> None:
    parts = components([[1.0, 2.0]])

    assert (parts.boot_sd, parts.mean_sd) == (None, None)
    assert parts.iteration_sd is not None


def test_no_boots_tell_nothing() -> None:
    assert components([]) == Components(boot_sd=None, iteration_sd=None, mean_sd=None)


def test_chance_makes_no_negative_part() -> None:
    parts = components([[0.0, 4.0], [1.0, 3.0]])

    assert parts.boot_sd == 0
    assert parts.icc == 0


def test_equal_values_have_no_share() -> None:
    parts = components([[1.0, 1.0], [1.0, 1.0]])

    assert parts.icc is None
    assert parts.recommended_iterations(boot_s=40, iteration_s=15) == 1


@pytest.mark.parametrize(
    ("boot_sd", "iteration_sd", "iterations"),
    [(0.04, 0.02, 1), (0.03, 0.03, 2), (0.01, 0.04, 7), (0.0, 0.04, 10), (0.001, 0.1, 10)],
)
def test_iterations_pay_where_they_are_what_varies(
    boot_sd: float, iteration_sd: float, iterations: int
) -> None:
    """With 40 s a boot and 15 s an iteration, the best numbers are 0.8, 1.6 and 6.5."""
    parts = Components(boot_sd=boot_sd, iteration_sd=iteration_sd, mean_sd=None)

    assert parts.recommended_iterations(boot_s=40, iteration_s=15) == iterations
