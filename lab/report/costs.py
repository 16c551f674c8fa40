"""
What a sandbox costs the node for what it moves: CPU time per Gbit, and per 1000 I/O operations.

Only where one rate was measured in a window by itself: what several jobs of one invocation spent
together is nobody's alone, and no cost is made of it.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cost import PARTS
from lab.units import Unit, format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.sample import Sample

PER = {
    Unit.BIT_PER_SECOND: (1e9, "per Gbit"),
    Unit.OPERATION_PER_SECOND: (1e3, "per 1000 I/Os"),
}
RATES = {*PER, Unit.BYTE_PER_SECOND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU time for one metric of a cell: the mean of its boots, by part."""

    metric: str
    per: str
    parts: tuple[str, ...]
    """As :data:`lab.cost.PARTS`; empty where it is not known in some boot."""


def costs(samples: Sequence[Sample]) -> tuple[Cost, ...]:
    """The costs of one cell's *samples*, all of which are to be used."""
    rates = [sample for sample in samples if sample.metric.unit in RATES]
    windows = Counter(map(_window, rates))
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in rates:
        alone = windows[_window(sample)] == 1
        if alone and sample.metric.unit in PER and sample.value > 0 and any(_known(sample)):
            by_metric[sample.metric.name].append(sample)
    return tuple(_cost(mine) for mine in by_metric.values())


def _window(sample: Sample) -> tuple[str, str, str]:
    return sample.boot, sample.scenario, sample.started


def _known(sample: Sample) -> list[bool]:
    return [sample.cost.get(part) is not None for part in PARTS]


def _cost(samples: Sequence[Sample]) -> Cost:
    size, per = PER[samples[0].metric.unit]
    parts = []
    for part in PARTS:
        spent = [
            processors * size / sample.value
            for sample in samples
            if (processors := sample.cost.get(part)) is not None
        ]
        whole = len(spent) == len(samples)
        parts.append(format_value(statistics.fmean(spent), Unit.SECOND) if whole else "")
    return Cost(metric=samples[0].metric.title, per=per, parts=tuple(parts))
