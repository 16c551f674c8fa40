"""
Validity gates: whether a value can be what it says it is, asked before any statistics.

A report that contradicts itself is refused where it is read (:mod:`lab.tools`): a flow that moved
nothing, an interval without a byte, sums that do not add up, a queue that was never as deep as
asked for, O_DIRECT refused; and counters of devices that stood still are a matter of evidence
(:mod:`lab.run`). Here is what shows only in a sample as it is kept, or beside other samples.

INVALID is no result; SUSPICIOUS is one with a doubt that its reader must know of. Neither is ever
changed by what one hoped to see: the limits are below.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from lab.sample import Better
from lab.stats import steady
from lab.units import Unit, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lab.sample import Metric, Sample

BETTER_THAN_NODE = 1.10
"""No guest moves more than the node below it; measured values may differ by so much."""
UNBOUNDED = {"udp_out_jitter", "udp_out_load"}
"""Metrics for which the control is no bound: both follow from how much the guest can send."""
FSYNC = "fsync_p50"
LEAST_FSYNC_S = 20e-6
"""No disk makes 4 KiB durable faster, and few that have a battery; a cache that lies does."""
LEAST_FROM_DISK = 0.5
"""Of what fio read: less from the node's disk means that the node's memory answered."""
LEAST_WORKING_SET = 2.0
"""Times the node's memory: a smaller file can be held by its page cache."""
MAX_UNSTEADY = 0.2
"""Of the samples of a cell: if more are unsteady, the cell is."""

NODE_READ = "node_read_factor"
"""The cache-hit factor of reads: bytes that the node's disks read over bytes that fio read, of all
jobs of one invocation. 0: a cache answered everything; above 1: read-ahead, metadata, the ramp that
fio does not count, or somebody else."""
NODE_WRITTEN = "node_write_factor"
HOST_READ = "host_read_factor"
HOST_WRITTEN = "host_write_factor"
WORKING_SET = "working_set_factor"
"""Size of the file over the node's memory."""
STEADY_RANGE = "window_range"
STEADY_EXCURSION = "window_excursion"
STEADY_LAG_1 = "interval_lag_1"
"""This and the two above: see :class:`lab.stats.steady.Steadiness`."""

STEADY_LIMITS = {
    STEADY_RANGE: steady.MAX_RANGE,
    STEADY_EXCURSION: steady.MAX_EXCURSION,
    STEADY_LAG_1: steady.MAX_LAG_1,
}
ALWAYS_POSITIVE = {
    Unit.BIT_PER_SECOND,
    Unit.BYTE_PER_SECOND,
    Unit.OPERATION_PER_SECOND,
    Unit.SECOND,
    Unit.BYTE,
}


class Mark(StrEnum):
    """What a finding means for the value it is about."""

    INVALID = "INVALID"
    SUSPICIOUS = "suspicious"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One gate that a value did not pass."""

    gate: str
    """The name of the gate, in snake case."""
    mark: Mark
    cell: str
    metric: str
    reason: str
    """For people, with the figures."""
    boot: str = ""
    """Empty if it is about all boots of the cell."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What fio moved in one invocation; a value is of reads or of writes, not of both."""

    read_bytes: int | None = None
    written_bytes: int | None = None
    file_bytes: int


def of_moved(
    moved: Moved, noise: Mapping[str, float | None], *, node_memory_bytes: int
) -> dict[str, float | None]:
    """The quality of a storage sample: which part of what was *moved* the disks saw."""
    factors = {
        NODE_READ: (noise.get("node_disk_read_bytes"), moved.read_bytes),
        HOST_READ: (noise.get("host_disk_read_bytes"), moved.read_bytes),
        NODE_WRITTEN: (noise.get("node_disk_written_bytes"), moved.written_bytes),
        HOST_WRITTEN: (noise.get("host_disk_written_bytes"), moved.written_bytes),
    }
    return {
        **{
            name: None if at_disk is None else at_disk / by_fio
            for name, (at_disk, by_fio) in factors.items()
            if by_fio
        },
        WORKING_SET: moved.file_bytes / node_memory_bytes,
    }


def of_intervals(rates: Sequence[float]) -> dict[str, float | None]:
    """The quality of a sample of a flow with these *rates*: how steady it was."""
    found = steady.steadiness(rates)
    return {
        STEADY_RANGE: found.range,
        STEADY_EXCURSION: found.excursion,
        STEADY_LAG_1: found.lag_1,
    }


