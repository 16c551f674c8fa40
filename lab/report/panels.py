"""One metric at a time over all cells: the numbers, as text and as places on an axis."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.matrix import control_of
from lab.plan import Role
from lab.report.axes import reading_order
from lab.report.missing import Missing, missing_in
from lab.report.ratios import ROLES, Known, Ratio, bars, itself, ratio
from lab.report.strip import Axis, Strip
from lab.report.text import scenario_group
from lab.stats.summary import Scale, Summary, mean, paired_ratio, summarise
from lab.units import count, format_spread, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.analysis.result import Analysis
    from lab.matrix import Cell
    from lab.run import Run
    from lab.sample import Metric, Sample
    from lab.units import Unit

FEW = 5
"""Boots: fewer are said to be few, in a run that has as many rounds."""
NOTED = {"bimodal", "shape", "all-contaminated", "mixed-configurations", "suspicious", "invalid"}
"""What of an analysis' cautions is said where the value is; the others are about comparisons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one cell: measured, or missing with the reason."""

    cell: Cell
    is_control: bool
    value: str = ""
    spread: str = ""
    ratios: tuple[Ratio, ...] = ()
    """Against each baseline that it has."""
    notes: tuple[str, ...] = ()
    """What is doubtful about the value, in single words."""
    strip: Strip | None = None
    missing: Missing | None = None

    @property
    def comparison(self) -> Ratio | None:
        """Against the control without a guest."""
        return self.ratio(Role.CONTROL)

    def ratio(self, role: Role | str) -> Ratio | None:
        """Against the baseline of that role, if there is one."""
        return next((each for each in self.ratios if each.role == role), None)

    @property
    def packed(self) -> str:
        """All ratios for the script, which changes the baseline."""
        return ";".join(each.packed for each in self.ratios)


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


def panels(run: Run, analysis: Analysis) -> tuple[Panel, ...]:
    """A panel for each metric, in the order in which the run first met them."""
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in run.used_samples:
        by_metric[sample.metric.name].append(sample)
    known = Known.of(run.header.plan.design, analysis)
    notes = _notes(run, analysis)
    return tuple(_panel(run, samples, known, notes) for samples in by_metric.values())


def default_panel(every: Sequence[Panel]) -> Panel | None:
    """The metric to show first: the first of those that say something of most cells."""
    return max(every, key=lambda panel: len(panel.rows), default=None)


def _panel(
    run: Run,
    samples: Sequence[Sample],
    known: Known,
    notes: Mapping[tuple[str, str], Sequence[str]],
) -> Panel:
    metric = samples[0].metric
    scale = Scale.of(sample.value for sample in samples)
    values = _boot_values(samples, scale)
    measured = {sample.cell for sample in run.valid_samples}
    axis = Axis.around([value for boots in values.values() for value in boots.values()], scale)
    scenarios = {sample.scenario for sample in samples}
    ratios = _ratios(run, metric, values, known, scale)
    rows = []
    for cell in sorted(run.header.plan.cells, key=reading_order):
        name = str(cell)
        if name not in measured:
            continue
        if boots := values.get(name):
            base = values.get(str(control_of(cell)))
            summary = summarise(list(boots.values()), scale)
            row = Row(
                cell=cell,
                is_control=control_of(cell) is None,
                value=format_value(summary.centre, metric.unit),
                spread=_spread(summary, run.rounds),
                ratios=ratios.get(name, ()),
                notes=tuple(notes.get((name, metric.name), ())),
                strip=Strip(
                    dots=tuple(axis.place(value) for value in boots.values()),
                    control=axis.place(mean(list(base.values()), scale)) if base else None,
                    label=_range(summary, metric.unit),
                ),
            )
            rows.append(row)
        elif missing := missing_in(run, cell, scenarios):
            rows.append(Row(cell=cell, is_control=control_of(cell) is None, missing=missing))
    return Panel(
        metric=metric,
        group=scenario_group(samples[0].scenario),
        low=format_value(axis.low, metric.unit),
        high=format_value(axis.high, metric.unit),
        scale=scale,
        rows=tuple(rows),
    )


def _ratios(
    run: Run,
    metric: Metric,
    values: Mapping[str, Mapping[int, float]],
    known: Known,
    scale: Scale,
) -> dict[str, tuple[Ratio, ...]]:
    """By cell: against each baseline that has a value, too, with bars on one axis a role."""
    found: dict[str, list[Ratio]] = defaultdict(list)
    for role in ROLES:
        effects = {
            str(cell): declared.effect
            for cell in run.header.plan.cells
            if (declared := known.effects.get((str(cell), role, metric.name)))
        }
        places = bars(effects)
        for cell in run.header.plan.cells:
            name, baseline = str(cell), known.baseline(cell, role)
            point = paired_ratio(values.get(name, {}), values.get(baseline, {}))
            made = ratio(
                effects.get(name),
                point if scale is Scale.LOG else None,
                role=role,
                baseline=baseline,
                better=metric.better,
            )
            if made:
                found[name].append(replace(made, bar=places.get(name)))
            elif name in values and known.is_baseline(name, role):
                found[name].append(itself(name, role))
    return {name: tuple(ratios) for name, ratios in found.items()}


def _notes(run: Run, analysis: Analysis) -> dict[tuple[str, str], list[str]]:
    """By cell and metric: what is doubtful, the gravest first."""
    notes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for caution in analysis.cautions:
        mark = caution.text.partition(":")[0].lower()
        name = mark if mark in NOTED else caution.name.replace("_", "-")
        if caution.metric and name in NOTED and name not in notes[caution.cell, caution.metric]:
            notes[caution.cell, caution.metric].append(name)
    for summary in analysis.summaries:
        mine = notes[summary.cell, summary.metric]
        if summary.contaminated:
            mine.append(f"{summary.contaminated} contaminated")
        if summary.boots < FEW <= run.rounds:
            mine.append("few boots")
    return notes


def _boot_values(samples: Iterable[Sample], scale: Scale) -> Mapping[str, Mapping[int, float]]:
    """By cell and round: one number a boot, the mean of its iterations."""
    iterations: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        iterations[sample.cell][sample.round].append(sample.value)
    return {
        cell: {number: mean(values, scale) for number, values in sorted(rounds.items())}
        for cell, rounds in iterations.items()
    }


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
    number, _, low_unit = low.rpartition(" ")
    return f"{number if low_unit == high.rpartition(' ')[2] else low} to {high}"
