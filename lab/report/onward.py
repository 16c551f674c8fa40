"""What to type after a run in which something failed: the end of what the screen shows."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lab.report.verdict import problems
from lab.text import clean
from lab.units import count

if TYPE_CHECKING:
    from lab.report.verdict import Problem
    from lab.run import Run

SHOWN = 5
"""How many problems the screen names; the report has all."""
WIDTH = 78


def onward(run: Run) -> list[str]:
    """What failed, the gravest first, each with the command that repeats it; then what all need."""
    found = problems(run)
    if not found:
        return []
    lines = ["what failed:"]
    for problem in found[:SHOWN]:
        lines += _told(problem)
    if len(found) > SHOWN:
        lines.append(f"  and {count(len(found) - SHOWN, 'more problem')}: see the report")
    name = shlex.quote(run.path.name)
    is_all_cells = any(problem.is_of_cell for problem in found)
    lines.append("to go on:")
    if is_all_cells:
        lines.append(f"  lab rerun {name} --failed   all that failed, once more")
        lines.append(f"  lab logs --run {name}       what nodes and guests said")
    lines.append(f"  lab report {name}           the report again")
    return lines


def _told(problem: Problem) -> list[str]:
    reason = clean(next(iter(problem.reason.splitlines()), ""))
    cut = reason if len(reason) <= WIDTH - 4 else f"{reason[: WIDTH - 5].rpartition(' ')[0]} …"
    return [
        f"  {problem.outcome} {problem.cell}, {problem.boots}",
        f"    {cut}",
        *(line for hint in problem.hints for line in hint.lines(indent="    ", width=WIDTH)),
        f"    again: {problem.command}",
    ]
