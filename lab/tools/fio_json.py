"""The shape of fio's ``json+`` report, as far as it is read here, and its first checks."""

from __future__ import annotations

import errno
import os
from typing import Annotated

import msgspec

from lab.errors import ToolOutputError
from lab.tools.output import KEPT, decode

REMEDIES = {
    errno.EINVAL: "this file system refuses O_DIRECT: use a guest kernel from 6.12 on, whose 9p"
    " and virtiofs take it, or leave the cell out with --cells",
    errno.ENOSPC: "give the storage more room in the topology, or take a smaller --profile",
}


Percent = Annotated[str, msgspec.Meta(pattern=r"^\d{1,3}(\.\d+)?\Z")]
Depth = Annotated[str, msgspec.Meta(pattern=r"^(>=)?\d{1,9}\Z")]
Errno = Annotated[int, msgspec.Meta(ge=0, le=4095)]
"""The kernel's own limit (include/linux/err.h, MAX_ERRNO)."""


class Wait(msgspec.Struct):
    """A distribution of waits, in ns; without percentiles where nothing was counted."""

    count: int = msgspec.field(name="N")
    mean: float
    percentile: dict[Percent, float] = {}


class Direction(msgspec.Struct):
    """Reads or writes of a job; ``bw`` is in KiB/s, ``runtime`` in ms."""

    io_bytes: int
    bw: float
    bw_bytes: float
    iops: float
    runtime: float
    short_ios: int
    drop_ios: int
    clat_ns: Wait


class Sync(msgspec.Struct):
    """The fsyncs of a job."""

    lat_ns: Wait


class Job(msgspec.Struct):
    """One job, with the options it was given after its name."""

    name: str = msgspec.field(name="jobname")
    error: Errno
    options: dict[str, str] = msgspec.field(name="job options")
    read: Direction
    write: Direction
    sync: Sync
    iodepth_level: dict[Depth, float]

    @property
    def directions(self) -> list[Direction]:
        """Those in which something was moved."""
        return [direction for direction in (self.read, self.write) if direction.io_bytes]


class Report(msgspec.Struct):
    """All of one invocation."""

    version: str = msgspec.field(name="fio version")
    jobs: list[Job]


def decoded(text: str) -> tuple[tuple[str, ...], Report]:
    """
    The messages that come before a report, and the report.

    Raises:
        ToolOutputError: if a message tells of an error, or there is no job.
    """
    lines = text.splitlines()
    start = lines.index("{") if "{" in lines else 0
    messages = tuple(line for line in lines[:start] if line.strip())
    report = decode("\n".join(lines[start:]), Report, tool="fio")
    if not report.jobs:
        raise unbelievable("it has no job")
    failed = [line for line in messages if "err=" in line or "rror:" in line]
    if failed and not any(job.error for job in report.jobs):
        raise ToolOutputError(f"fio: {failed[0]}", remedy=KEPT)
    return messages, report


def failure(job: Job) -> ToolOutputError:
    """An error that says what ended *job*."""
    problem = f"fio: {job.name} failed: {os.strerror(job.error)} (errno {job.error})"
    return ToolOutputError(problem, remedy=REMEDIES.get(job.error, KEPT))


def unbelievable(problem: str) -> ToolOutputError:
    """An error that says why a report is refused."""
    return ToolOutputError(f"fio's report cannot be believed: {problem}", remedy=KEPT)
