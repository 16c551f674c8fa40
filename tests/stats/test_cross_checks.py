"""The statistics against other people's: R's, by numbers on file, and statsmodels'."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

from lab.sample import Better
from lab.stats import power
from lab.stats.effect import Method, compare
from lab.stats.multiplicity import benjamini_hochberg, holm

R_SAYS = {
    name: [float(value) for value in values]
    for name, *values in map(
        str.split, (Path(__file__).parents[1] / "data/r/golden.txt").read_text().splitlines()
    )
}
CELL = dict(enumerate((9.41, 9.02, 9.77, 9.35, 8.88, 9.60, 9.23, 9.51, 9.14, 9.69)))
BASELINE = dict(enumerate((9.85, 9.61, 9.98, 9.52, 9.73, 9.66, 9.70, 10.12, 9.47, 9.91)))
LONGER = BASELINE | {10: 10.05, 11: 9.58, 12: 9.80}
P_VALUES = [0.0002, 0.011, 0.04, 0.03, 0.8, 0.011, 0.0007, 0.25]
"""The same as in tests/data/r/golden.R."""


def says(name: str) -> object:
    return pytest.approx(R_SAYS[name], rel=1e-9)


def test_paired_boots_are_compared_as_r_does() -> None:
    effect = compare(CELL, BASELINE, better=Better.HIGHER)

    assert effect.method is Method.PAIRED
    assert [effect.p] == says("paired.p")
    assert [effect.ratio] == says("paired.ratio")
    assert [effect.low, effect.high] == says("paired.interval")
    assert [effect.companion_p] == says("signed_rank.p")


def test_unpaired_boots_are_compared_as_r_does() -> None:
    effect = compare(CELL, LONGER, better=Better.HIGHER, same_rounds=False)

    assert effect.method is Method.WELCH
    assert [effect.p] == says("welch.p")
    assert [effect.low, effect.high] == says("welch.interval")
    assert [effect.companion_p] == says("rank_sum.p")


def test_p_values_are_adjusted_as_r_does() -> None:
    assert holm(P_VALUES) == says("holm")
    assert benjamini_hochberg(P_VALUES) == says("bh")


@pytest.mark.parametrize("boots", [5, 10, 20])
def test_power_is_what_r_says(boots: int) -> None:
    two_cells = power.power_of(0.05, sd=0.03, boots=boots, alpha=0.05, paired=False)
    pairs = power.power_of(0.05, sd=0.04, boots=boots, alpha=0.05, paired=True)

    assert [two_cells] == pytest.approx(R_SAYS[f"power.unpaired.{boots}"], abs=1e-7)
    assert [pairs] == pytest.approx(R_SAYS[f"power.paired.{boots}"], abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_adjusted_p_values_are_those_of_statsmodels(seed: int) -> None:
    generator = random.Random(seed)  # noqa: S311 - invented figures
    p_values = [generator.random() ** 3 for _ in range(generator.randint(1, 240))]
    p_values += p_values[:3]

    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], rel=1e-9)
    assert benjamini_hochberg(p_values) == pytest.approx(
        multipletests(p_values, method="fdr_bh")[1], rel=1e-9
    )


def test_no_p_values_need_no_adjustment() -> None:
    assert holm([]) == []
    assert benjamini_hochberg([]) == []


@pytest.mark.parametrize("boots", [5, 8, 10, 20, 40])
@pytest.mark.parametrize("effect_size", [0.2, 0.7, 1.4])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12, 0.001])
def test_power_is_what_statsmodels_says(boots: int, effect_size: float, alpha: float) -> None:
    error, df = power.design_error(1.0, boots=boots, paired=False)
    two_cells = power.found(effect_size / error, df=df, alpha=alpha)
    error, df = power.design_error(1.0, boots=boots, paired=True)
    pairs = power.found(effect_size / error, df=df, alpha=alpha)

    others = (
        (two_cells, TTestIndPower().power(effect_size, boots, alpha)),
        (pairs, TTestPower().power(effect_size, boots, alpha)),
    )
    # statsmodels, too, has NaN for some of them: see lab.stats.power.
    assert all(
        math.isnan(other) or ours == pytest.approx(other, abs=1e-5) for ours, other in others
    )


@pytest.mark.parametrize("seed", range(20))
def test_effects_are_what_scipy_says_of_one_pair(seed: int) -> None:
    generator = random.Random(seed)  # noqa: S311 - invented figures
    boots = generator.choice((5, 8, 20))
    cell = {number: generator.lognormvariate(0.03, 0.05) for number in range(boots)}
    baseline = {number: generator.lognormvariate(0, 0.05) for number in range(boots)}
    logs, baseline_logs = (list(map(math.log, side.values())) for side in (cell, baseline))

    paired = compare(cell, baseline, better=Better.HIGHER)
    unpaired = compare(cell, baseline, better=Better.HIGHER, same_rounds=False)

    assert paired.p == pytest.approx(stats.ttest_rel(logs, baseline_logs).pvalue, rel=1e-9)
    assert paired.companion_p == pytest.approx(stats.wilcoxon(logs, baseline_logs).pvalue, rel=1e-9)
    welch = stats.ttest_ind(logs, baseline_logs, equal_var=False)
    assert unpaired.p == pytest.approx(welch.pvalue, rel=1e-9)
    rank_sum = stats.mannwhitneyu(logs, baseline_logs, method="exact")
    assert unpaired.companion_p == pytest.approx(rank_sum.pvalue, rel=1e-9)
