"""
A cell against its baseline on one metric: the ratio, how sure it is, and what may be said of it.

The comparison is made on logarithms, so that a ratio of means is a mean of ratios and neither
side is preferred: swapping the two sides inverts everything. Each boot counts once. Where both
sides have enough rounds in common, each round is a pair, and what drifted between the rounds
falls out; where they have not, Welch's interval is used and said to be.

Nothing here guesses. Where the data do not allow an interval there is no number at all, and a
flag names what is wrong with them (:class:`lab.stats.flag.Flag`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from lab.stats.companion import Companion, rank_sum, signed_rank
from lab.stats.flag import MIN_BOOTS, Flag, ordered
from lab.stats.interval import Interval, paired, welch
from lab.stats.power import smallest_detectable
from lab.stats.shape import is_bimodal
from lab.stats.verdict import Verdict, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.sample import Better

__all__ = [
    "ALPHA",
    "MARGIN",
    "MIN_BOOTS",
    "Effect",
    "Flag",
    "Method",
    "Pair",
    "compare",
    "compare_all",
    "withheld",
]

MARGIN = 0.03
"""The least relative difference that matters to anybody, where the plan does not say another."""
ALPHA = 0.05
"""How often two equal cells may be told apart."""
LEAST_SPREAD = 1e-9
"""Boots that differ by less, relatively, do not differ: what is left is rounding."""


class Method(StrEnum):
    """How the interval was made."""

    PAIRED = "paired-t"
    """Student's, over the ratios of each common round."""
    WELCH = "welch-t"
    """Welch's, over all boots of each side, with Satterthwaite's degrees of freedom."""
    NONE = "none"
    """There is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """
    The ratio of a cell to its baseline on one metric. None where there is no number.

    *p* is the primary test's; the companion is the Hodges-Lehmann ratio with the exact rank
    test (Wilcoxon's where paired, Mann and Whitney's where not), which no outlier moves far.
    """

    verdict: Verdict
    """What may be said of it."""
    method: Method = Method.NONE
    """How its interval was made."""
    boots: int = 0
    """Of the cell that were used."""
    baseline_boots: int = 0
    """Of the baseline that were used."""
    ratio: float | None = None
    """Of the values as they are: above 1 is more, which is better only where more is better."""
    low: float | None = None
    """The lower end of the interval that holds the true ratio in ``1 - alpha`` of all runs."""
    high: float | None = None
    """The upper end."""
    p: float | None = None
    """Two-sided, of the test that belongs to the interval, for no difference."""
    smallest_detectable: float | None = None
    """The relative change that would have been told from 1 in four of five such runs."""
    companion_ratio: float | None = None
    """The same ratio by ranks: Hodges and Lehmann's."""
    companion_p: float | None = None
    """Two-sided, of the exact rank test."""
    flags: tuple[Flag, ...] = ()
    """Why there is no number, or why it is doubted."""

    def flagged(self, *flags: Flag) -> Effect:
        """The same with more *flags*; without its numbers, if one of them withholds these."""
        every = ordered((*self.flags, *flags))
        if any(flag.withholds for flag in flags):
            return withheld(*every, boots=self.boots, baseline_boots=self.baseline_boots)
        return replace(self, flags=every)

    @property
    def half_width(self) -> float | None:
        """Of the interval, relative to the ratio: 0.05 is "within 5 %"."""
        if self.low is None or self.high is None:
            return None
        return math.sqrt(self.high / self.low) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two sides to be compared: a boot's value by round, in the metric's unit."""

    values: Mapping[int, float]
    baseline: Mapping[int, float]
    better: Better
    margin: float = MARGIN
    alpha: float = ALPHA
    same_rounds: bool = True
    """Whether equal numbers of rounds are one round; they are not where the runs differ."""


def compare(
    values: Mapping[int, float],
    baseline: Mapping[int, float],
    *,
    better: Better,
    margin: float = MARGIN,
    alpha: float = ALPHA,
    same_rounds: bool = True,
) -> Effect:
    """
    Compare one cell with its baseline: boots by round, in the metric's unit.

    Paired by round if at least five rounds have both; else unpaired if each side has five
    boots; else there is no number.
    """
    pair = Pair(
        values=values,
        baseline=baseline,
        better=better,
        margin=margin,
        alpha=alpha,
        same_rounds=same_rounds,
    )
    return compare_all([pair])[0]


def compare_all(pairs: Iterable[Pair]) -> tuple[Effect, ...]:
    """
    Compare each of *pairs*, as :func:`compare` would; many at once are many times as fast.

    Comparisons of one shape go through numpy together, row by row: none knows of another.
    """
    effects: dict[int, Effect] = {}
    shapes: dict[tuple[Method, int, int, float], list[tuple[int, _Ready]]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        ready = _made_ready(pair)
        if isinstance(ready, Effect):
            effects[place] = ready
        else:
            shape = (ready.method, len(ready.logs), len(ready.baseline_logs), pair.alpha)
            shapes[shape].append((place, ready))
    for (method, _, _, alpha), members in shapes.items():
        batch = [ready for _, ready in members]
        for (place, _), effect in zip(members, _compared(batch, method, alpha), strict=True):
            effects[place] = effect
    return tuple(effects[place] for place in sorted(effects))


def withheld(*flags: Flag, boots: int = 0, baseline_boots: int = 0) -> Effect:
    """No number, and why."""
    return Effect(
        verdict=Verdict.UNKNOWN, boots=boots, baseline_boots=baseline_boots, flags=ordered(flags)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A pair that allows an interval, as logarithms in the order of the rounds."""

    method: Method
    logs: list[float]
    baseline_logs: list[float]
    flags: set[Flag]
    pair: Pair


