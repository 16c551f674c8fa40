"""What each cell says of each metric by itself, and what disturbed its samples."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from lab.analysis.boots import logs
from lab.analysis.result import Contaminated, Summary
from lab.stats.components import components
from lab.stats.summary import Scale, mean, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.analysis.boots import Judged, Series
    from lab.run import Run


def summaries(run: Run, samples: Judged) -> tuple[Summary, ...]:
    """A summary for each metric of each cell that has samples of it, in the plan's order."""
    boot_s = _boot_seconds(run)
    return tuple(
        _summary(cell, name, series, boot_s=boot_s.get(cell))
        for cell in run.header.plan.cell_names
        for name in samples.metrics
        if (series := samples.series.get((cell, name)))
    )


def contamination(cells: Iterable[str], samples: Judged) -> tuple[Contaminated, ...]:
    """How many samples of each of *cells* were disturbed."""
    by_cell: dict[str, list[Series]] = defaultdict(list)
    for (cell, _), series in samples.series.items():
        by_cell[cell].append(series)
    return tuple(
        Contaminated(
            cell=cell,
            samples=sum(each.samples for each in mine),
            contaminated=sum(each.contaminated for each in mine),
            unknown=sum(each.unknown for each in mine),
            rules=dict(sorted(samples.disturbed.get(cell, Counter()).items())),
        )
        for cell in cells
        if (mine := by_cell.get(cell))
    )


def _summary(cell: str, name: str, series: Series, *, boot_s: float | None) -> Summary:
    counted = Summary(
        cell=cell,
        metric=name,
        boots=len(series.clean),
        samples=series.samples,
        contaminated=series.contaminated,
        unknown=series.unknown,
    )
    every = [value for values in series.clean.values() for value in values]
    if not every or not all(map(math.isfinite, every)):
        return counted
    scale = Scale.of(every)
    seen = summarise([mean(values, scale) for values in series.clean.values()], scale)
    parts = components(logs(series.clean))
    iteration_s = statistics.fmean(series.iteration_s)
    return msgspec.structs.replace(
        counted,
        centre=seen.centre,
        low=seen.low,
        high=seen.high,
        relative_sd=seen.relative_sd,
        boot_sd=parts.boot_sd,
        iteration_sd=parts.iteration_sd,
        icc=parts.icc,
        # What another boot costs besides the iteration is all else that is measured in it.
        recommended_iterations=None
        if boot_s is None
        else parts.recommended_iterations(
            boot_s=max(0.0, boot_s - iteration_s), iteration_s=iteration_s
        ),
    )


def _boot_seconds(run: Run) -> Mapping[str, float]:
    """By cell: how long all scenarios of a boot took."""
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for record in run.recorded:
        spent[record.cell][f"{record.boot} {record.attempt}"] += record.elapsed_s
    return {cell: statistics.fmean(boots.values()) for cell, boots in spent.items()}
