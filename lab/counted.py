"""
What a machine counts of its own work and waiting, and what it has at the moment of reading.

A machine is asked by one command, :func:`command`, with its exit status ignored: what its
kernel does not offer, or does not tell this user, is missing from the answer, and stays unknown.
Unknown is not clean: it is None, never zero.

Sources: proc(5) for stat, uptime, loadavg, vmstat and meminfo; of the kernel's Documentation,
accounting/psi.rst for pressure, admin-guide/iostats.rst for diskstats, admin-guide/cgroup-v2.rst
for cpu.stat, admin-guide/device-mapper/thin-provisioning.rst for the status of a thin pool;
therm_throt.c (x86) for throttle counts; dmesg(1).
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab import cost, processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Files = Mapping[str, Sequence[str]]

PRESSURES = {name: f"/proc/pressure/{name}" for name in ("cpu", "io", "memory")}
CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
FREQUENCY = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
"""Of one processor: some kernels take 10 ms for each."""
THROTTLES = "/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count"
PROCESSES = "/proc/[0-9]*/stat"
FILES = (
    "/proc/uptime",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/vmstat",
    "/proc/meminfo",
    "/proc/diskstats",
    *PRESSURES.values(),
    CLOCKSOURCE,
    FREQUENCY,
    THROTTLES,
    PROCESSES,
)
CGROUPS_OF_NODE = tuple(
    f"/sys/fs/cgroup/{depth}cpu.stat" for depth in ("", "*/", "*/*/", "kubepods*/*/*/")
)
LINES = (
    r"^( *[0-9]|[a-z_-]+$|(some|full|cpu|btime|oom_kill|pswpin|nr_throttled) "
    r"|(MemAvailable|Dirty|Writeback):)"
)
"""Which lines of them are wanted: numbers, a lone word, and counts by their names."""
READER = "reader"
POOLS = "dmsetup status --target thin-pool --noflush 2>/dev/null"
KERNEL_LOG = "kernel log"
KERNEL_LOG_END = "end of kernel log"
LEVELS = "emerg,alert,crit,err,warn"
SECTOR_BYTES = 512
"""In /proc/diskstats, whatever the disk's own sectors are."""
STEAL = 7
"""Place of the time that the hypervisor gave to others in /proc/stat's ``cpu`` line."""
USER_HZ = 100
"""Ticks in a second, on every machine that the lab runs on."""
BUSY = (0, 1, 2, 5, 6)
"""user (guests' time is in it), nice, system, irq, softirq."""

