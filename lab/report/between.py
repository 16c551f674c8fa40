"""Two runs beside each other: a table for the terminal, and the same in Markdown."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lab.report.text import markdown
from lab.stats.effect import Flag
from lab.stats.verdict import Verdict
from lab.text import clean
from lab.units import format_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.compare import Between, Row
    from lab.stats.effect import Effect

HEADINGS = ("cell", "metric", "by itself", "against its control", "p (Holm)", "verdict")
OF_ITS_CONTROL = "it is its control that moved"
GAP = 2
NARROW = (18, 10, 11, 8)
"""How wide the columns between cell and verdict are at most, where not all have room."""
LEAST_OF_VERDICT = 20
_TOLD = frozenset({Flag.CONTAMINATED, Flag.SHAPE, Flag.BIMODAL})
"""What is told beside a verdict; that two runs are not paired goes without saying."""
_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red"}


def table(found: Between, *, width: int) -> Group:
    """The rows, for a terminal of *width* columns: each cell's below its name, which is long."""
    texts = [[clean(text) for text in _texts(row, found.alpha)[1:]] for row in found.rows]
    widths = _widths([HEADINGS[1:], *texts], width)
    parts: list[Table | Text] = [_columns(widths, has_head=True)]
    for cell, rows in groupby(zip(found.rows, texts, strict=True), key=lambda pair: pair[0].cell):
        parts.append(Text(clean(cell), style="bold", no_wrap=True, overflow="ignore"))
        made = _columns(widths, has_head=False)
        for row, (*others, verdict) in rows:
            style = _STYLES.get(row.effect.verdict, "") if row.is_left(found.alpha) else ""
            made.add_row(*map(Text, others), Text(verdict, style=style))
        parts.append(made)
    return Group(*parts)


def _widths(texts: Iterable[Sequence[str]], width: int) -> list[int]:
    """How wide each column is; the verdict has what the others leave, and goes on below."""
    *others, verdict = (max(map(len, column)) for column in zip(*texts, strict=True))
    if sum(others) + GAP * len(others) + LEAST_OF_VERDICT > width:
        others = [min(pair) for pair in zip(others, NARROW, strict=True)]
    left = width - sum(others) - GAP * len(others)
    return [*others, min(verdict, max(LEAST_OF_VERDICT, left))]


def _columns(widths: list[int], *, has_head: bool) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=has_head)
    for heading, width in zip(HEADINGS[1:], widths, strict=True):
        made.add_column(heading, width=width)
    return made


def lines(found: Between) -> Iterator[str]:
    """What must be read before the rows: what they are of, and what forbids to believe them."""
    yield f"{found.other} against {found.one}"
    if found.differing:
        yield "NOT COMPARABLE, and compared all the same. The runs differ in:"
        yield from (f"  {difference}" for difference in found.differing)
    yield from (f"warning: {warning}" for warning in found.warnings)


def render(found: Between) -> str:
    """All of it in Markdown."""
    head, *rest = lines(found)
    blocks = [f"# {markdown(head)}"]
    if found.differing:
        differing = "\n".join(f"> - {markdown(str(each))}" for each in found.differing)
        blocks.append(
            f"> **NOT COMPARABLE, and compared all the same.** The runs differ in:\n>\n{differing}"
        )
    blocks += [markdown(line.strip()) for line in rest if line.startswith("warning")]
    entries = [HEADINGS, ("---",) * len(HEADINGS)]
    entries += [tuple(map(markdown, _texts(row, found.alpha))) for row in found.rows]
    blocks.append("\n".join(f"| {' | '.join(entry)} |" for entry in entries))
    return "\n\n".join(blocks) + "\n"


def _texts(row: Row, alpha: float) -> tuple[str, ...]:
    return (
        row.cell,
        row.metric.title,
        _change(row.itself),
        _change(row.effect) if row.control else "",
        "" if row.p_holm is None else f"{row.p_holm:.2g}",
        _verdict(row, alpha),
    )


def _change(effect: Effect) -> str:
    if effect.ratio is None or effect.low is None or effect.high is None:
        return "-"
    return (
        f"{format_change(effect.ratio)} [{format_change(effect.low)}, {format_change(effect.high)}]"
    )


def would_have_seen(effect: Effect) -> str:
    """The smallest change that its boots would have shown, where none is claimed."""
    if effect.verdict.is_difference or effect.smallest_detectable is None:
        return ""
    return f"would have seen {effect.smallest_detectable:.1%}"


def _verdict(row: Row, alpha: float) -> str:
    """The verdict; a difference that does not stand beside all the others is not claimed."""
    effect = row.effect
    if effect.verdict is Verdict.UNKNOWN:
        return f"unknown: {'; '.join(flag.text for flag in effect.flags if flag.withholds)}"
    text = effect.verdict.value
    if row.is_of_its_control:
        text = f"inconclusive: {OF_ITS_CONTROL}"
    elif effect.verdict.is_difference and not row.is_left(alpha):
        text = "inconclusive among so many"
    elif seen := would_have_seen(effect):
        text = f"{text}, {seen}"
    notes = [flag.text for flag in effect.flags if flag in _TOLD]
    return "; ".join([text, *notes])
