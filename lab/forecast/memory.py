"""What memory a run takes: of this machine for its nodes, and of a node for a sandbox."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lab.run import Run

SANDBOX = "sandbox_memory"
"""The metric that scenarios/lifecycle/test_startup.py measures, in bytes."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What memory a run takes, and what there is."""

    wanted_mib: int
    """Of this machine, for all nodes and beside them."""
    available_mib: int
    cell: str = ""
    """The one whose sandbox takes most, by earlier runs; empty if none has measured it."""
    sandbox_bytes: float | None = None
    """The median of what its boots took."""


def memory(
    wanted_mib: int, available_mib: int, *, runs: Iterable[Run], cells: Collection[str]
) -> Memory:
    """Add to what the topology wants what sandboxes of *cells* have taken in earlier *runs*."""
    taken: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for sample in run.used_samples:
            if sample.metric.name == SANDBOX and sample.cell in cells:
                taken[sample.cell].append(sample.value)
    medians = {cell: statistics.median(values) for cell, values in taken.items()}
    most = max(medians, key=lambda cell: medians[cell], default="")
    return Memory(
        wanted_mib=wanted_mib,
        available_mib=available_mib,
        cell=most,
        sandbox_bytes=medians.get(most),
    )
