"""The samples of a cell in the order of the run, with what disturbed them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.contamination import judge
from lab.gates import HOST_READ, HOST_WRITTEN, NODE_READ, NODE_WRITTEN
from lab.report.strip import Axis
from lab.stats.summary import Scale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.contamination import Contamination
    from lab.plan import Boot
    from lab.run import Run
    from lab.sample import Sample

WIDTH, HEIGHT = 99, 22
FACTORS = {
    NODE_READ: "read at the node's disks",
    NODE_WRITTEN: "written at the node's disks",
    HOST_READ: "read at the host's disks",
    HOST_WRITTEN: "written at the host's disks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """Which part of what fio moved the disks saw: 0 is a cache that answered everything."""

    metric: str
    what: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """What is known against the samples of a run; each is judged once."""

    run: Run
    _known: dict[tuple[tuple[str, float | None], ...], Contamination] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> Doubts:
        """Those of *run*."""
        return cls(run=run)

    def of_sample(self, sample: Sample) -> Contamination:
        """What disturbed *sample*."""
        noise = tuple(sample.noise.items())
        if noise not in self._known:
            self._known[noise] = judge(sample.noise)
        return self._known[noise]

    def of_boot(self, samples: Iterable[Sample]) -> str:
        """What disturbed the *samples* of a boot: each rule once, by its worst."""
        worst: dict[str, tuple[float, str]] = {}
        known = False
        for sample in samples:
            mine = self.of_sample(sample)
            known = known or bool(mine.flags) or not mine.unknown
            for flag in mine.flags:
                worst[flag.name] = max(worst.get(flag.name, (0.0, "")), (flag.value, str(flag)))
        if worst:
            return "; ".join(text for _, text in worst.values())
        return "nothing" if known else ""


def across(run: Run, boots: Iterable[Boot]) -> tuple[int, ...]:
    """How far to the right the samples of each of *boots* are: as the run went, of WIDTH."""
    places = {boot.id: place for place, boot in enumerate(run.order)}
    last = max(1, len(places) - 1)
    return tuple(2 + round((WIDTH - 4) * places.get(boot.id, 0) / last) for boot in boots)


def course(doubts: Doubts, samples: Sequence[Sample], used: set[int]) -> dict[str, str]:
    """
    How far down the *samples* of one metric in one cell are, of HEIGHT, by the id of their boot.

    Those of one boot are parted by commas. An ``o`` marks what is in no mean, and is drawn
    hollow: contaminated, not trusted, or measured again. *used* are the ids of all others.
    """
    values = [sample.value for sample in samples]
    axis = Axis.around(values, Scale.of(values))
    points: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        y = 2 + round((HEIGHT - 4) * (116 - axis.place(sample.value)) / 112)
        is_full = id(sample) in used and not doubts.of_sample(sample).is_contaminated
        points[sample.boot].append(f"{'' if is_full else 'o'}{y}")
    return {boot: ",".join(mine) for boot, mine in points.items()}


def factors(samples: Iterable[Sample]) -> tuple[Factor, ...]:
    """The cache-hit factors of a cell's *samples*, from the lowest to the highest boot."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for sample in samples:
        for name, what in FACTORS.items():
            if (value := sample.quality.get(name)) is not None:
                found[sample.metric.title, what].append(value)
    return tuple(
        Factor(metric=metric, what=what, text=_range(values))
        for (metric, what), values in found.items()
    )


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2g}", f"{max(values):.2g}"
    return low if low == high else f"{low} to {high}"
