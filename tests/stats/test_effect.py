from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from lab.sample import Better
from lab.stats.effect import MIN_BOOTS, Effect, Flag, Method, Pair, compare, compare_all
from lab.stats.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

UP, DOWN = Better.HIGHER, Better.LOWER
NOISE = (1.004, 0.991, 1.012, 0.987, 1.007, 0.999, 1.01, 0.985, 1.003, 0.996)
OTHER_NOISE = (0.993, 1.008, 1.001, 1.011, 0.99, 1.005, 0.988, 1.009, 0.998, 1.002)


def boots(level: float, noise: tuple[float, ...] = NOISE) -> dict[int, float]:
    """Boots by round, around *level*."""
    return {number: level * factor for number, factor in enumerate(noise, start=1)}


def without(values: Mapping[int, float], *rounds: int) -> dict[int, float]:
    return {number: value for number, value in values.items() if number not in rounds}


BASELINE = boots(100, OTHER_NOISE)


@pytest.mark.parametrize(
    ("level", "better", "verdict"),
    [
        (90, UP, Verdict.WORSE),
        (90, DOWN, Verdict.BETTER),
        (110, UP, Verdict.BETTER),
        (110, DOWN, Verdict.WORSE),
        (100, UP, Verdict.EQUIVALENT),
        (100, DOWN, Verdict.EQUIVALENT),
    ],
)
def test_the_verdict_knows_which_way_is_better(
    level: float, better: Better, verdict: Verdict
) -> None:
    effect = compare(boots(level), BASELINE, better=better)

    assert effect.verdict is verdict
    assert effect.method is Method.PAIRED
    assert effect.ratio == pytest.approx(level / 100, rel=0.01)
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < level / 100 < effect.high
    assert effect.flags == ()


def test_a_real_but_small_difference_is_equivalent() -> None:
    effect = compare(boots(102, OTHER_NOISE[::-1]), boots(100, OTHER_NOISE), better=UP, margin=0.05)

    assert effect.low is not None
    assert effect.low > 1
    assert effect.verdict is Verdict.EQUIVALENT


def test_a_wide_interval_is_inconclusive_and_says_what_it_would_have_seen() -> None:
    noisy = {number: value**9 for number, value in boots(1).items()}

    effect = compare(noisy, boots(1, OTHER_NOISE), better=UP)

    assert effect.verdict is Verdict.INCONCLUSIVE
    assert effect.smallest_detectable is not None
    assert 0.05 < effect.smallest_detectable < 0.15


def test_a_difference_below_the_margin_is_not_claimed() -> None:
    cell = boots(97.5, OTHER_NOISE[::-1])

    assert compare(cell, BASELINE, better=UP, margin=0.02).verdict is Verdict.WORSE
    assert compare(cell, BASELINE, better=UP, margin=0.03).verdict is not Verdict.WORSE


def test_what_drifts_between_rounds_falls_out() -> None:
    drift = {number: 0.9**number for number in BASELINE}
    cell = {number: 0.9 * drift[number] * factor for number, factor in boots(1).items()}
    baseline = {number: drift[number] * factor for number, factor in boots(1, OTHER_NOISE).items()}

    paired = compare(cell, baseline, better=UP)
    unpaired = compare(cell, baseline, better=UP, same_rounds=False)

    assert paired.verdict is Verdict.WORSE
    assert unpaired.verdict is Verdict.INCONCLUSIVE
    assert unpaired.method is Method.WELCH
    assert Flag.UNPAIRED in unpaired.flags


def test_rounds_in_common_are_paired_and_a_missing_one_is_named() -> None:
    effect = compare(without(boots(90), 3), BASELINE, better=UP)

    assert effect.method is Method.PAIRED
    assert (effect.boots, effect.baseline_boots) == (9, 9)
    assert Flag.MISSING_ROUND in effect.flags


def test_too_few_common_rounds_are_compared_unpaired() -> None:
    cell = without(boots(90), 1, 2, 3, 4)
    baseline = without(BASELINE, 7, 8, 9)

    effect = compare(cell, baseline, better=UP)

    assert effect.method is Method.WELCH
    assert (effect.boots, effect.baseline_boots) == (6, 7)
    assert set(effect.flags) >= {Flag.UNPAIRED, Flag.MISSING_ROUND}


FEW = without(BASELINE, 5, 6, 7, 8, 9, 10)
CONSTANT = dict.fromkeys(BASELINE, 3.0)


