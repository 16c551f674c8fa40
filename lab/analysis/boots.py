"""Samples become boots: one number for each cell, metric and round, with and without noise."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lab.contamination import judge, to_be_used

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.contamination import Contamination
    from lab.sample import Metric, Sample

NO_LOGARITHM = 0.0
"""The boot of whose values one has no logarithm: a zero among them is not averaged away."""


@dataclass
class Series:
    """All samples of one metric in one cell."""

    metric: Metric
    clean: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Iterations by round: of the attempt that counts, if nothing is known against it."""
    every: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Iterations by round, whatever is known against them, of all attempts."""
    samples: int = 0
    contaminated: int = 0
    unknown: int = 0
    iteration_s: list[float] = field(default_factory=list)

    @property
    def is_all_contaminated(self) -> bool:
        """Whether there are samples, and nothing of them can be used."""
        return bool(self.every) and not self.clean

    @cached_property
    def boots(self) -> dict[int, float]:
        """Without contaminated samples: a value by round."""
        return boots(self.clean)

    @cached_property
    def every_boot(self) -> dict[int, float]:
        """With every sample: a value by round."""
        return boots(self.every)


@dataclass(frozen=True, slots=True)
class Judged:
    """A run's samples by cell and metric, with what disturbed them."""

    series: Mapping[tuple[str, str], Series]
    metrics: Mapping[str, Metric]
    """By name, in the order in which the run first met them."""
    disturbed: Mapping[str, Counter[str]]
    """By cell: samples by the rule that they break."""


def judged(samples: Sequence[Sample]) -> Judged:
    """Sort *samples*, and judge each by its noise."""
    series: dict[tuple[str, str], Series] = {}
    metrics: dict[str, Metric] = {}
    disturbed: dict[str, Counter[str]] = defaultdict(Counter)
    contaminations = _contaminations(samples)
    used = set(map(id, to_be_used(samples, contaminations)))
    for sample, contamination in zip(samples, contaminations, strict=True):
        metrics.setdefault(sample.metric.name, sample.metric)
        place = (sample.cell, sample.metric.name)
        mine = series.setdefault(place, Series(sample.metric))
        _count(mine, contamination)
        disturbed[sample.cell].update(flag.name for flag in contamination.flags)
        mine.every[sample.round].append(sample.value)
        mine.iteration_s.append(sample.elapsed_s)
        if id(sample) in used and not contamination.is_contaminated:
            mine.clean[sample.round].append(sample.value)
    return Judged(series=series, metrics=metrics, disturbed=disturbed)


def boots(iterations: Mapping[int, Iterable[float]]) -> dict[int, float]:
    """The value of each boot: the geometric mean of its iterations, whatever their order."""
    return {number: _mean(list(values)) for number, values in sorted(iterations.items())}


def logs(iterations: Mapping[int, Sequence[float]]) -> list[list[float]]:
    """The logarithms of each boot's iterations; nothing if one has none."""
    if any(not _has_logarithm(value) for values in iterations.values() for value in values):
        return []
    return [sorted(map(math.log, values)) for _, values in sorted(iterations.items())]


def _contaminations(samples: Iterable[Sample]) -> list[Contamination]:
    """What disturbed each; metrics that were read from one report share their noise."""
    known: dict[tuple[tuple[str, float | None], ...], Contamination] = {}
    found = []
    for sample in samples:
        noise = tuple(sample.noise.items())
        if noise not in known:
            known[noise] = judge(sample.noise)
        found.append(known[noise])
    return found


def _count(series: Series, contamination: Contamination) -> None:
    series.samples += 1
    series.contaminated += contamination.is_contaminated
    series.unknown += bool(contamination.unknown) and not contamination.is_contaminated


def _mean(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    if not all(map(_has_logarithm, values)):
        return NO_LOGARITHM
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def _has_logarithm(value: float) -> bool:
    return math.isfinite(value) and value > 0
