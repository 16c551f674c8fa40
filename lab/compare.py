"""
What changed from one run to another, cell by cell, on the primary metrics; pure.

The rounds of two runs have nothing in common, so nothing is paired across them. But within each
run a cell is divided by its control of the same round first: two nights on one machine differ by
more than most changes do, and what moves the whole machine is in neither ratio. Where a cell has
no control its own values are compared, and that is said.

A ratio moves with either of its sides. So a change is claimed only where most of it is in the
cell's own values too: a control that was disturbed in one of the runs improves no cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.analysis.boots import judged
from lab.comparability import differences, key, varying
from lab.design import PRIMARY
from lab.matrix import Cell, Runtime
from lab.plan import Role
from lab.stats.effect import Flag, compare
from lab.stats.multiplicity import holm
from lab.stats.share import is_own

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.analysis.boots import Judged
    from lab.comparability import Difference
    from lab.plan import Design
    from lab.run import Run
    from lab.sample import Metric
    from lab.stats.effect import Effect

_AGAINST = (Role.CONTROL, Role.REFERENCE)
"""What a cell is divided by: what has no guest rather than what may itself have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cell on one primary metric, from the first run to the second."""

    cell: str
    metric: Metric
    control: str
    """What it was divided by in each run; empty where nothing was."""
    itself: Effect
    """Of the cell's own values: what moved the machine is in it."""
    effect: Effect
    """Of its ratio to the control, where there is one: the one to believe."""
    p_holm: float | None = None
    """Over all rows of cells, or over those of controls; None where there is no p."""

    @property
    def is_control(self) -> bool:
        """Whether it is a control without a guest: it is shown, and nobody is judged by it."""
        return Cell.parse(self.cell).runtime is Runtime.RUNC

    @property
    def is_of_its_control(self) -> bool:
        """Whether it differs, and mostly because what it is divided by has moved."""
        ratio, own = self.effect.ratio, self.itself.ratio
        if not self.effect.verdict.is_difference or ratio is None:
            return False
        return own is None or not is_own(math.log(ratio), math.log(own))

    def is_left(self, alpha: float) -> bool:
        """Whether it differs by itself, and does so beside all others judged with it."""
        is_rare = self.p_holm is not None and self.p_holm <= alpha
        return is_rare and self.effect.verdict.is_difference and not self.is_of_its_control


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Two runs, compared."""

    one: str
    other: str
    alpha: float
    differing: tuple[Difference, ...]
    """What forbids it, if it was done all the same."""
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def between(one: Run, other: Run, *, allowed: Sequence[str] = ()) -> Between:
    """Compare *other* with *one*: a ratio above 1 is more than before."""
    design = one.header.plan.design
    primary = design.primary or PRIMARY
    rows = tuple(_rows(one, other, primary))
    rows = (*_adjusted(rows, of_controls=True), *_adjusted(rows, of_controls=False))
    return Between(
        one=one.header.id,
        other=other.header.id,
        alpha=design.alpha,
        differing=differences(key(one), key(other), allowed=allowed),
        rows=rows,
        warnings=(
            *_of_design(one, other),
            *(f"{run.header.id}: {each}" for run in (one, other) for each in varying(run)),
            *_of_controls(rows, design.alpha),
        ),
    )


def _adjusted(rows: Sequence[Row], *, of_controls: bool) -> list[Row]:
    """The rows of controls, or those of cells, each with what Holm leaves of its p."""
    mine = [row for row in rows if row.is_control is of_controls]
    known = [place for place, row in enumerate(mine) if row.effect.p is not None]
    p_values = holm([p for row in mine if (p := row.effect.p) is not None])
    for place, p in zip(known, p_values, strict=True):
        mine[place] = replace(mine[place], p_holm=p)
    return mine


def _rows(one: Run, other: Run, primary: Sequence[str]) -> Iterator[Row]:
    sides = _Sides(
        before=judged(one.valid_samples),
        after=judged(other.valid_samples),
        design=one.header.plan.design,
        mixed=frozenset(each.cell for run in (one, other) for each in varying(run)),
    )
    for cell in map(str, one.header.plan.plain_cells):
        for name in primary:
            if sides.have(cell, name):
                yield sides.row(cell, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The samples of both runs."""

    before: Judged
    after: Judged
    design: Design
    mixed: frozenset[str]
    """The cells that were not measured in one configuration, in one run or the other."""

    def have(self, cell: str, name: str) -> bool:
        """Whether both have samples of a metric in a cell."""
        return all((cell, name) in side.series for side in (self.before, self.after))

    def row(self, cell: str, name: str) -> Row:
        """Compare a cell on a metric that both have."""
        control = next((each for each in self._controls(cell) if self.have(each, name)), "")
        itself = self._effect(cell, name, "")
        return Row(
            cell=cell,
            metric=self.before.metrics[name],
            control=control,
            itself=itself,
            effect=self._effect(cell, name, control) if control else itself,
        )

    def _controls(self, cell: str) -> list[str]:
        """What *cell* may be divided by, the best first."""
        return [
            each.baseline
            for role in _AGAINST
            for each in self.design.comparisons
            if (each.cell, each.role) == (cell, role)
        ]

    def _effect(self, cell: str, name: str, control: str) -> Effect:
        cells = [each for each in (cell, control) if each]
        used = [side.series[each, name] for side in (self.before, self.after) for each in cells]
        effect = compare(
            _values(self.after, cell, name, control),
            _values(self.before, cell, name, control),
            better=self.before.metrics[name].better,
            margin=self.design.margins.get(name, self.design.margin),
            alpha=self.design.alpha,
            same_rounds=False,
        )
        flags = {
            Flag.MIXED_CONFIGURATIONS: not self.mixed.isdisjoint(cells),
            Flag.ALL_CONTAMINATED: any(each.is_all_contaminated for each in used),
            Flag.CONTAMINATED: any(each.contaminated for each in used),
        }
        return effect.flagged(*(flag for flag, is_so in flags.items() if is_so))


def _values(side: Judged, cell: str, name: str, control: str) -> dict[int, float]:
    """The boots of *cell* by round, divided by those of *control* where one is named."""
    boots = side.series[cell, name].boots
    if not control:
        return boots
    others = side.series[control, name].boots
    return {
        number: boots[number] / others[number] if others[number] else math.nan
        for number in sorted(boots.keys() & others.keys())
    }


def _of_design(one: Run, other: Run) -> Iterator[str]:
    first, second = one.header.plan.design, other.header.plan.design
    if not first.primary:
        yield f"{one.header.id} declared no primary metrics; the lab's own are taken."
    elif first.primary != second.primary:
        yield f"{other.header.id} declared other primary metrics; those of {one.header.id} count."
    missing = set(one.header.plan.plain_cells) ^ set(other.header.plan.plain_cells)
    if missing:
        yield f"Only in one of the runs: {', '.join(sorted(map(str, missing)))}."


def _of_controls(rows: Sequence[Row], alpha: float) -> Iterator[str]:
    """Where a cell has no control, or a control itself has moved."""
    alone = dict.fromkeys(row.cell for row in rows if not row.control and not row.is_control)
    if alone:
        yield f"Without a control, so that the machine's own drift is in them: {', '.join(alone)}."
    moved = [row for row in rows if row.is_control and row.is_left(alpha)]
    if moved:
        names = ", ".join(f"{row.cell} on {row.metric.name}" for row in moved)
        yield f"Not only the cells changed, but what they are read against: {names}."
