"""Two runs beside each other: a table for the terminal, and the same in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from lab.report.text import markdown
from lab.stats.effect import Flag
from lab.stats.verdict import Verdict
from lab.text import clean
from lab.units import format_change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.compare import Between, Row
    from lab.stats.effect import Effect

HEADINGS = ("cell", "metric", "by itself", "against its control", "p (Holm)", "verdict")
OF_ITS_CONTROL = "it is its control that moved"
_TOLD = frozenset({Flag.CONTAMINATED, Flag.SHAPE, Flag.BIMODAL})
"""What is told beside a verdict; that two runs are not paired goes without saying."""
_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red"}


def table(found: Between) -> Table:
    """The rows, for a terminal."""
    made = Table(*HEADINGS, box=None, pad_edge=False)
    for row in found.rows:
        *texts, verdict = (clean(text) for text in _texts(row, found.alpha))
        style = _STYLES.get(row.effect.verdict, "") if row.is_left(found.alpha) else ""
        made.add_row(*map(Text, texts), Text(verdict, style=style))
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
