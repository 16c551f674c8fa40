"""
Reading fio's ``json+`` report.

Hazards, all of them met in the reports in tests/data/fio: ``bw`` is KiB/s and ``bw_bytes``
byte/s; ``runtime`` is ms, ``clat_ns`` ns; percentiles are keyed ``"99.000000"``; messages may
come before the JSON; a file that is missing gives a report without an error, in which nothing
was moved; with fsync, the shares of ``iodepth_level`` add up to 200 %; ``verify_only`` claims
to have written the whole file, in no time.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import ToolOutputError
from lab.tools.fio_json import Direction, Job, Wait, decoded, failure, unbelievable
from lab.tools.latency import Latency
from lab.tools.output import ENOUGH, LONGER, TOLERANCE, disagree

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_LOST = {errno.EILSEQ, errno.EIO}
"""fio's word for a checksum that does not fit, and for what cannot be read."""
NS = 1e-9
MIB = 1 << 20
MIN_RUNTIME_MS = 10
"""fio counts a job's time in whole ms: below this, one of them is more than 10 %."""
MIN_DEPTH_SHARE = 90.0
"""Percent of operations that must have found the queue as deep as was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What a job read, or what it wrote."""

    moved_bytes: int
    rate_bytes_per_s: float
    rate_iops: float
    seconds: float
    latency: Latency
    """From handing an operation over to its completion (fio: clat)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FioReport:
    """What the jobs of one invocation gave, by the job's name."""

    version: str
    messages: tuple[str, ...]
    """What fio said before the report."""
    reads: Mapping[str, Transfer]
    writes: Mapping[str, Transfer]
    syncs: Mapping[str, Latency]
    """How long the fsyncs of a job took."""


def parse(text: str) -> FioReport:
    """
    Read a report on jobs that were to be timed.

    Raises:
        ToolOutputError: if a job failed, moved nothing, was cut short, or its figures
            contradict each other or what was asked for.
    """
    messages, report = decoded(text)
    for job in report.jobs:
        _check_job(job)
    return FioReport(
        version=report.version,
        messages=messages,
        reads={job.name: _transfer(job, job.read) for job in report.jobs if job.read.io_bytes},
        writes={job.name: _transfer(job, job.write) for job in report.jobs if job.write.io_bytes},
        syncs={job.name: _latency(job.sync.lat_ns) for job in report.jobs if job.sync.lat_ns.count},
    )


def parse_write(text: str) -> None:
    """
    Read the report of :func:`lab.tools.fio.verified_write`.

    Raises:
        ToolOutputError: if the job failed, or did not write all it was to write.
    """
    job = _only_job(text)
    if job.error:
        raise failure(job)
    _check_moved(job, job.write)


def parse_verify(text: str) -> bool:
    """
    Whether all that :func:`lab.tools.fio.verify` read was what had been written.

    A wrong checksum, a file that cannot be read, and a file that is missing or too short (fio
    then moves nothing, and reports no error) are answers; any other failure is an error.

    Raises:
        ToolOutputError: if the job failed for another reason, or did not read everything.
    """
    job = _only_job(text)
    if job.error and job.error not in DATA_LOST:
        raise failure(job)
    if job.error or not job.read.io_bytes:
        return False
    _check_moved(job, job.read)
    return True


def _only_job(text: str) -> Job:
    _, report = decoded(text)
    if len(report.jobs) != 1:
        raise unbelievable(f"it has {len(report.jobs)} jobs, not one")
    return report.jobs[0]


def _check_moved(job: Job, direction: Direction) -> None:
    size_bytes = _number(job, "size", "m") * MIB
    if direction.io_bytes != size_bytes:
        raise unbelievable(f"{job.name} moved {direction.io_bytes} bytes of {size_bytes}")


def _check_job(job: Job) -> None:
    if job.error:
        raise failure(job)
    if not job.directions:
        raise unbelievable(f"{job.name} moved nothing; perhaps its file is missing")
    if "fsync" in job.options and not job.sync.lat_ns.count:
        raise unbelievable(f"{job.name} made no fsync")
    for direction in job.directions:
        _check_figures(job.name, direction)
        _check_extent(job, direction)
    _check_depth(job)


def _check_figures(name: str, direction: Direction) -> None:
    if direction.short_ios or direction.drop_ios:
        raise unbelievable(f"{name}: operations were cut short or dropped")
    if direction.runtime < MIN_RUNTIME_MS:
        raise ToolOutputError(
            f"fio: {name} was over in {direction.runtime:g} ms: too short to time", remedy=LONGER
        )
    if disagree(direction.io_bytes * 1000 / direction.runtime, direction.bw_bytes):
        raise unbelievable(f"{name}: bw_bytes is not its bytes by its time")
    # bw is cut to whole KiB/s.
    if abs(direction.bw * 1024 - direction.bw_bytes) > 1024 + TOLERANCE * direction.bw_bytes:
        raise unbelievable(f"{name}: bw is not bw_bytes in KiB/s")


def _check_extent(job: Job, direction: Direction) -> None:
    """A timed job must have lasted as long, any other have moved as much, as was asked for."""
    if "time_based" not in job.options:
        _check_moved(job, direction)
        return
    asked_ms = _number(job, "runtime", "ms")
    if direction.runtime < ENOUGH * asked_ms:
        raise unbelievable(f"{job.name} ran for {direction.runtime:g} ms of {asked_ms} ms")


def _check_depth(job: Job) -> None:
    depth = _number(job, "iodepth", "") if "iodepth" in job.options else 1
    # The level "8" counts queues of 8 to 15 operations.
    deep_enough = sum(
        share
        for level, share in job.iodepth_level.items()
        if 2 * int(level.removeprefix(">=")) > depth
    )
    if deep_enough < MIN_DEPTH_SHARE:
        raise ToolOutputError(
            f"fio: {job.name} asked for {depth} operations at a time; only {deep_enough:g} % of"
            " them found as many",
            remedy="use an asynchronous engine where the file system has one, or iodepth=1",
        )


def _number(job: Job, option: str, unit: str) -> int:
    value = job.options.get(option, "")
    match = re.fullmatch(rf"(\d{{1,12}}){unit}", value)
    if match is None:
        raise unbelievable(f"{job.name}: {option} is {value!r}, not a number of {unit}")
    return int(match[1])


def _transfer(job: Job, direction: Direction) -> Transfer:
    if direction.clat_ns.count == 0:
        raise unbelievable(f"{job.name} has no latencies: was gtod_reduce set?")
    return Transfer(
        moved_bytes=direction.io_bytes,
        rate_bytes_per_s=direction.bw_bytes,
        rate_iops=direction.iops,
        seconds=direction.runtime / 1000,
        latency=_latency(direction.clat_ns),
    )


def _latency(wait: Wait) -> Latency:
    return Latency(
        count=wait.count,
        mean_s=wait.mean * NS,
        percentiles_s={float(percent): value * NS for percent, value in wait.percentile.items()},
    )
