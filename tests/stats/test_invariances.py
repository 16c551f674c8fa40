"""What must not change a result: goal S8, for whatever boots hypothesis thinks of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.sample import Better
from lab.stats.effect import Flag, Pair, compare, compare_all
from lab.stats.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.stats.effect import Effect

MIRRORED = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
OTHER = {Better.HIGHER: Better.LOWER, Better.LOWER: Better.HIGHER}

Boots = dict[int, float]
ROUNDS = st.integers(min_value=1, max_value=14)
VALUES = st.floats(min_value=1e-3, max_value=1e3, allow_nan=False)
BOOTS = st.dictionaries(ROUNDS, VALUES, max_size=12)
ALIKE = st.dictionaries(
    ROUNDS, st.floats(min_value=0.8, max_value=1.2, allow_nan=False), min_size=5, max_size=12
)
"""Boots that differ as boots do: their effects have numbers, mostly."""
SIDES = st.tuples(st.one_of(BOOTS, ALIKE), st.one_of(BOOTS, ALIKE))
BETTER = st.sampled_from(Better)
quick = settings(deadline=None, max_examples=60, derandomize=True)
"""Derandomised: a test that fails on one machine fails on all."""


def numbers(effect: Effect) -> list[float | None]:
    return [
        effect.ratio,
        effect.low,
        effect.high,
        effect.p,
        effect.smallest_detectable,
        effect.companion_ratio,
        effect.companion_p,
    ]


def about(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def is_near_a_limit(effect: Effect, margin: float = 0.03) -> bool:
    """Whether rounding may decide the verdict."""
    ends = [effect.ratio, effect.low, effect.high]
    limits = (1.0, 1 - margin, 1 / (1 - margin), 1 + margin, 1 / (1 + margin))
    return any(
        end is not None and math.isclose(end, limit, rel_tol=1e-6)
        for end in ends
        for limit in limits
    )


@quick
@given(sides=SIDES, better=BETTER)
def test_swapping_the_sides_inverts_the_ratio(sides: tuple[Boots, Boots], better: Better) -> None:
    cell, baseline = sides

    effect = compare(cell, baseline, better=better)
    swapped = compare(baseline, cell, better=better)

    assert swapped.flags == effect.flags
    assert swapped.p == about(effect.p)
    assert swapped.smallest_detectable == about(effect.smallest_detectable)
    assert swapped.companion_p == about(effect.companion_p)
    if effect.ratio is None or effect.low is None or effect.high is None:
        assert numbers(swapped) == [None] * 7
        return
    assert swapped.ratio == about(1 / effect.ratio)
    assert swapped.low == about(1 / effect.high)
    assert swapped.high == about(1 / effect.low)
    if not is_near_a_limit(effect):
        assert swapped.verdict is MIRRORED.get(effect.verdict, effect.verdict)


@quick
@given(sides=SIDES, better=BETTER, factor=st.sampled_from([1e-9, 1e-3, 8.0, 1024.0, 1e9]))
def test_the_unit_changes_nothing(
    sides: tuple[Boots, Boots], better: Better, factor: float
) -> None:
    cell, baseline = sides

    effect = compare(cell, baseline, better=better)
    scaled = compare(
        {number: value * factor for number, value in cell.items()},
        {number: value * factor for number, value in baseline.items()},
        better=better,
    )

    assert scaled.flags == effect.flags
    assert numbers(scaled) == list(map(about, numbers(effect)))
    if not is_near_a_limit(effect):
        assert scaled.verdict is effect.verdict


@quick
@given(sides=SIDES, better=BETTER, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_boots_changes_nothing(
    sides: tuple[Boots, Boots], better: Better, shuffle: object
) -> None:
    def mixed(boots: Boots) -> Boots:
        items = list(boots.items())
        shuffle.shuffle(items)  # type: ignore[attr-defined] # a random.Random, which hypothesis wraps
        return dict(items)

    cell, baseline = sides

    effect = compare(cell, baseline, better=better)

    assert compare(mixed(cell), mixed(baseline), better=better) == effect


@quick
@given(sides=SIDES, better=BETTER)
def test_the_names_of_rounds_change_nothing(sides: tuple[Boots, Boots], better: Better) -> None:
    cell, baseline = ({number + 100: v for number, v in boots.items()} for boots in sides)

    assert compare(cell, baseline, better=better) == compare(*sides, better=better)


@quick
@given(sides=SIDES, better=BETTER)
def test_the_direction_mirrors_the_verdict_and_nothing_else(
    sides: tuple[Boots, Boots], better: Better
) -> None:
    effect = compare(*sides, better=better)
    mirrored = compare(*sides, better=OTHER[better])

    assert numbers(mirrored) == numbers(effect)
    assert mirrored.flags == effect.flags
    assert mirrored.verdict is MIRRORED.get(effect.verdict, effect.verdict)


@quick
@given(
    many=st.lists(SIDES, min_size=1, max_size=6),
    added=st.floats(min_value=0.1, max_value=10),
    better=BETTER,
)
def test_another_cell_changes_no_effect(
    many: list[tuple[Boots, Boots]], added: float, better: Better
) -> None:
    pairs = [Pair(values=cell, baseline=base, better=better) for cell, base in many]
    constant = Pair(
        values=dict.fromkeys(range(1, 11), added),
        baseline=dict.fromkeys(range(1, 11), added),
        better=better,
    )

    together = compare_all([*pairs, constant, *pairs])

    assert together[: len(pairs)] == together[len(pairs) + 1 :] == compare_all(pairs)


@quick
@given(sides=st.tuples(BOOTS, BOOTS), better=BETTER)
def test_there_is_a_number_or_a_reason_and_never_both(
    sides: tuple[Boots, Boots], better: Better
) -> None:
    effect = compare(*sides, better=better)

    found = numbers(effect)
    is_withheld = any(flag.withholds for flag in effect.flags)
    assert is_withheld == (effect.verdict is Verdict.UNKNOWN)
    if is_withheld:
        assert found == [None] * 7
    else:
        assert all(value is not None and math.isfinite(value) for value in found)
        assert effect.low is not None
        assert effect.high is not None
        assert effect.ratio is not None
        assert effect.low <= effect.ratio <= effect.high
        assert min(effect.boots, effect.baseline_boots) >= 5


@quick
@given(
    sides=SIDES,
    value=st.sampled_from([0.0, -1.0, math.nan, math.inf, -math.inf]),
    number=ROUNDS,
    better=BETTER,
)
def test_one_impossible_value_is_enough(
    sides: tuple[Boots, Boots], value: float, number: int, better: Better
) -> None:
    cell, baseline = sides

    effects = (
        compare(cell | {number: value}, baseline, better=better),
        compare(cell, baseline | {number: value}, better=better),
    )

    for effect in effects:
        assert effect.verdict is Verdict.UNKNOWN
        assert {Flag.NOT_A_NUMBER, Flag.NOT_POSITIVE} & set(effect.flags)
        assert numbers(effect) == [None] * 7


def transformations() -> dict[str, Callable[[float], float]]:
    return {"doubled": lambda value: 2 * value, "tenth": lambda value: value / 10}


@pytest.mark.parametrize("name", transformations())
def test_a_cell_that_is_a_multiple_has_that_ratio(name: str) -> None:
    change = transformations()[name]
    baseline = {n: 1 + 0.01 * math.sin(7.0 * n) for n in range(1, 9)}
    cell = {n: change(1 + 0.01 * math.cos(5.0 * n)) for n in range(1, 9)}

    ratio = compare(cell, baseline, better=Better.HIGHER).ratio

    assert ratio == pytest.approx(change(1.0), rel=0.02)
