"""
What a number of boots can tell apart, and how many it takes: by the noncentral t distribution.

Spreads are standard deviations of the logarithm of boot values: for small ones that is the
coefficient of variation; :func:`log_sd` is exact. Changes are relative, and fallen: 0.05 is a
cell at 95 % of its baseline. The margin is not in it: a change below the margin is found, and
called equivalent.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from scipy import integrate, optimize, special

if TYPE_CHECKING:
    from collections.abc import Callable

POWER = 0.80
"""The share of runs in which a "detectable" change is found."""
MOST_BOOTS = 1000
"""Nobody runs more: who would need them is told so."""


def log_sd(relative_sd: float) -> float:
    """The spread of the logarithm of what is log-normal with the coefficient *relative_sd*."""
    return math.sqrt(math.log1p(relative_sd**2))


def found(noncentrality: float, *, df: float, alpha: float) -> float:
    """
    The probability that a two-sided test at *alpha* finds a shift upwards.

    *noncentrality* is the shift in standard errors, *df* the degrees of freedom of that error.
    """
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    above = 1.0 - float(special.nctdtr(df, noncentrality, critical))
    below = float(special.nctdtr(df, noncentrality, -critical))
    if math.isnan(above):
        above = _upper_tail(noncentrality, df=df, critical=critical)
    # Of a shift upwards next to nothing lies beyond the other end; scipy may call it NaN.
    return above + (0.0 if math.isnan(below) else below)


def _upper_tail(noncentrality: float, *, df: float, critical: float) -> float:
    """
    What lies above *critical*, where scipy has NaN for it: that is where it is nearly all.

    The mean over all spreads that a sample may show, each with its probability.
    """

    def beyond(quantile: float) -> float:
        spread = math.sqrt(2 * float(special.gammaincinv(df / 2, quantile)) / df)
        return float(special.ndtr(noncentrality - critical * spread))

    return float(integrate.quad(beyond, 0.0, 1.0)[0])


@cache
def noncentrality_for(*, df: int, alpha: float, power: float = POWER) -> float:
    """The shift, in standard errors, that a test at *alpha* finds with probability *power*."""
    critical = float(special.stdtrit(df, 1 - alpha / 2))

    def lacking(noncentrality: float) -> float:
        return found(noncentrality, df=df, alpha=alpha) - power

    return float(optimize.brentq(lacking, 0.0, 2 * critical + 5, xtol=1e-10))


def smallest_detectable(
    standard_error: float, *, df: float, alpha: float, power: float = POWER
) -> float:
    """
    The smallest relative change that an interval with *standard_error* tells from none.

    *standard_error* is the shift's, a logarithm. Of Welch's *df* the whole part counts, which
    makes the change a little larger.
    """
    shift = noncentrality_for(df=math.floor(df), alpha=alpha, power=power) * standard_error
    return -math.expm1(-shift)


def design_error(sd: float, *, boots: int, paired: bool) -> tuple[float, int]:
    """
    The standard error of a shift, and its degrees of freedom.

    Paired: *sd* is that of the differences within a round. Unpaired: of the boots of a cell.
    """
    if paired:
        return sd / math.sqrt(boots), boots - 1
    return sd * math.sqrt(2 / boots), 2 * boots - 2


def power_of(change: float, *, sd: float, boots: int, alpha: float, paired: bool) -> float:
    """The probability that *boots* of each cell find a relative *change*."""
    error, df = design_error(sd, boots=boots, paired=paired)
    return found(abs(math.log1p(-change)) / error, df=df, alpha=alpha)


def detectable_by(
    boots: int, *, sd: float, alpha: float, paired: bool, power: float = POWER
) -> float:
    """The smallest relative change that *boots* of each cell find with probability *power*."""
    error, df = design_error(sd, boots=boots, paired=paired)
    return smallest_detectable(error, df=df, alpha=alpha, power=power)


def boots_for_change(
    change: float, *, sd: float, alpha: float, paired: bool, power: float = POWER
) -> int | None:
    """How many boots of each cell find a relative *change*; None if no run has so many."""

    def is_enough(boots: int) -> bool:
        return power_of(change, sd=sd, boots=boots, alpha=alpha, paired=paired) >= power

    return _first(is_enough)


def boots_for_precision(half_width: float, *, sd: float, alpha: float, paired: bool) -> int | None:
    """How many boots of each cell make an interval as narrow as *half_width*, most likely."""

    def is_enough(boots: int) -> bool:
        error, df = design_error(sd, boots=boots, paired=paired)
        return float(special.stdtrit(df, 1 - alpha / 2)) * error <= math.log1p(half_width)

    return _first(is_enough)


def _first(is_enough: Callable[[int], bool]) -> int | None:
    """The least number of boots that is enough, where more are never less."""
    if not is_enough(MOST_BOOTS):
        return None
    low, high = 1, MOST_BOOTS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