@pytest.mark.parametrize(
    ("cell", "baseline", "flag"),
    [
        pytest.param({}, {}, Flag.TOO_FEW_BOOTS, id="nothing"),
        pytest.param({1: 2.0}, {1: 2.0}, Flag.TOO_FEW_BOOTS, id="one boot"),
        pytest.param(FEW, FEW, Flag.TOO_FEW_BOOTS, id="four boots"),
        pytest.param(BASELINE, FEW, Flag.TOO_FEW_BOOTS, id="four boots on one side"),
        pytest.param(FEW, BASELINE, Flag.MISSING_ROUND, id="missing rounds, too few left"),
        pytest.param(BASELINE | {4: math.nan}, BASELINE, Flag.NOT_A_NUMBER, id="NaN"),
        pytest.param(BASELINE, BASELINE | {4: math.inf}, Flag.NOT_A_NUMBER, id="infinity"),
        pytest.param(BASELINE | {2: 0.0}, BASELINE, Flag.NOT_POSITIVE, id="zero"),
        pytest.param(BASELINE, BASELINE | {2: -1.0}, Flag.NOT_POSITIVE, id="negative"),
        pytest.param(dict.fromkeys(BASELINE, 0.0), BASELINE, Flag.NOT_POSITIVE, id="only zeros"),
        pytest.param(CONSTANT, BASELINE, Flag.NO_VARIANCE, id="a constant cell"),
        pytest.param(BASELINE, CONSTANT, Flag.NO_VARIANCE, id="a constant baseline"),
        pytest.param(CONSTANT, CONSTANT, Flag.NO_VARIANCE, id="constants"),
        pytest.param(BASELINE, BASELINE, Flag.NO_VARIANCE, id="the same boots"),
        pytest.param(
            {number: 3 * value for number, value in BASELINE.items()},
            BASELINE,
            Flag.NO_VARIANCE,
            id="the same boots, scaled",
        ),
    ],
)
def test_bad_data_have_a_name_and_no_number(
    cell: dict[int, float], baseline: dict[int, float], flag: Flag
) -> None:
    effect = compare(cell, baseline, better=UP)

    assert flag in effect.flags
    assert flag.text
    assert effect == Effect(
        verdict=Verdict.UNKNOWN,
        boots=len(cell),
        baseline_boots=len(baseline),
        flags=effect.flags,
    )
    assert effect.half_width is None


def test_every_fault_is_named_at_once() -> None:
    effect = compare({1: 0.0, 2: math.nan}, {1: 1.0}, better=UP)

    assert effect.flags == (
        Flag.TOO_FEW_BOOTS,
        Flag.NOT_A_NUMBER,
        Flag.NOT_POSITIVE,
        Flag.MISSING_ROUND,
    )


def test_every_flag_has_words() -> None:
    assert len({flag.text for flag in Flag}) == len(Flag)


def test_one_boot_that_carries_the_mean_is_told() -> None:
    """One very slow boot hides from the t test what all the others show."""
    cell = boots(96, NOISE + NOISE[::-1]) | {10: 150.0}

    effect = compare(cell, boots(100, OTHER_NOISE * 2), better=UP)

    assert effect.p is not None
    assert effect.companion_p is not None
    assert effect.companion_p < 0.05 < effect.p
    assert Flag.SHAPE in effect.flags
    assert effect.companion_ratio == pytest.approx(0.96, rel=0.01)


def test_five_pairs_are_not_blamed_for_what_ranks_cannot_say() -> None:
    """The rank test of five pairs cannot fall below 0.0625, whatever they show."""
    rounds = range(6, 11)

    effect = compare(without(boots(90), *rounds), without(BASELINE, *rounds), better=UP)

    assert effect.boots == MIN_BOOTS
    assert effect.companion_p == pytest.approx(0.0625)
    assert effect.verdict is Verdict.WORSE
    assert Flag.SHAPE not in effect.flags


def test_two_groups_of_boots_are_told() -> None:
    cell = {number: value * (0.8 if number % 3 == 0 else 1.0) for number, value in boots(9).items()}

    assert Flag.BIMODAL in compare(cell, BASELINE, better=UP).flags
    assert Flag.BIMODAL in compare(BASELINE, cell, better=UP).flags


def test_a_stricter_alpha_widens_the_interval() -> None:
    usual, strict = (compare(boots(97), BASELINE, better=UP, alpha=a) for a in (0.05, 0.001))

    assert usual.half_width is not None
    assert strict.half_width is not None
    assert strict.half_width > usual.half_width
    assert strict.p == usual.p


def test_many_at_once_are_what_each_is_alone() -> None:
    """To the last bit, in their order, whatever stands beside them."""
    generator = random.Random(4)  # noqa: S311 - invented figures
    pairs = []
    for _ in range(60):
        count = generator.choice((3, 5, 8, 9, 17))
        one, other = (
            {n: generator.lognormvariate(1, 0.05) for n in range(generator.choice((count, 8)))}
            for _ in range(2)
        )
        pairs.append(
            Pair(
                values=one,
                baseline=other,
                better=generator.choice((UP, DOWN)),
                same_rounds=generator.random() < 0.7,
            )
        )

    together = compare_all(pairs)

    alone = [effect for pair in pairs for effect in compare_all([pair])]
    assert list(together) == alone
    assert {effect.method for effect in alone} == set(Method)
