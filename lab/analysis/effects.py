"""The declared comparisons, made: each on every metric, with and without contaminated samples."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.analysis.families import family_of
from lab.analysis.result import MetricEffect
from lab.stats.effect import Effect, Flag, Pair, compare_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.analysis.boots import Judged, Series
    from lab.plan import Comparison, Plan
    from lab.sample import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One comparison on one metric, before it is made; None is a cell that has no samples of it."""

    comparison: Comparison
    metric: Metric
    cell: Series | None
    baseline: Series | None
    margin: float
    alpha: float
    is_primary: bool
    same_rounds: bool
    is_mixed: bool
    """Whether a side was measured in several configurations."""
    rounds: frozenset[int]
    """Those that the plan has for both: of joined runs, a control's others are other machines'."""

    @property
    def has_contaminated(self) -> bool:
        """Whether a side has samples that are left out for what disturbed them."""
        return any(side is not None and side.contaminated for side in (self.cell, self.baseline))

    def pair(self, *, with_contaminated: bool) -> Pair:
        """The two sides as boots."""
        values, baseline = (
            self._shared(
                {} if side is None else side.every_boot if with_contaminated else side.boots
            )
            for side in (self.cell, self.baseline)
        )
        return Pair(
            values=values,
            baseline=baseline,
            better=self.metric.better,
            margin=self.margin,
            alpha=self.alpha,
            same_rounds=self.same_rounds,
        )

    def _shared(self, boots: Mapping[int, float]) -> dict[int, float]:
        return {number: value for number, value in boots.items() if number in self.rounds}

    def flags(self, *, with_contaminated: bool) -> set[Flag]:
        """What the boots themselves do not tell."""
        flags = {Flag.MIXED_CONFIGURATIONS} if self.is_mixed else set()
        if self.has_contaminated and not with_contaminated:
            flags.add(Flag.CONTAMINATED)
            if any(side and side.is_all_contaminated for side in (self.cell, self.baseline)):
                flags.add(Flag.ALL_CONTAMINATED)
        return flags


def compared(
    samples: Judged, plan: Plan, *, alpha: float, mixed: set[str], same_rounds: bool
) -> tuple[MetricEffect, ...]:
    """Make every comparison of *plan*; *mixed* names the cells of several configurations."""
    asked = tuple(_asked(samples, plan, alpha=alpha, mixed=mixed, same_rounds=same_rounds))
    effects = _made(dict(enumerate(asked)), with_contaminated=False)
    disturbed = {place: each for place, each in enumerate(asked) if each.has_contaminated}
    with_contaminated = _made(disturbed, with_contaminated=True)
    return tuple(
        MetricEffect(
            cell=each.comparison.cell,
            baseline=each.comparison.baseline,
            role=each.comparison.role,
            metric=each.metric.name,
            is_primary=each.is_primary,
            family=family_of(each.comparison.role, is_primary=each.is_primary),
            effect=effects[place],
            with_contaminated=with_contaminated.get(place),
        )
        for place, each in enumerate(asked)
    )


def _asked(
    samples: Judged, plan: Plan, *, alpha: float, mixed: set[str], same_rounds: bool
) -> Iterator[Asked]:
    """
    Each comparison on each metric that both cells have.

    On a primary metric one is enough: that the other has none must not go unsaid.
    """
    design = plan.design
    rounds: dict[str, set[int]] = defaultdict(set)
    for boot in plan.order:
        rounds[boot.cell_name].add(boot.round)
    for comparison in design.comparisons:
        shared = frozenset(rounds[comparison.cell] & rounds[comparison.baseline])
        for name, metric in samples.metrics.items():
            cell = samples.series.get((comparison.cell, name))
            baseline = samples.series.get((comparison.baseline, name))
            is_primary = name in design.primary
            if (cell and baseline) or (is_primary and (cell or baseline)):
                yield Asked(
                    comparison=comparison,
                    metric=metric,
                    cell=cell,
                    baseline=baseline,
                    margin=design.margins.get(name, design.margin),
                    alpha=alpha,
                    is_primary=is_primary,
                    same_rounds=same_rounds,
                    rounds=shared,
                    is_mixed=not mixed.isdisjoint({comparison.cell, comparison.baseline}),
                )


def _made(asked: Mapping[int, Asked], *, with_contaminated: bool) -> dict[int, Effect]:
    made = compare_all(each.pair(with_contaminated=with_contaminated) for each in asked.values())
    return {
        place: effect.flagged(*each.flags(with_contaminated=with_contaminated))
        for (place, each), effect in zip(asked.items(), made, strict=True)
    }
