"""One metric at a time over all cells: the numbers, as text and as places on an axis."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.matrix import control_of
from lab.report.axes import reading_order
from lab.report.missing import Missing, missing_in
from lab.report.strip import Axis, Strip
from lab.report.text import scenario_group
from lab.sample import Better
from lab.stats.summary import Scale, Summary, mean, paired_ratio, summarise
from lab.units import count, format_multiple, format_spread, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.matrix import Cell
    from lab.run import Run
    from lab.sample import Metric, Sample
    from lab.units import Unit

SHADES = ((0.97, "even"), (0.67, "1"), (0.33, "2"), (0.1, "3"), (0.0, "4"))
"""How far from the control, by how many times worse: the lower bound of each shade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A cell against the control without a guest: a point estimate, not a verdict."""

    text: str
    direction: str
    """``better``, ``worse`` or ``even``."""
    shade: str
    """``even``, or ``better-1`` to ``worse-4``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one cell: measured, or missing with the reason."""

    cell: Cell
    is_control: bool
    value: str = ""
    spread: str = ""
    comparison: Comparison | None = None
    strip: Strip | None = None
    missing: Missing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One metric over all cells that have a value of any metric."""

    metric: Metric
    group: str
    low: str
    high: str
    """The ends of the axis."""
    scale: Scale
    rows: tuple[Row, ...]

    @property
    def direction(self) -> str:
        """Which way is better."""
        return f"{self.metric.better.value} is better"

    def row(self, cell: Cell) -> Row | None:
        """The row of a cell, if the metric says anything about it."""
        return next((row for row in self.rows if row.cell == cell), None)


def panels(run: Run) -> tuple[Panel, ...]:
    """A panel for each metric, in the order in which the run first met them."""
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in run.used_samples:
        by_metric[sample.metric.name].append(sample)
    return tuple(_panel(run, samples) for samples in by_metric.values())


def default_panel(every: Sequence[Panel]) -> Panel | None:
    """The metric to show first: the first of those that say something of most cells."""
    return max(every, key=lambda panel: len(panel.rows), default=None)


def _panel(run: Run, samples: Sequence[Sample]) -> Panel:
    metric = samples[0].metric
    scale = Scale.of(sample.value for sample in samples)
    values = _boot_values(samples, scale)
    measured = {sample.cell for sample in run.valid_samples}
    axis = Axis.around([value for boots in values.values() for value in boots.values()], scale)
    scenarios = {sample.scenario for sample in samples}
    rows = []
    for cell in sorted(run.header.plan.cells, key=reading_order):
        if str(cell) not in measured:
            continue
        control = control_of(cell)
        if boots := values.get(str(cell)):
            baseline = values.get(str(control), {})
            rows.append(
                _measured(
                    cell,
                    boots,
                    baseline=baseline,
                    metric=metric,
                    axis=axis,
                    rounds=run.rounds,
                )
            )
        elif missing := missing_in(run, cell, scenarios):
            rows.append(Row(cell=cell, is_control=control is None, missing=missing))
    return Panel(
        metric=metric,
        group=scenario_group(samples[0].scenario),
        low=format_value(axis.low, metric.unit),
        high=format_value(axis.high, metric.unit),
        scale=scale,
        rows=tuple(rows),
    )


def _boot_values(samples: Iterable[Sample], scale: Scale) -> Mapping[str, Mapping[int, float]]:
    """By cell and round: one number a boot, the mean of its iterations."""
    iterations: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        iterations[sample.cell][sample.round].append(sample.value)
    return {
        cell: {number: mean(values, scale) for number, values in sorted(rounds.items())}
        for cell, rounds in iterations.items()
    }


def _measured(
    cell: Cell,
    boots: Mapping[int, float],
    *,
    baseline: Mapping[int, float],
    metric: Metric,
    axis: Axis,
    rounds: int,
) -> Row:
    summary = summarise(list(boots.values()), axis.scale)
    ratio = paired_ratio(boots, baseline) if axis.scale is Scale.LOG else None
    base = mean(list(baseline.values()), axis.scale) if baseline else None
    return Row(
        cell=cell,
        is_control=control_of(cell) is None,
        value=format_value(summary.centre, metric.unit),
        spread=_spread(summary, rounds),
        comparison=None if ratio is None else _comparison(ratio, metric.better),
        strip=Strip(
            dots=tuple(axis.place(value) for value in boots.values()),
            control=None if base is None else axis.place(base),
            label=_range(summary, metric.unit),
        ),
    )


def _spread(summary: Summary, rounds: int) -> str:
    whole = summary.boots == rounds
    boots = count(rounds, "boot") if whole else f"{summary.boots} of {rounds} boots"
    if summary.boots == 1:
        return "one boot: no spread" if whole else f"{boots}: no spread"
    if summary.low == summary.high:
        return f"the same in {boots}"
    if summary.relative_sd is None:
        return f"{boots}, mean zero"
    return f"{format_spread(summary.relative_sd)}, {boots}"


def _range(summary: Summary, unit: Unit) -> str:
    if summary.boots == 1:
        return f"1 boot, {format_value(summary.centre, unit)}"
    low, high = format_value(summary.low, unit), format_value(summary.high, unit)
    return f"{summary.boots} boots, {low} to {high}"


def _comparison(ratio: float, better: Better) -> Comparison:
    goodness = ratio if better is Better.HIGHER else 1 / ratio
    closeness = min(goodness, 1 / goodness)
    step = next(name for bound, name in SHADES if closeness >= bound)
    direction = "even" if step == "even" else "better" if goodness > 1 else "worse"
    return Comparison(
        text=format_multiple(ratio),
        direction=direction,
        shade=step if step == "even" else f"{direction}-{step}",
    )
