"""What a scenario measures with: samples, with the noise around them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.sample import Metric, Sample
from lab.tools.conditions import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.bench import Bench
    from lab.plan import Boot


class Measure:
    """Records samples: ``with measure.watching(): ...`` around the work, then ``measure(...)``."""

    def __init__(self, bench: Bench, boot: Boot, *, scenario: str) -> None:
        self._bench = bench
        self._boot = boot
        self._scenario = scenario
        self._started = datetime.now(UTC)
        self._elapsed_s = 0.0
        self._noise: dict[str, float | None] = {}
        self._kept: dict[str, str] = {}
        self._conditions: dict[str, dict[str, str]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Read the noise on node and host before and after the block, and time it."""
        before = self._bench.noise()
        self._started = datetime.now(UTC)
        began = time.monotonic()
        yield
        self._elapsed_s = time.monotonic() - began
        self._noise = self._bench.noise_since(before)

    def __call__(self, metric: Metric, value: float, *, raw: str | None = None) -> None:
        """
        Record that *metric* was *value*, in the metric's unit.

        *raw* is the tool's own report; the sample names the file that it is kept in.
        """
        kept = None if raw is None else self._keep(raw, metric)
        self._bench.store.add_sample(
            Sample(
                metric=metric,
                value=value,
                cell=str(self._boot.cell),
                round=self._boot.round,
                position=self._boot.position,
                boot=self._boot.id,
                scenario=self._scenario,
                started=self._started.isoformat(timespec="milliseconds"),
                elapsed_s=self._elapsed_s,
                raw=kept,
                noise=self._noise,
                conditions={} if kept is None else self._conditions[kept],
            )
        )

    def _keep(self, raw: str, metric: Metric) -> str:
        """Keep a report under the first metric that was read from it; the others share it."""
        if raw not in self._kept:
            suffix = "json" if raw.lstrip().startswith("{") else "txt"
            name = f"{metric.name}.{suffix}"
            kept = self._bench.store.add_raw(self._boot.id, name, raw)
            self._kept[raw], self._conditions[kept] = kept, conditions(raw)
        return self._kept[raw]
