"""All samples of a run as one table, a line a sample: for whoever counts with other tools."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from lab.contamination import judge
from lab.matrix import Cell
from lab.report.text import clean

if TYPE_CHECKING:
    from lab.run import Run
    from lab.sample import Sample

COLUMNS = (
    "run", "cell", "network", "storage", "runtime", "variant", "round", "position", "boot",
    "attempt", "scenario", "metric", "unit", "better", "value", "started", "elapsed_s", "raw",
    "is_valid", "is_used", "contaminated_by",
)  # fmt: skip
"""What every sample has; noise, quality and cost follow by their names. Empty is unknown."""
FORMULAS = ("=", "+", "-", "@")
"""With which a spreadsheet begins to calculate: a text never begins with one here."""


def render(run: Run) -> str:
    """Write the table: SI units, as they were stored."""
    extra = {
        group: sorted({name for sample in run.samples for name in getattr(sample, group)})
        for group in ("noise", "quality", "cost")
    }
    valid, used = (set(map(id, each)) for each in (run.valid_samples, run.used_samples))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        [*COLUMNS, *(_column(group, name) for group, names in extra.items() for name in names)]
    )
    for sample in run.samples:
        more = [
            getattr(sample, group).get(name) for group, names in extra.items() for name in names
        ]
        table.writerow(
            [
                *map(_entry, _fixed(run, sample)),
                int(id(sample) in valid),
                int(id(sample) in used),
                "; ".join(flag.name for flag in judge(sample.noise).flags),
                *map(_entry, more),
            ]
        )
    return text.getvalue()


def _column(group: str, name: str) -> str:
    return f"cost_{name}" if group == "cost" else name


def _fixed(run: Run, sample: Sample) -> tuple[object, ...]:
    cell = Cell.parse(sample.cell)
    metric = sample.metric
    return (
        run.header.id, sample.cell, cell.network, cell.storage, cell.runtime, cell.variant,
        sample.round, sample.position, sample.boot, sample.attempt, sample.scenario, metric.name,
        metric.unit, metric.better, sample.value, sample.started, sample.elapsed_s, sample.raw,
    )  # fmt: skip


def _entry(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    text = clean(str(value))
    return f"'{text}" if text.startswith(FORMULAS) else text
