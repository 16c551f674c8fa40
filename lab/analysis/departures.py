"""What was done otherwise than the plan said: from what the run left, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.analysis.families import GATES
from lab.plan import Role
from lab.records import RunStatus
from lab.stats.flag import MIN_BOOTS
from lab.stats.precision import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.analysis.result import MetricEffect
    from lab.run import Run


def departures(run: Run, effects: Sequence[MetricEffect]) -> tuple[str, ...]:
    """What of *run* was not as planned; nothing, if all was."""
    return (
        *_ending(run),
        *_rounds(run),
        *_order(run),
        *_repeats(run),
        *_precision(run, effects),
    )


def _ending(run: Run) -> Iterator[str]:
    if run.header.status is RunStatus.INTERRUPTED:
        yield "The run was interrupted."
    if run.header.status is RunStatus.RUNNING:
        yield "The run did not end."
    if run.looks and run.looks[-1].stop is Stop.BUDGET:
        yield "The budget ended the rounds."


def _rounds(run: Run) -> Iterator[str]:
    """Of the rounds that the run set out for; fewer than planned at most is as planned."""
    ran = {record.boot for record in run.recorded}
    missing = {boot.round for boot in run.order if boot.id not in ran}
    whole, least = run.rounds - len(missing), run.header.plan.design.min_rounds
    if whole < least:
        yield f"{whole} whole rounds were run, of at least {least}."
    begun = {boot.round for boot in run.order if boot.id in ran}
    lost = [boot.id for boot in run.order if boot.round in begun and boot.id not in ran]
    if lost:
        yield f"Not run, in rounds that were begun: {_listed(lost)}."


def _order(run: Run) -> Iterator[str]:
    """Boots that came after one that was planned behind them; repeats have no place in the plan."""
    if run.header.merged:  # its parts had a plan each, and ran beside each other
        return
    started: dict[str, str] = {}
    for record in run.recorded:
        if record.attempt == 1:
            begun = record.started.isoformat()
            started[record.boot] = min(begun, started.get(record.boot, begun))
    latest = ""
    late = []
    for boot in run.header.plan.order:
        if begun := started.get(boot.id, ""):
            if begun < latest:
                late.append(boot.id)
            latest = max(latest, begun)
    if late:
        yield f"Run before what was planned before them: {_listed(late)}."


def _repeats(run: Run) -> Iterator[str]:
    again = {(record.boot, record.attempt) for record in run.recorded if record.attempt > 1}
    cut = {boot for boot, _ in again if boot in set(run.superseded.values())}
    if boots := sorted({boot for boot, _ in again} - cut):
        yield f"Measured again, as contaminated, {len(boots)} times: {_listed(boots)}."
    if cut:
        yield f"Measured again, as cut short, {len(cut)} times: {_listed(sorted(cut))}."


def _precision(run: Run, effects: Iterable[MetricEffect]) -> Iterator[str]:
    design = run.header.plan.design
    if design.min_rounds < MIN_BOOTS:
        return
    gate = [
        each
        for each in effects
        if each.family == GATES[Role.BASELINE] and each.effect.boots and each.effect.baseline_boots
    ]
    widths = {each: each.effect.half_width for each in gate}
    wide = [each for each, width in widths.items() if width is None or width > design.precision]
    if not wide:
        return
    wanted = _percent(design.precision)
    told = f"{len(wide)} of {len(gate)} primary comparisons are not within {wanted}"
    known = {each: width for each, width in widths.items() if width is not None}
    if not known:
        yield f"{told}."
        return
    worst = max(known, key=known.__getitem__)
    yield f"{told}: the widest, {worst.cell} on {worst.metric}, within {_percent(known[worst])}."


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _listed(names: Sequence[str], most: int = 5) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