def of_sample(sample: Sample) -> tuple[Finding, ...]:
    """What is to be doubted of one *sample* by itself."""
    problems = (
        ("impossible_value", Mark.INVALID, _impossible(sample)),
        ("fsync_too_fast", Mark.SUSPICIOUS, _fsync_too_fast(sample)),
        ("answered_by_cache", Mark.SUSPICIOUS, _answered_by_cache(sample)),
    )
    return tuple(
        Finding(
            gate=gate,
            mark=mark,
            cell=sample.cell,
            metric=sample.metric.name,
            boot=sample.boot,
            reason=reason,
        )
        for gate, mark, reason in problems
        if reason
    )


def of_run(samples: Iterable[Sample], controls: Mapping[str, str]) -> tuple[Finding, ...]:
    """
    What is to be doubted of all *samples* of a run; *controls* has the control of each cell.

    The findings of single samples come first, in the order of these.
    """
    everything = tuple(samples)
    series = _by_cell_and_metric(everything)
    return (
        *(finding for sample in everything for finding in of_sample(sample)),
        *_better_than_node(series, controls),
        *_unsteady(series),
    )


def unsteady(sample: Sample) -> tuple[str, ...]:
    """By which limits the flow of *sample* was not steady; nothing if it was, or nobody knows."""
    return tuple(
        name
        for name, limit in STEADY_LIMITS.items()
        if (value := sample.quality.get(name)) is not None and value > limit
    )


def _impossible(sample: Sample) -> str:
    value, unit = sample.value, sample.metric.unit
    if not math.isfinite(value):
        return f"{value} is no measured value"
    if value < 0 or (value == 0 and unit in ALWAYS_POSITIVE):
        return f"{value:g} {unit} cannot have been measured"
    return ""


def _fsync_too_fast(sample: Sample) -> str:
    if sample.metric.name != FSYNC or sample.value >= LEAST_FSYNC_S:
        return ""
    return (
        f"fsync took {format_value(sample.value, Unit.SECOND)}, less than"
        f" {format_value(LEAST_FSYNC_S, Unit.SECOND)}: nothing was made durable"
    )


def _answered_by_cache(sample: Sample) -> str:
    factor, size = sample.quality.get(NODE_READ), sample.quality.get(WORKING_SET)
    if factor is None or size is None or factor >= LEAST_FROM_DISK or size >= LEAST_WORKING_SET:
        return ""
    return (
        f"{factor:.0%} of what was read came from the node's disk, and the file is"
        f" {size:.2g} times the node's memory"
    )


_Series = dict[tuple[str, str], list["Sample"]]
"""By cell and metric."""


def _by_cell_and_metric(samples: Sequence[Sample]) -> _Series:
    series: _Series = defaultdict(list)
    for sample in samples:
        series[sample.cell, sample.metric.name].append(sample)
    return series


def _better_than_node(series: _Series, controls: Mapping[str, str]) -> Iterator[Finding]:
    for (cell, name), samples in series.items():
        control = series.get((controls.get(cell, ""), name))
        if control is None or name in UNBOUNDED:
            continue
        metric = samples[0].metric
        value, bound = (
            statistics.median(each.value for each in some) for some in (samples, control)
        )
        if value > 0 and bound > 0 and _advantage(metric, value, bound) > BETTER_THAN_NODE:
            yield Finding(
                gate="better_than_node",
                mark=Mark.SUSPICIOUS,
                cell=cell,
                metric=name,
                reason=f"{format_value(value, metric.unit)}, where the node itself has"
                f" {format_value(bound, metric.unit)}",
            )


def _advantage(metric: Metric, value: float, bound: float) -> float:
    return value / bound if metric.better is Better.HIGHER else bound / value


def _unsteady(series: _Series) -> Iterator[Finding]:
    for (cell, name), samples in series.items():
        known = [each for each in samples if any(_steadiness(each))]
        flagged = [each for each in known if unsteady(each)]
        if len(flagged) > MAX_UNSTEADY * len(known):
            yield Finding(
                gate="unsteady",
                mark=Mark.SUSPICIOUS,
                cell=cell,
                metric=name,
                reason=f"{len(flagged)} of {len(known)} flows were in no steady state",
            )


def _steadiness(sample: Sample) -> Iterator[bool]:
    return (sample.quality.get(name) is not None for name in STEADY_LIMITS)