def _made_ready(pair: Pair) -> _Ready | Effect:
    method, rounds, baseline_rounds = _rounds(pair)
    flags = _faults(pair)
    if method is Method.NONE:
        flags.add(Flag.TOO_FEW_BOOTS)
    if not any(flag.withholds for flag in flags):
        logs = [math.log(pair.values[number]) for number in rounds]
        baseline_logs = [math.log(pair.baseline[number]) for number in baseline_rounds]
        if not _is_constant(logs, baseline_logs, method):
            return _Ready(
                method=method, logs=logs, baseline_logs=baseline_logs, flags=flags, pair=pair
            )
        flags.add(Flag.NO_VARIANCE)
    return withheld(*flags, boots=len(pair.values), baseline_boots=len(pair.baseline))


def _faults(pair: Pair) -> set[Flag]:
    """What is wrong with the values, however they are compared."""
    every = (*pair.values.values(), *pair.baseline.values())
    faults = {
        Flag.MISSING_ROUND: pair.same_rounds and pair.values.keys() != pair.baseline.keys(),
        Flag.NOT_A_NUMBER: not all(map(math.isfinite, every)),
        Flag.NOT_POSITIVE: any(value <= 0 for value in every),
    }
    return {flag for flag, is_so in faults.items() if is_so}


def _rounds(pair: Pair) -> tuple[Method, list[int], list[int]]:
    """How the two can be compared, and which rounds of each are used."""
    common = sorted(pair.values.keys() & pair.baseline.keys()) if pair.same_rounds else []
    if len(common) >= MIN_BOOTS:
        return Method.PAIRED, common, common
    rounds, baseline_rounds = sorted(pair.values), sorted(pair.baseline)
    is_enough = min(len(rounds), len(baseline_rounds)) >= MIN_BOOTS
    return Method.WELCH if is_enough else Method.NONE, rounds, baseline_rounds


def _is_constant(logs: Sequence[float], baseline_logs: Sequence[float], method: Method) -> bool:
    series = [logs, baseline_logs]
    if method is Method.PAIRED:
        series.append([one - other for one, other in zip(logs, baseline_logs, strict=True)])
    return any(max(each) - min(each) < LEAST_SPREAD for each in series)


def _compared(batch: Sequence[_Ready], method: Method, alpha: float) -> Iterable[Effect]:
    logs = [ready.logs for ready in batch]
    baselines = [ready.baseline_logs for ready in batch]
    is_paired = method is Method.PAIRED
    intervals = (paired if is_paired else welch)(logs, baselines, alpha=alpha)
    companions = (signed_rank if is_paired else rank_sum)(logs, baselines)
    modes = zip(is_bimodal(logs), is_bimodal(baselines), strict=True)
    return [
        _effect(ready, interval, companion, has_modes=any(has_modes))
        for ready, interval, companion, has_modes in zip(
            batch, intervals, companions, modes, strict=True
        )
    ]


def _effect(ready: _Ready, interval: Interval, companion: Companion, *, has_modes: bool) -> Effect:
    pair = ready.pair
    flags = set(ready.flags)
    if ready.method is Method.WELCH:
        flags.add(Flag.UNPAIRED)
    if companion.contradicts(interval.p, interval.shift, alpha=pair.alpha):
        flags.add(Flag.SHAPE)
    if has_modes:
        flags.add(Flag.BIMODAL)
    return Effect(
        verdict=decide(
            shift=interval.shift,
            interval=(interval.low, interval.high),
            equivalence_interval=(interval.equivalence_low, interval.equivalence_high),
            better=pair.better,
            margin=pair.margin,
        ),
        method=ready.method,
        boots=len(ready.logs),
        baseline_boots=len(ready.baseline_logs),
        ratio=math.exp(interval.shift),
        low=math.exp(interval.low),
        high=math.exp(interval.high),
        p=interval.p,
        smallest_detectable=smallest_detectable(
            interval.standard_error, df=interval.df, alpha=pair.alpha
        ),
        companion_ratio=math.exp(companion.shift),
        companion_p=companion.p,
        flags=ordered(flags),
    )
