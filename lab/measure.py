"""What a scenario measures with: samples, with the noise around them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab import gates
from lab.cost import PREFIX
from lab.sample import Metric, Sample
from lab.tools.conditions import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.bench import Bench
    from lab.gates import Moved
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

    def take_start(self) -> None:
        """What is recorded next was measured while the sandbox started: with that noise."""
        self._noise = self._bench.start_noise

    def __call__(
        self,
        metric: Metric,
        value: float,
        *,
        raw: str | None = None,
        moved: Moved | None = None,
        rates: Sequence[float] = (),
    ) -> None:
        """
        Record that *metric* was *value*, in the metric's unit.

        Args:
            metric: What was measured.
            value: What came out.
            raw: The tool's own report; the sample names the file that it is kept in.
            moved: What fio moved, for a value of storage.
            rates: Those of a flow's intervals, for a value that is their mean.
        """
        kept = None if raw is None else self._keep(raw, metric)
        quality = gates.of_intervals(rates) if rates else {}
        if moved is not None:
            quality |= gates.of_moved(moved, self._noise, node_memory_bytes=self._node_memory_bytes)
        self._bench.store.add_sample(
            Sample(
                metric=metric,
                value=value,
                cell=str(self._boot.cell),
                round=self._boot.round,
                position=self._boot.position,
                attempt=self._boot.attempt,
                boot=self._boot.id,
                scenario=self._scenario,
                started=self._started.isoformat(timespec="milliseconds"),
                elapsed_s=self._elapsed_s,
                raw=kept,
                noise={name: v for name, v in self._noise.items() if not name.startswith(PREFIX)},
                cost={
                    name.removeprefix(PREFIX): value
                    for name, value in self._noise.items()
                    if name.startswith(PREFIX)
                },
                conditions={} if kept is None else self._conditions[kept],
                quality=quality,
            )
        )

    @property
    def _node_memory_bytes(self) -> int:
        return self._bench.setting.topology.node.memory_mib << 20

    def _keep(self, raw: str, metric: Metric) -> str:
        """Keep a report under the first metric that was read from it; the others share it."""
        if raw not in self._kept:
            suffix = "json" if raw.lstrip().startswith("{") else "txt"
            name = f"{metric.name}.{suffix}"
            kept = self._bench.store.add_raw(self._boot.id, name, raw)
            self._kept[raw], self._conditions[kept] = kept, conditions(raw)
        return self._kept[raw]
