"""What was not run although nothing failed: folded, so that what is alike is said once."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.outcome import Outcome
from lab.report.missing import lacking, missing_in
from lab.report.text import scenario_title
from lab.text import clean
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.run import Run

QUIET = (Outcome.UNSUPPORTED, Outcome.NOT_RUN)
LONGEST = 140
"""Characters of a reason that are read at a glance; more of it is folded."""

_EXAMPLE = re.compile(r"; here that is \S+")
"""Where a rule was applied: what it says is the same everywhere."""
_END = re.compile(r"[.;] | \(known: ")
"""Where a long reason may end: after what it says, before what that rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Cells in which the same scenarios were not run, for the same reason to the letter."""

    reason: str
    scenarios: tuple[str, ...]
    """Their titles; none where it was the whole cell."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """All that has one outcome for one kind of reason."""

    outcome: str
    reason: str
    """Short; what it leaves out is in the lines."""
    lines: tuple[Line, ...]

    @property
    def what(self) -> str:
        """What was not run, in a few words."""
        cells = list(dict.fromkeys(name for line in self.lines for name in line.cells))
        where = ", ".join(cells) if len(cells) <= 3 else count(len(cells), "cell")  # noqa: PLR2004
        titles = list(dict.fromkeys(name for line in self.lines for name in line.scenarios))
        if not titles:
            return where
        what = titles[0] if len(titles) == 1 else count(len(titles), "scenario")
        return f"{what} in {where}"

    @property
    def is_told(self) -> bool:
        """Whether *reason* and :attr:`what` leave nothing out."""
        return len(self.lines) == 1 and (
            clean(self.lines[0].reason) == self.reason
            and len(self.lines[0].scenarios) <= 1
            and len(self.lines[0].cells) <= 3  # noqa: PLR2004 - as many are named
        )


def absences(run: Run) -> tuple[Fold, ...]:
    """What *run* could not or did not try: UNSUPPORTED first, whole cells before scenarios."""
    folds: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line, outcome in _lines(run):
        folds[outcome, _EXAMPLE.sub("", line.reason)].append(line)
    rank = {outcome.value: place for place, outcome in enumerate(QUIET)}
    return tuple(
        Fold(outcome=outcome, reason=short(shape), lines=tuple(lines))
        for (outcome, shape), lines in sorted(
            folds.items(),
            key=lambda each: (rank[each[0][0]], bool(each[1][0].scenarios), each[0][1]),
        )
    )


def short(reason: str) -> str:
    """The beginning of a long reason, to the end of a sentence where one is near."""
    reason = clean(reason)
    if len(reason) <= LONGEST:
        return reason
    ends = [match.start() for match in _END.finditer(reason) if match.start() <= LONGEST]
    if ends:
        return f"{reason[: ends[-1]]} …"
    return f"{reason[:LONGEST].rsplit(maxsplit=1)[0]} …"


def _lines(run: Run) -> Iterable[tuple[Line, str]]:
    """Cells by reason and scenario, then scenarios of the same cells together."""
    without = {str(cell): outcome for outcome in QUIET for cell in lacking(run, outcome)}
    cells: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for record in run.outcomes:
        if record.outcome in QUIET and without.get(record.cell, record.outcome) is record.outcome:
            scenario = "" if record.cell in without else scenario_title(record.scenario)
            cells[record.outcome.value, record.reason, scenario][record.cell] = None
    for cell in run.header.plan.cells:
        missing = missing_in(run, cell) if str(cell) in without else None
        if missing:
            cells[missing.outcome, missing.reason, ""][str(cell)] = None
    for exclusion in run.header.plan.excluded:
        cells[Outcome.NOT_RUN.value, exclusion.reason, ""][exclusion.cell_name] = None
    order = {name: place for place, name in enumerate(run.header.plan.cell_names)}
    titles: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (outcome, reason, scenario), mine in cells.items():
        names = tuple(sorted(mine, key=lambda name: (order.get(name, len(order)), name)))
        titles[outcome, reason, names] += [scenario] if scenario else []
    for (outcome, reason, names), scenarios in titles.items():
        line = Line(reason=reason, scenarios=tuple(sorted(scenarios)), cells=names)
        yield line, outcome
