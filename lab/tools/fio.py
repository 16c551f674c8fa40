"""
fio: what a file costs.

One way for all cells, because only like can be compared with like:

- ``ioengine=psync``, one operation at a time. Over 9p asynchronous engines degrade to this
  anyway, silently, so that a deeper queue would compare two different things.
- ``direct=1``: past the guest's page cache, so that each operation takes the path that is
  measured. It is *not* past the node's: virtiofsd and QEMU's 9p server drop O_DIRECT. How much
  reached the node's disk is in the noise record of each sample (``node_disk_read_bytes``).
  9p, virtiofs and ext4 of Linux 6.12 take O_DIRECT, overlayfs on ext4 of 6.18 too (tried);
  where a file system does not, that is an error here, never a silent change to buffered.
- ``fallocate=none``: otherwise extents would be allocated and read back as zeros without I/O.
- ``clock_gettime``: fio's default is the TSC, after a calibration that emulation disturbs.
- The random offsets follow from a seed that is the run's: the same in each of its cells.

Loading fio takes a guest under emulation two seconds, mostly for libraries that are not used
here. So where time is short the jobs of a phase share one invocation, one after the other. In
invocations apart each has its own window, and what it costs the node is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SEQUENTIAL_BLOCK = "1m"
RANDOM_BLOCK = "4k"
VERIFIED_BLOCK = "64k"
VERIFIED_INTERVAL = "4k"

FIRST_WRITE = "first-write"
SEQUENTIAL_READ = "sequential-read"
RANDOM_READ = "random-read"
RANDOM_WRITE = "random-write"
FSYNC = "fsync"
VERIFIED_WRITE = "verified-write"
VERIFY = "verify"

_PROGRAM = ("fio", "--output-format=json+", "--eta=never")
_COMMON = (
    "--ioengine=psync",
    "--direct=1",
    "--fallocate=none",
    "--clocksource=clock_gettime",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Some jobs of fio, one after the other."""

    argv: list[str]
    timed_s: float
    """What its timed jobs take, together."""


def first_write(file: str, *, size_mib: int) -> list[str]:
    """Write a new *file* from end to end, until it is on the disk: allocation is part of it."""
    return [
        *_PROGRAM,
        *_job(FIRST_WRITE, file, size_mib=size_mib),
        *("--rw=write", f"--bs={SEQUENTIAL_BLOCK}", "--end_fsync=1"),
    ]


def reread_and_change(
    file: str,
    *,
    size_mib: int,
    duration_s: float,
    ramp_s: float,
    seed: int,
    are_apart: bool = False,
    limits_iops: Mapping[str, int] | None = None,
) -> tuple[Invocation, ...]:
    """
    Four jobs on a *file* that was written in full, one after the other.

    The first half is read from end to end, once; the other half is for 4 KiB operations at
    random places: reads, writes, and writes with an fsync each, *duration_s* each. In halves,
    so that the second job finds caches as cold as the first.

    Args:
        are_apart: In an invocation each, instead of one for all.
        limits_iops: By job: operations a second that it is held to, on average.
    """
    half_mib = size_mib // 2
    timed = (
        *(f"--bs={RANDOM_BLOCK}", f"--randseed={seed}"),
        *("--time_based=1", f"--runtime={_ms(duration_s)}", f"--ramp_time={_ms(ramp_s)}"),
    )

    def job(name: str, *options: str, offset_mib: int = half_mib) -> list[str]:
        return [
            *_job(name, file, size_mib=half_mib),
            *(f"--offset={offset_mib}m", "--allow_file_create=0", "--stonewall"),
            *options,
            *_limit(name, limits_iops or {}),
        ]

    each_s = duration_s + ramp_s
    jobs = (
        (job(SEQUENTIAL_READ, "--rw=read", f"--bs={SEQUENTIAL_BLOCK}", offset_mib=0), 0.0),
        (job(RANDOM_READ, "--rw=randread", *timed), each_s),
        (job(RANDOM_WRITE, "--rw=randwrite", *timed), each_s),
        (job(FSYNC, "--rw=randwrite", "--fsync=1", *timed), each_s),
    )
    return tuple(
        Invocation(
            argv=[*_PROGRAM, *(word for options, _ in together for word in options)],
            timed_s=sum(seconds for _, seconds in together),
        )
        for together in (((each,) for each in jobs) if are_apart else (jobs,))
    )


def verified_write(file: str, *, size_mib: int, seed: int) -> list[str]:
    """Write *file*, with a checksum in each 4 KiB, and read nothing back."""
    return [
        *_PROGRAM,
        *_job(VERIFIED_WRITE, file, size_mib=size_mib),
        *_verification(seed),
        *("--do_verify=0", "--end_fsync=1"),
    ]


def verify(file: str, *, size_mib: int, seed: int) -> list[str]:
    """Read what :func:`verified_write` wrote, and compare; nothing is written."""
    return [
        *_PROGRAM,
        *_job(VERIFY, file, size_mib=size_mib),
        *_verification(seed),
        *("--verify_only=1", "--allow_file_create=0"),
    ]


def _job(name: str, file: str, *, size_mib: int) -> list[str]:
    # All options after the name: what comes before it is left out of "job options".
    return [f"--name={name}", f"--filename={file}", f"--size={size_mib}m", *_COMMON]


def _limit(name: str, limits_iops: Mapping[str, int]) -> list[str]:
    return [f"--rate_iops={limits_iops[name]}"] if name in limits_iops else []


def _verification(seed: int) -> tuple[str, ...]:
    return (
        *("--rw=randwrite", f"--bs={VERIFIED_BLOCK}", f"--randseed={seed}"),
        *("--verify=crc32c", f"--verify_interval={VERIFIED_INTERVAL}"),
        *("--verify_fatal=1", "--verify_state_save=0"),
    )


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
