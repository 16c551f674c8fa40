"""All primary comparisons as a forest plot: ranked, each with its interval and its margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.plan import Role
from lab.report.ratios import SIGNS, Span, interval
from lab.sample import Better
from lab.stats.verdict import Verdict
from lab.units import format_multiple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.analysis.result import Analysis, MetricEffect
    from lab.plan import Design
    from lab.sample import Metric
    from lab.stats.effect import Effect

WIDTH = 240
"""Of a row's picture."""
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
FINE_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2)
FINE_BELOW = 4
"""Times: an axis that spans less has the fine ticks."""
MARKS = {"gate": "‡", "exploratory": "†", "none": ""}
TITLES = {
    Role.BASELINE: "Against the baseline of the runtime",
    Role.REFERENCE: "Against the same cell without Kata's code",
    Role.CONTROL: "Against the control without a guest",
    Role.TWIN: "The twin against its cell: nothing should differ",
    Role.HANDICAP: "The handicap against its cell: it should be worse",
}
LEGEND = {
    "holm": "‡ left by Holm, which holds the chance of any false one at {level}, of {size}",
    "benjamini-hochberg": "† left by Benjamini and Hochberg: of all so marked {level} may be false,"
    " of {size} explored",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One comparison on one metric."""

    cell: str
    metric: str
    ratio: str
    interval: str
    sign: str
    word: str
    mark: str
    """What its family's correction has left it; empty if nothing."""
    p: str
    detectable: str
    """The smallest change that it would have found, where it found none."""
    flags: str
    whisker: tuple[int, int, int]
    """Where the interval begins, the ratio stands, and the interval ends; right is better."""
    band: tuple[int, int]
    """The margin, as a place and a width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """All primary comparisons of one role."""

    title: str
    is_main: bool
    rows: tuple[ForestRow, ...]
    """Differences, those that its family leaves first, then the largest; then inconclusive ones."""
    equivalent: tuple[ForestRow, ...]
    ticks: tuple[tuple[int, str], ...]
    one: int
    mark: str
    """What the marks mean."""
    unknown: tuple[str, ...]
    """Comparisons without an interval, with the reason."""


def forests(analysis: Analysis) -> tuple[Forest, ...]:
    """One for each role that has an interval, what the run is judged by first."""
    metrics = {metric.name: metric for metric in analysis.metrics}
    made: list[Forest] = []
    for role in TITLES:
        effects = [each for each in analysis.effects if each.role is role and each.is_primary]
        known = [each for each in effects if each.effect.ratio is not None]
        if known:
            unknown = [each for each in effects if each.effect.ratio is None]
            made.append(_forest(role, known, unknown, metrics, analysis, is_main=not made))
    return tuple(made)


def _forest(
    role: Role,
    known: Sequence[MetricEffect],
    unknown: Sequence[MetricEffect],
    metrics: dict[str, Metric],
    analysis: Analysis,
    *,
    is_main: bool,
) -> Forest:
    design = analysis.design
    ends = [end for each in known for end in _ends(each, metrics[each.metric])]
    margins = [math.log1p(_margin(design, each)) for each in known]
    span = Span.around([*ends, *margins, *(-margin for margin in margins)], width=WIDTH)
    rows = {each: _row(each, metrics[each.metric], design, span) for each in _ranked(known)}
    family = next(each for each in analysis.families if each.name == known[0].family)
    return Forest(
        title=TITLES[role],
        is_main=is_main,
        rows=tuple(row for each, row in rows.items() if not _is_equivalent(each)),
        equivalent=tuple(row for each, row in rows.items() if _is_equivalent(each)),
        ticks=ticks(span),
        one=span.place(0.0),
        mark=LEGEND[family.correction].format(level=f"{family.level:.0%}", size=family.size),
        unknown=tuple(
            f"{each.cell}, {metrics[each.metric].title}:"
            f" {'; '.join(flag.text for flag in each.effect.flags) or 'no values'}"
            for each in unknown
        ),
    )


def _is_equivalent(each: MetricEffect) -> bool:
    return each.effect.verdict is Verdict.EQUIVALENT


def _ranked(effects: Sequence[MetricEffect]) -> list[MetricEffect]:
    def rank(each: MetricEffect) -> tuple[bool, bool, float]:
        size = abs(math.log(each.effect.ratio or 1.0))
        return each.mark == "none", not each.effect.verdict.is_difference, -size

    return sorted(effects, key=rank)


def _margin(design: Design, each: MetricEffect) -> float:
    return design.margins.get(each.metric, design.margin)


def oriented(effect: Effect, better: Better) -> tuple[float, float, float] | None:
    """Logarithms of interval and ratio, turned so that more is better; None without them."""
    if effect.low is None or effect.ratio is None or effect.high is None:
        return None
    low, at, high = (math.log(end) for end in (effect.low, effect.ratio, effect.high))
    return (low, at, high) if better is Better.HIGHER else (-high, -at, -low)


def _ends(each: MetricEffect, metric: Metric) -> tuple[float, float, float]:
    return oriented(each.effect, metric.better) or (0.0, 0.0, 0.0)


def _row(each: MetricEffect, metric: Metric, design: Design, span: Span) -> ForestRow:
    effect = each.effect
    low, at, high = (span.place(end) for end in _ends(each, metric))
    margin = math.log1p(_margin(design, each))
    left, right = span.place(-margin), span.place(margin)
    found_none = not effect.verdict.is_difference and effect.smallest_detectable is not None
    return ForestRow(
        cell=each.cell,
        metric=metric.title,
        ratio=format_multiple(effect.ratio or 1.0),
        interval=interval(effect.low or 1.0, effect.high or 1.0),
        sign=SIGNS[effect.verdict],
        word=effect.verdict.value,
        mark=MARKS[each.mark],
        p=_probability(each.p_adjusted),
        detectable=f"{100 * (effect.smallest_detectable or 0.0):.2g} %" if found_none else "",
        flags="; ".join(flag.text for flag in effect.flags),
        whisker=(low, at, high),
        band=(left, max(2, right - left)),
    )


def _probability(p: float | None) -> str:
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.2g}"  # noqa: PLR2004


def ticks(span: Span) -> tuple[tuple[int, str], ...]:
    """Round ratios along an axis, each with its place: 1 always, others where there is room."""
    fine = span.high - span.low < math.log(FINE_BELOW)
    inside = [
        tick for tick in (FINE_TICKS if fine else TICKS) if span.low <= math.log(tick) <= span.high
    ]
    made: list[tuple[int, str]] = []
    for tick in sorted(inside, key=lambda tick: (tick != 1, abs(math.log(tick)))):
        place = span.place(math.log(tick))
        if all(abs(place - other) >= 26 for other, _ in made):  # noqa: PLR2004 - a label's width
            made.append((place, f"{tick:g}"))
    return tuple(sorted(made))
