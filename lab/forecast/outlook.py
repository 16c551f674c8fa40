"""What a plan would cost, what it could tell apart, and what it would take to know more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from lab.forecast.cost import Cost, costs, setup_seconds
from lab.forecast.memory import Memory  # noqa: TC001 - msgspec reads the annotations
from lab.forecast.noise import History
from lab.forecast.source import Source  # noqa: TC001 - msgspec reads the annotations
from lab.plan import Plan  # noqa: TC001 - msgspec reads the annotations
from lab.stats.effect import MIN_BOOTS
from lab.stats.power import boots_for_precision, detectable_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.forecast.cost import Kind
    from lab.forecast.noise import Spread
    from lab.plan import Comparison, Design
    from lab.run import Run


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that is in the plan and is not known to work, or that is not in it."""

    cell: str
    reason: str


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far one comparison on one metric reaches."""

    comparison: str
    """The cell and its baseline."""
    spread: float
    """Standard deviation of the ratio of two boots of a round, of its logarithm."""
    source: Source
    detectable: float | None
    """The relative change that the plan's least rounds find in four of five runs; None: too few."""
    rounds_wanted: int | None
    """For the wanted precision, most likely; None: more than anybody runs."""


class MetricReach(msgspec.Struct, frozen=True, kw_only=True):
    """How far the comparisons on one metric reach."""

    metric: str
    typical: Reach
    """The one in the middle."""
    worst: Reach


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected of a run."""

    plan: Plan
    machine: str
    """On what the figures are meant to be, and how that is known."""
    runs: tuple[str, ...]
    """The earlier runs that it rests on."""
    doubts: tuple[Doubt, ...]
    costs: tuple[Cost, ...]
    setup_s: float | None
    """Before the first boot and after the last; None is unknown."""
    round_s: float
    rounds: int
    """That will be run, most likely."""
    total_s: float
    """For them."""
    most_s: float
    """For all that the plan has."""
    comparisons: int
    """That are judged together, on all primary metrics: the level of each is adjusted for them."""
    precision: float
    """Half-width of an interval that was wanted."""
    metrics: tuple[MetricReach, ...]
    memory: Memory | None = None
    """None if nobody has looked."""


def forecast(
    plan: Plan,
    earlier: Sequence[Run],
    *,
    kind: Kind,
    machine: str,
    doubts: Sequence[Doubt] = (),
    precision: float | None = None,
    memory: Memory | None = None,
) -> Forecast:
    """
    Tell what is to be expected of a run of *plan*, by *earlier* ones of its kind.

    Args:
        kind: Of the boots: nothing is expected of the comparisons of doubtful cells.
        machine: On what it would be measured, in words.
        precision: That is wanted; None is the design's.
    """
    wanted = plan.design.precision if precision is None else precision
    taken = costs(plan.cell_names, earlier, kind)
    round_s = sum(cost.seconds for cost in taken)
    setup_s = setup_seconds(earlier)
    pairs = [
        each for each in plan.design.judged if kind.doubtful.isdisjoint({each.cell, each.baseline})
    ]
    metrics = _metrics(plan.design, pairs, History.of(earlier), wanted=wanted)
    rounds = _rounds(plan, metrics, round_s=round_s, setup_s=setup_s or 0.0)
    return Forecast(
        plan=plan,
        machine=machine,
        runs=tuple(run.header.id for run in earlier),
        doubts=tuple(doubts),
        costs=taken,
        setup_s=setup_s,
        round_s=round_s,
        rounds=rounds,
        total_s=(setup_s or 0.0) + rounds * round_s,
        most_s=(setup_s or 0.0) + plan.rounds * round_s,
        comparisons=len(pairs) * len(plan.design.primary),
        precision=wanted,
        metrics=metrics,
        memory=memory,
    )


def _metrics(
    design: Design, pairs: Sequence[Comparison], history: History, *, wanted: float
) -> tuple[MetricReach, ...]:
    if not pairs:
        return ()
    level = design.alpha / (len(pairs) * len(design.primary))
    found = []
    for metric in design.primary:
        reaches = [
            _reach(
                f"{pair.cell} / {pair.baseline}",
                history.spread(pair.cell, pair.baseline, metric),
                design,
                level=level,
                wanted=wanted,
            )
            for pair in pairs
        ]
        reaches.sort(key=lambda reach: reach.spread)
        typical = reaches[(len(reaches) - 1) // 2]
        found.append(MetricReach(metric=metric, typical=typical, worst=reaches[-1]))
    return tuple(found)


def _reach(
    comparison: str, spread: Spread, design: Design, *, level: float, wanted: float
) -> Reach:
    """
    How far one comparison reaches.

    A change counts as found where it passes the hardest step of the gate's correction (Holm's
    first, *level*); an interval is that of the comparison alone.
    """
    boots = design.min_rounds
    return Reach(
        comparison=comparison,
        spread=spread.sd,
        source=spread.source,
        detectable=detectable_by(boots, sd=spread.sd, alpha=level, paired=True)
        if boots >= MIN_BOOTS
        else None,
        rounds_wanted=_rounds_for(wanted, spread.sd, design.alpha),
    )


def _rounds_for(precision: float, sd: float, alpha: float) -> int | None:
    needed = boots_for_precision(precision, sd=sd, alpha=alpha, paired=True)
    return None if needed is None else max(MIN_BOOTS, needed)


def _rounds(plan: Plan, metrics: Sequence[MetricReach], *, round_s: float, setup_s: float) -> int:
    """How many rounds will be run: by looks at what the design wants, and by its budget."""
    design = plan.design
    needed = [_rounds_for(design.precision, m.worst.spread, design.alpha) for m in metrics]
    enough = max((plan.rounds if each is None else each for each in needed), default=0)
    steps = math.ceil(max(0, enough - design.min_rounds) / design.step)
    rounds = min(plan.rounds, design.min_rounds + steps * design.step)
    if design.budget_s is None or not round_s:
        return rounds
    return max(1, min(rounds, math.floor((design.budget_s - setup_s) / round_s)))
