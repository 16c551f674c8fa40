"""What to type after a run in which something failed: the end of what the screen shows."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab import again
from lab.options import DEFAULT_TOPOLOGY
from lab.report.verdict import problems
from lab.text import clean
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.report.verdict import Problem
    from lab.run import Run

LAB = "lab"
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
    lines.append("to go on:")
    return [*lines, *_commands(run, found)]


def _commands(run: Run, found: Sequence[Problem]) -> Iterator[str]:
    lab, name = called(), shlex.quote(run.path.name)
    failed = next((problem.cell for problem in found if problem.is_of_cell), None)
    if failed is not None:
        words = ["--cells", again.of_plain(failed), "--pause-on", "fail"]
        if run.header.topology != DEFAULT_TOPOLOGY:
            words = ["--topology", run.header.topology, *words]
        yield f"  {lab} rerun {name} --failed   all that failed, once more"
        yield f"  {lab} reproduce {name}        all of it, under the same conditions"
        yield f"  {lab} logs --run {name}       what nodes and guests said"
        yield f"  {lab} matrix {shlex.join(words)}"
        yield "      it stands still where something fails, for `lab shell`"
    yield f"  {lab} report {name}           the report again"


def called() -> str:
    """How to call the lab here: by its path where it is not on the PATH, as in a checkout."""
    own = Path(sys.executable).with_name(LAB)
    if shutil.which(LAB) or not own.is_file():
        return LAB
    return shlex.quote(str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own))


def _told(problem: Problem) -> list[str]:
    reason = clean(next(iter(problem.reason.splitlines()), ""))
    cut = reason if len(reason) <= WIDTH - 4 else f"{reason[: WIDTH - 5].rpartition(' ')[0]} …"
    return [
        f"  {problem.outcome} {problem.cell}, {problem.boots}",
        f"    {cut}",
        *(line for hint in problem.hints for line in hint.lines(indent="    ", width=WIDTH)),
        f"    again: {called()}{problem.command.removeprefix(LAB)}",
    ]
