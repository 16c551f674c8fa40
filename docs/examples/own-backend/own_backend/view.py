"""slowest-start: of each cell, the boot that took longest to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.report.own import View
from lab.units import format_value

if TYPE_CHECKING:
    from lab.run import Run
    from lab.sample import Sample

METRIC = "start_to_answer"


def slowest_start(run: Run) -> View | None:
    """Tell the slowest start of each cell; nothing where none was measured."""
    slowest: dict[str, Sample] = {}
    for sample in run.valid_samples:
        known = slowest.get(sample.cell)
        if sample.metric.name == METRIC and (known is None or sample.value > known.value):
            slowest[sample.cell] = sample
    if not slowest:
        return None
    return View(
        title="The slowest start of each cell",
        lead="An example of a view of one's own: docs/extend.md.",
        columns=("cell", "boot", "took"),
        rows=tuple(
            (cell, sample.boot, format_value(sample.value, sample.metric.unit))
            for cell, sample in sorted(slowest.items())
        ),
    )
