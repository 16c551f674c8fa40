"""The rounds of a run: how many, why no more, in which order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.plan import Ordering
from lab.stats.precision import Stop
from lab.units import count, format_duration

if TYPE_CHECKING:
    from lab.plan import Plan
    from lab.records import OutcomeRecord
    from lab.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round as it was run: each boot with its place in the plan."""

    number: int
    boots: tuple[tuple[int, str, str], ...]
    """Position, cell, time taken (empty if it was not reached)."""


def extent(run: Run) -> str:
    """How many rounds there were, and how many there could have been."""
    planned = run.header.plan.rounds
    told = count(run.rounds, "round")
    return told if run.rounds == planned else f"{told} of at most {planned}"


def ending(run: Run) -> str:
    """Why there were not more rounds, in a sentence; empty where their number was fixed."""
    if not run.looks or not run.looks[-1].stop:
        return ""
    look, design = run.looks[-1], run.header.plan.design
    wanted = _percent(design.precision)
    if look.stop is Stop.PRECISE and not look.widest:
        return f"Ended after {extent(run)}: nothing could be known better by more."
    if look.stop is Stop.PRECISE:
        return f"Ended after {extent(run)}: each primary comparison is known to {wanted}."
    why = "with the last one"
    if look.stop is Stop.BUDGET:
        why = f"by the budget of {format_duration(design.budget_s or 0.0)}"
    if not look.widest:
        return f"Ended after {extent(run)}, {why}."
    known = (
        "is not known" if look.half_width is None else f"is known to {_percent(look.half_width)}"
    )
    return f"Ended after {extent(run)}, {why}: {look.widest} {known}, and {wanted} was wanted."


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %"


def order(plan: Plan) -> str:
    """In which order the boots were to follow each other, in a sentence."""
    if plan.ordering is Ordering.SEQUENTIAL:
        return "All boots of a cell follow each other, then all of the next."
    return f"Each round has every cell once, shuffled by seed {plan.seed}."


def rounds(run: Run) -> tuple[Round, ...]:
    """Each round with its boots, in the order in which they were run."""
    records: dict[str, list[OutcomeRecord]] = defaultdict(list)
    for record in run.outcomes:
        records[record.boot].append(record)
    started = {boot: min(r.started for r in mine) for boot, mine in records.items()}
    found = []
    for number in range(1, run.rounds + 1):
        boots = [boot for boot in run.order if boot.round == number]
        ran = sorted((b for b in boots if b.id in started), key=lambda b: started[b.id])
        left = [boot for boot in boots if boot.id not in started]
        lines = [
            (boot.position, boot.cell_name, format_duration(sum(r.elapsed_s for r in mine)))
            for boot in ran
            if (mine := records[boot.id])
        ]
        lines += [(boot.position, boot.cell_name, "") for boot in left]
        found.append(Round(number=number, boots=tuple(lines)))
    return tuple(found)
