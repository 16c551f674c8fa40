"""What a file on the root file system costs: to write first, to read cold, to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.gates import Moved
from lab.sample import Better, Metric
from lab.tools import fio
from lab.tools.fio_report import parse
from lab.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.measure import Measure
    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox
    from lab.tools.fio_report import FioReport

FILE = "/lab/throughput"

FIRST_WRITE = Metric(
    "first_write", Unit.BYTE_PER_SECOND, Better.HIGHER, "First write of a file, with fsync"
)
SEQUENTIAL_READ = Metric(
    "sequential_read", Unit.BYTE_PER_SECOND, Better.HIGHER, "Sequential read, caches dropped"
)
RANDOM_READ = Metric(
    "random_read_4k", Unit.OPERATION_PER_SECOND, Better.HIGHER, "Random read of 4 KiB"
)
RANDOM_READ_P50 = Metric(
    "random_read_4k_p50", Unit.SECOND, Better.LOWER, "Random read of 4 KiB, median latency"
)
RANDOM_READ_P99 = Metric(
    "random_read_4k_p99", Unit.SECOND, Better.LOWER, "Random read of 4 KiB, 99th percentile"
)
RANDOM_WRITE = Metric(
    "random_write_4k", Unit.OPERATION_PER_SECOND, Better.HIGHER, "Random write of 4 KiB"
)
RANDOM_WRITE_P50 = Metric(
    "random_write_4k_p50", Unit.SECOND, Better.LOWER, "Random write of 4 KiB, median latency"
)
RANDOM_WRITE_P99 = Metric(
    "random_write_4k_p99", Unit.SECOND, Better.LOWER, "Random write of 4 KiB, 99th percentile"
)
FSYNC_P50 = Metric("fsync_p50", Unit.SECOND, Better.LOWER, "fsync after 4 KiB, median latency")


def test_file(
    sandbox: Sandbox, profile: Profile, job_limits_iops: Mapping[str, int], measure: Measure
) -> None:
    """A file is written first, then read with cold caches, then changed in place."""
    with measure.watching():
        raw = _first_write(sandbox, profile)
    report = parse(raw)
    measure(
        FIRST_WRITE,
        report.writes[fio.FIRST_WRITE].rate_bytes_per_s,
        raw=raw,
        moved=_written(report, profile),
    )

    sandbox.drop_caches(FILE)
    for invocation in _reread_and_change(profile, job_limits_iops):
        with measure.watching():
            raw = _run(sandbox, profile, invocation)
        report = parse(raw)
        for metric, value in _of_reads(report):
            measure(metric, value, raw=raw, moved=_read(report, profile))
        for metric, value in _of_writes(report):
            measure(metric, value, raw=raw, moved=_written(report, profile))


def _read(report: FioReport, profile: Profile) -> Moved:
    """What all jobs of an invocation have read: the disks' counters do not tell them apart."""
    total = sum(transfer.moved_bytes for transfer in report.reads.values())
    return Moved(read_bytes=total, file_bytes=profile.file_mib << 20)


def _written(report: FioReport, profile: Profile) -> Moved:
    total = sum(transfer.moved_bytes for transfer in report.writes.values())
    return Moved(written_bytes=total, file_bytes=profile.file_mib << 20)


def _of_reads(report: FioReport) -> Iterator[tuple[Metric, float]]:
    if read := report.reads.get(fio.SEQUENTIAL_READ):
        yield SEQUENTIAL_READ, read.rate_bytes_per_s
    if read := report.reads.get(fio.RANDOM_READ):
        yield RANDOM_READ, read.rate_iops
        yield RANDOM_READ_P50, read.latency.percentile_s(50)
        if read.latency.resolves(99):
            yield RANDOM_READ_P99, read.latency.percentile_s(99)


def _of_writes(report: FioReport) -> Iterator[tuple[Metric, float]]:
    if write := report.writes.get(fio.RANDOM_WRITE):
        yield RANDOM_WRITE, write.rate_iops
        yield RANDOM_WRITE_P50, write.latency.percentile_s(50)
        if write.latency.resolves(99):
            yield RANDOM_WRITE_P99, write.latency.percentile_s(99)
    if sync := report.syncs.get(fio.FSYNC):
        yield FSYNC_P50, sync.percentile_s(50)


def _first_write(sandbox: Sandbox, profile: Profile) -> str:
    argv = fio.first_write(FILE, size_mib=profile.file_mib)
    return sandbox.run(argv, timeout_s=profile.file_deadline_s, check=False).stdout


def _reread_and_change(
    profile: Profile, limits_iops: Mapping[str, int]
) -> tuple[fio.Invocation, ...]:
    return fio.reread_and_change(
        FILE,
        size_mib=profile.file_mib,
        duration_s=profile.fio_s,
        ramp_s=profile.fio_ramp_s,
        seed=profile.seed,
        are_apart=profile.fio_apart,
        limits_iops=limits_iops,
    )


def _run(sandbox: Sandbox, profile: Profile, jobs: fio.Invocation) -> str:
    timeout_s = profile.deadline_s(jobs.timed_s) + profile.file_deadline_s
    done = sandbox.run(jobs.argv, timeout_s=timeout_s, expected_s=jobs.timed_s, check=False)
    return done.stdout
