"""
After a round: whether more are needed. By precision, rounds or time; never by what came out.

What has been measured is read from the run's own directory, by the code that analyses it later.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.records import LookRecord
from lab.run import Run
from lab.stats.precision import look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.plan import Design
    from lab.stats.effect import Effect
    from lab.stopwatch import Stopwatch
    from lab.store import Store


@dataclass(slots=True)
class Looks:
    """The looks of one run, taken as it goes on."""

    store: Store
    stopwatch: Stopwatch
    now: Callable[[], float] = time.monotonic
    _began: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """Start the clock of the rounds, with the first boot."""
        if self._began is None:
            self._began = self.now()

    def leave_out(self, seconds: float) -> None:
        """Do not count *seconds* in which the run stood still."""
        if self._began is not None:
            self._began += seconds

    def after(self, number: int) -> LookRecord | None:
        """
        Look at the precision after round *number*, if it is time, and keep what was decided.

        Between two such looks only the budget is looked at, and kept if it ends the run.
        """
        design = self.store.header.plan.design
        is_due = _is_due(design, number)
        if not is_due and (design.budget_s is None or number >= design.max_rounds):
            return None
        elapsed_s = self.now() - (self._began or 0.0)
        found = look(
            half_widths(Run.load(self.store.path)) if is_due else {},
            rounds=number,
            # A look at the budget alone asks for the next round, and for no precision.
            min_rounds=design.min_rounds if is_due else number + 1,
            max_rounds=design.max_rounds,
            step=design.step,
            precision=design.precision,
            elapsed_s=elapsed_s,
            budget_s=self._left_s(design, elapsed_s),
        )
        if not is_due and not found.stop:
            return None
        record = LookRecord(
            round=number,
            widest=found.widest_name,
            half_width=found.widest,
            elapsed_s=elapsed_s,
            stop=found.stop,
        )
        self.store.add_look(record)
        return record

    def _left_s(self, design: Design, elapsed_s: float) -> float | None:
        """What of the budget is for rounds: building and booting the node came before them."""
        if design.budget_s is None:
            return None
        return design.budget_s - (self.stopwatch.timeline.total_s - elapsed_s)


def half_widths(run: Run) -> Mapping[str, float | None]:
    """
    How well each primary comparison is known so far: the half-width of its interval, relative.

    None is one that has too few boots yet. One that has no boot of a side, or none that allows a
    ratio, will hardly ever be known: the run does not go on for it.
    """
    from lab.analysis import analyse  # noqa: PLC0415 - scipy takes a second to load

    judged = {(each.cell, each.baseline, each.role) for each in run.header.plan.design.judged}
    return {
        f"{each.cell} / {each.baseline}: {each.metric}": each.effect.half_width
        for each in analyse(run).effects
        if each.is_primary and (each.cell, each.baseline, each.role) in judged
        if each.effect.half_width is not None or _may_become_known(each.effect)
    }


def _may_become_known(effect: Effect) -> bool:
    """Whether more boots would give an interval that there is none of yet."""
    from lab.stats.effect import Flag  # noqa: PLC0415 - scipy

    lacking = {flag for flag in effect.flags if flag.withholds}
    has_both = bool(effect.boots and effect.baseline_boots) or Flag.ALL_CONTAMINATED in lacking
    return has_both and lacking <= {Flag.TOO_FEW_BOOTS, Flag.ALL_CONTAMINATED}


def _is_due(design: Design, number: int) -> bool:
    if design.min_rounds == design.max_rounds or number < design.min_rounds:
        return False
    return (number - design.min_rounds) % design.step == 0 or number >= design.max_rounds
