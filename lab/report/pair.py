"""Two runs side by side as one HTML file: what changed in each cell, and what forbids to say so."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.report.between import OF_ITS_CONTROL, would_have_seen
from lab.report.forest import WIDTH, oriented, ticks
from lab.report.html import page
from lab.report.ratios import SIGNS, Span, interval
from lab.stats.verdict import Verdict
from lab.units import count, format_multiple, format_value

if TYPE_CHECKING:
    from lab.analysis.result import Analysis
    from lab.compare import Between, Row
    from lab.records import RunHeader
    from lab.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two."""

    name: str
    """``before`` or ``after``."""
    header: RunHeader
    rounds: int
    trust: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One cell on one metric, in both."""

    cell: str
    before: str
    after: str
    ratio: str
    interval: str
    sign: str
    word: str
    told: str
    against: str
    whisker: tuple[int, int, int] | None
    band: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All cells on one metric, on one axis."""

    title: str
    direction: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[int, str], ...]
    one: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """All that the page says."""

    headline: str
    sides: tuple[Side, Side]
    differing: tuple[tuple[str, str, str], ...]
    """What forbids it, if it was done all the same: name, before, after."""
    warnings: tuple[str, ...]
    groups: tuple[Group, ...]
    has_controls: bool
    """Whether anything was divided by a control."""
    alpha: float


def render(one: Run, other: Run, found: Between) -> str:
    """Write the page. The same runs give the same bytes."""
    return page(
        "compare.html.j2", pair=build(one, other, found), title=f"{found.one}, {found.other}"
    )


def build(one: Run, other: Run, found: Between) -> Pair:
    """Decide everything that the page says."""
    from lab.analysis import analyse  # noqa: PLC0415 - scipy is slow to import

    analyses = analyse(one), analyse(other)
    centres = tuple(
        {(each.cell, each.metric): each.centre for each in analysis.summaries}
        for analysis in analyses
    )
    by_metric: dict[str, list[Row]] = defaultdict(list)
    for row in found.rows:
        by_metric[row.metric.name].append(row)
    margin = one.header.plan.design
    return Pair(
        headline=_headline(found),
        sides=(
            _side("before", one, analyses[0]),
            _side("after", other, analyses[1]),
        ),
        differing=tuple(
            (each.name, each.one or "not on record", each.other or "not on record")
            for each in found.differing
        ),
        warnings=found.warnings,
        groups=tuple(
            _group(rows, found.alpha, margin.margins.get(name, margin.margin), centres)
            for name, rows in by_metric.items()
        ),
        has_controls=any(row.control for row in found.rows),
        alpha=found.alpha,
    )


def _headline(found: Between) -> str:
    rows = [row for row in found.rows if not row.is_control]
    if not rows:
        return "The runs have no cell in common that can be compared."
    words = Counter(_word(row, found.alpha) for row in rows)
    told = ", ".join(
        f"{words[verdict.value]} {'not known' if verdict is Verdict.UNKNOWN else verdict.value}"
        for verdict in Verdict
        if words[verdict.value]
    )
    cells = len({row.cell for row in rows})
    return (
        f"Of {count(len(rows), 'comparison')} of {count(cells, 'cell')}, after to before: {told}."
    )


def _word(row: Row, alpha: float) -> str:
    """A difference that others of its family do not leave is not counted as one."""
    verdict = row.effect.verdict
    is_claimed = not verdict.is_difference or row.is_left(alpha)
    return (verdict if is_claimed else Verdict.INCONCLUSIVE).value


def _side(name: str, run: Run, analysis: Analysis) -> Side:
    return Side(
        name=name,
        header=run.header,
        rounds=run.rounds,
        trust=f"twin {analysis.twin.status}, handicap {analysis.handicap.status},"
        f" {count(len(analysis.departures), 'departure')} from its plan",
    )


def _group(
    rows: list[Row],
    alpha: float,
    margin: float,
    centres: tuple[dict[tuple[str, str], float | None], ...],
) -> Group:
    metric = rows[0].metric
    edge = math.log1p(margin)
    ends = [end for row in rows for end in oriented(row.effect, metric.better) or ()]
    span = Span.around([*ends, edge, -edge], width=WIDTH)

    def line(row: Row) -> Line:
        effect = row.effect
        places = oriented(effect, metric.better)
        before, after = (side.get((row.cell, metric.name)) for side in centres)
        flags = [flag.text for flag in effect.flags if flag.value != "unpaired"]
        flags += [OF_ITS_CONTROL] if row.is_of_its_control else []
        seen = [text] if (text := would_have_seen(effect)) else []
        chance = [] if row.p_holm is None else [f"p {row.p_holm:.2g} (Holm)"]
        word = _word(row, alpha)
        return Line(
            cell=row.cell,
            before="" if before is None else format_value(before, metric.unit),
            after="" if after is None else format_value(after, metric.unit),
            ratio="" if effect.ratio is None else format_multiple(effect.ratio),
            interval=""
            if effect.low is None or effect.high is None
            else interval(effect.low, effect.high),
            sign=SIGNS[Verdict(word)],
            word=word,
            told="; ".join(seen + chance + flags),
            against=row.control,
            whisker=None
            if places is None
            else (span.place(places[0]), span.place(places[1]), span.place(places[2])),
            band=None
            if places is None
            else (span.place(-edge), max(2, span.place(edge) - span.place(-edge))),
        )

    return Group(
        title=metric.title,
        direction=f"{metric.better.value} is better",
        lines=tuple(map(line, rows)),
        ticks=ticks(span),
        one=span.place(0.0),
    )
