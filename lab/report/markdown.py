"""The report in a few lines of Markdown, for a pull request or a mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.report.text import markdown as _text
from lab.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.matrix import Cell
    from lab.report.absent import Fold
    from lab.report.forest import Forest
    from lab.report.panels import Panel, Row
    from lab.report.view import Grid, Report


def render(report: Report) -> str:
    """Write the summary of a report."""
    blocks = [f"# {'✓' if report.is_good else '✗'} {_text(report.verdict)}"]
    if report.banner:
        blocks.append(f"> **{_text(report.banner.headline)}** {_text(report.banner.reason)}")
    blocks += [_text(each) for each in (report.coverage, report.unclaimed) if each]
    blocks += [_text(notice) for notice in report.notices]
    blocks += _failures(report)
    if report.default and report.grid.storages:
        blocks += [_caption(report.default), _matrix(report.grid, report.default)]
    blocks += map(_verdicts, report.forests[:1])
    blocks += [_controls(report.default)] if report.default else []
    blocks += map(_absence, report.absences)
    header = report.header
    blocks.append(
        f"{_text(header.id)}: topology {_text(header.topology)}, profile"
        f" {_text(header.plan.profile)}, {report.extent}, seed"
        f" {header.plan.seed}. The whole report is `report.html`."
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdicts(forest: Forest) -> str:
    lines = [
        ["cell", "metric", "ratio", "interval", "verdict"],
        ["---", "---", "---:", "---", "---"],
    ]
    for row in (*forest.rows, *forest.equivalent):
        verdict = f"{row.sign} {row.word}{f' {row.mark}' if row.mark else ''}"
        lines.append([row.cell, _text(row.metric), row.ratio, row.interval, verdict])
    return f"**{_text(forest.title)}** ({forest.mark})\n\n" + "\n".join(map(_line, lines))


def _absence(it: Fold) -> str:
    return f"- {it.outcome} ({_text(it.what)}): {_text(it.reason)}"


def _failures(report: Report) -> list[str]:
    return [
        f"- **{problem.outcome}** {_text(problem.cell)}: {_text(problem.reason)}"
        f" ({_text(problem.scenarios)}; {problem.boots})\n"
        + "".join(f"  hint: {_text(each.cause)} {_text(each.mend)}\n" for each in problem.hints)
        + f"  {'repeat' if problem.is_of_cell else 'remove'} it: {_code(problem.command)}"
        for problem in report.problems
    ]


def _caption(panel: Panel) -> str:
    return f"**{_text(panel.metric.title)}** ({panel.direction}; × is against runc)"  # noqa: RUF001


def _matrix(grid: Grid, panel: Panel) -> str:
    lines = [["", *grid.storages], ["---", *["---:" for _ in grid.storages]]]
    for row in grid.rows:
        name = f"{row.network}, {row.label}" if row.label else row.network
        cells = [row.cell(storage) for storage in grid.storages]
        lines.append([name, *[_entry(grid, panel, cell) for cell in cells]])
    return "\n".join(_line(line) for line in lines)


def _entry(grid: Grid, panel: Panel, cell: Cell) -> str:
    if cell in grid.absent:
        return grid.absent[cell].outcome
    row = panel.row(cell)
    return _value(row) if row else "-"


def _value(row: Row) -> str:
    if row.missing:
        return row.missing.outcome
    ratio = f" ({row.comparison.text})" if row.comparison else ""
    return f"{row.value}{ratio}"


def _controls(panel: Panel) -> str:
    controls = [f"{row.cell}: {_value(row)}" for row in panel.rows if row.is_control]
    return f"Controls without a guest: {_text('; '.join(controls))}." if controls else ""


def _line(entries: Sequence[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _code(text: str) -> str:
    return f"`{clean(text).replace('`', '')}`"