_WHOLE_DISK = re.compile(r"(?:[sv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$")
_PRESSURE_TOTAL = re.compile(r"^(some|full) .*total=(\d{1,18})$")
_PROCESS = re.compile(r"/proc/\d+/stat$")
_THROTTLE = re.compile(r"/thermal_throttle/\w+$")
_POOL = re.compile(
    r"^ \d+ \d+ thin-pool \d+ (\d{1,15})/([1-9]\d{0,14}) (\d{1,15})/([1-9]\d{0,14}) "
)
_MESSAGE = re.compile(r"\[ *(\d{1,12}\.\d{1,9})\] (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a machine has counted since its start; None is what it does not tell."""

    uptime_s: float | None
    ticks: float | None
    """CPU time of all kinds, of all CPUs, in USER_HZ."""
    stolen_ticks: float | None
    busy_ticks: float | None
    cpu_some_us: float | None
    """Time in which some task waited for a CPU; likewise the next four."""
    io_some_us: float | None
    io_full_us: float | None
    memory_some_us: float | None
    memory_full_us: float | None
    oom_kills: float | None
    swapped_in_pages: float | None
    thermal_throttles: float | None
    """Times that a processor, or its package, was too hot; of all processors."""
    disk_read_bytes: float | None
    """By all whole disks: what no page cache of this machine could answer."""
    disk_written_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What a machine has at the moment of reading; None is what it does not tell."""

    load_1min: float | None
    memory_available_bytes: float | None
    dirty_bytes: float | None
    """What is still to be written to disks."""
    writeback_bytes: float | None
    """What is being written just then."""
    cpu_frequency_hz: float | None
    """Of one processor."""
    pool_used: float | None
    """The fuller of data and metadata of the fullest thin pool, from 0 to 1."""
    booted_s: float | None
    """When the machine was started, by its wall clock: it moves only if that is set."""
    clocksource: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that a machine has told at one time."""

    counters: Counters
    levels: Levels
    throttled: Mapping[str, float]
    """By cgroup: how often its quota has held it back."""
    table: processes.Table = field(repr=False)
    workers: cost.Threads = field(repr=False)
    """Those of vhost."""
    reader: int | None
    """The pid of what read all this."""
    messages: tuple[tuple[float, str], ...] | None
    """The kernel's warnings and worse: seconds since the start, text. None if it keeps them."""


def command(*, cgroups: Iterable[str] = (), is_node: bool = False) -> list[str]:
    """
    What a machine is asked by; it costs some 10 ms there.

    Args:
        cgroups: The cpu.stat files that matter on this machine, besides those of a node.
        is_node: All cgroups and the thin pool of a node are the lab's; of others they are not.
    """
    files = [*FILES, *(CGROUPS_OF_NODE if is_node else ()), *map(shlex.quote, cgroups)]
    lines = (
        f'echo "{READER}:$$"',
        f"grep -EsH '{LINES}' {' '.join(files)}",
        *((POOLS, cost.THREADS) if is_node else ()),
        f"echo '{KERNEL_LOG}'",
        f"dmesg -l {LEVELS} 2>/dev/null && echo '{KERNEL_LOG_END}'",
    )
    return ["sh", "-c", "\n".join(lines)]


def parse(text: str) -> Reading:
    """Read what :func:`command` printed."""
    told, _, log = text.partition(f"\n{KERNEL_LOG}\n")
    files = _by_file(told)
    reader = _first_number(files, READER)
    return Reading(
        counters=_counters(files),
        levels=_levels(files),
        throttled={
            name: count
            for name, lines in files.items()
            for key, count in _pairs(lines)
            if name.endswith("/cpu.stat") and key == "nr_throttled"
        },
        table=processes.parse(
            "\n".join(lines) for name, lines in files.items() if _PROCESS.match(name)
        ),
        workers=cost.threads(files),
        reader=None if reader is None else int(reader),
        messages=_messages(log),
    )


def _counters(files: Files) -> Counters:
    ticks = _cpu_ticks(files)
    has_steal = ticks is not None and len(ticks) > STEAL
    vmstat = dict(_pairs(files.get("/proc/vmstat", ())))
    pressure = {name: _pressure(files, path) for name, path in PRESSURES.items()}
    read_bytes, written_bytes = _disk_bytes(files)
    return Counters(
        uptime_s=_first_number(files, "/proc/uptime"),
        # guest and guest_nice, after steal, are in user and nice already.
        ticks=sum(ticks[: STEAL + 1]) if ticks and has_steal else None,
        stolen_ticks=ticks[STEAL] if ticks and has_steal else None,
        busy_ticks=sum(ticks[place] for place in BUSY) if ticks and has_steal else None,
        cpu_some_us=pressure["cpu"].get("some"),
        io_some_us=pressure["io"].get("some"),
        io_full_us=pressure["io"].get("full"),
        memory_some_us=pressure["memory"].get("some"),
        memory_full_us=pressure["memory"].get("full"),
        oom_kills=vmstat.get("oom_kill"),
        swapped_in_pages=vmstat.get("pswpin"),
        thermal_throttles=_throttles(files),
        disk_read_bytes=read_bytes,
        disk_written_bytes=written_bytes,
    )


def _levels(files: Files) -> Levels:
    kib = {
        line.split(":")[0]: value
        for line in files.get("/proc/meminfo", ())
        if (value := _number(line.partition(":")[2].removesuffix("kB"))) is not None
    }

    def memory(name: str) -> float | None:
        return kib[name] * 1024 if name in kib else None

    frequency_khz = _first_number(files, FREQUENCY)
    # A line of dmsetup begins with the pool's name, as those of grep do with the file's.
    pools = [match for lines in files.values() for match in map(_POOL.match, lines) if match]
    return Levels(
        load_1min=_first_number(files, "/proc/loadavg"),
        memory_available_bytes=memory("MemAvailable"),
        dirty_bytes=memory("Dirty"),
        writeback_bytes=memory("Writeback"),
        cpu_frequency_hz=None if frequency_khz is None else frequency_khz * 1000,
        pool_used=max((max(_part(pool, 1), _part(pool, 3)) for pool in pools), default=None),
        booted_s=dict(_pairs(files.get("/proc/stat", ()))).get("btime"),
        clocksource=next(iter(files.get(CLOCKSOURCE, ())), None),
    )


def _messages(log: str) -> tuple[tuple[float, str], ...] | None:
    *lines, last = log.splitlines() or [""]
    if last != KERNEL_LOG_END:
        return None
    found = map(_MESSAGE.match, lines)
    return tuple((float(match[1]), match[2]) for match in found if match)


def _by_file(text: str) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, colon, content = line.partition(":")
        if colon:
            files.setdefault(name, []).append(content)
    return files


def _first_number(files: Files, name: str) -> float | None:
    words = " ".join(files.get(name, ())).split()
    return _number(words[0]) if words else None


def _number(word: str) -> float | None:
    """A number that can be computed with; None if it is none."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _pairs(lines: Sequence[str]) -> list[tuple[str, float]]:
    return [
        (words[0], value)
        for words in map(str.split, lines)
        if len(words) == 2 and (value := _number(words[1])) is not None  # noqa: PLR2004 - a pair
    ]


def _part(match: re.Match[str], group: int) -> float:
    """What group *group* is of the next one."""
    return int(match[group]) / int(match[group + 1])


def _cpu_ticks(files: Files) -> list[float] | None:
    for line in files.get("/proc/stat", ()):
        if line.startswith("cpu "):
            values = [_number(word) for word in line.split()[1:]]
            return None if None in values else [value for value in values if value is not None]
    return None


def _throttles(files: Files) -> float | None:
    counts = [_first_number(files, name) for name in files if _THROTTLE.search(name)]
    return sum(count for count in counts if count is not None) if counts else None


def _pressure(files: Files, path: str) -> dict[str, float]:
    matches = map(_PRESSURE_TOTAL.match, files.get(path, ()))
    return {match[1]: float(match[2]) for match in matches if match}


def _disk_bytes(files: Files) -> tuple[float | None, float | None]:
    """Bytes read and written by all whole disks: partitions and mapped devices lie on these."""
    disks = [
        words
        for words in map(str.split, files.get("/proc/diskstats", ()))
        if len(words) >= 10 and _WHOLE_DISK.match(words[2])  # noqa: PLR2004 - major ... written
    ]
    return _sectors(disks, 5), _sectors(disks, 9)


def _sectors(disks: Sequence[Sequence[str]], place: int) -> float | None:
    """What all *disks* have counted in that place, in bytes; None if one of them does not tell."""
    counts = [_number(words[place]) for words in disks]
    told = [count * SECTOR_BYTES for count in counts if count is not None]
    return sum(told) if told and len(told) == len(counts) else None
