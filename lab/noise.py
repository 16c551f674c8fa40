"""
What disturbs a measurement, read from a machine before and after it.

A machine is asked by one command, :data:`COMMAND`, with its exit status ignored: what its
kernel does not offer is missing from the answer, and stays unknown. Unknown is not clean:
it is None, never zero.

Sources: proc(5) for stat, uptime, loadavg and vmstat; the kernel's
Documentation/accounting/psi.rst for pressure and admin-guide/iostats.rst for diskstats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILES = (
    "/proc/uptime",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/vmstat",
    "/proc/diskstats",
    "/proc/pressure/cpu",
    "/proc/pressure/io",
    "/proc/pressure/memory",
)
COMMAND = ("grep", "-sH", "", *FILES)
"""Prints each line of each file after ``FILE:``; a file that is not there is left out."""
SECTOR_BYTES = 512
"""In /proc/diskstats, whatever the disk's own sectors are."""
STEAL = 7
"""Place of the time that the hypervisor gave to others in /proc/stat's ``cpu`` line."""
BUSY = (0, 1, 2, 5, 6)
"""user (guests' time is in it), nice, system, irq, softirq."""

_WHOLE_DISK = re.compile(r"(?:[sv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$")
_PRESSURE_TOTAL = re.compile(r"^(some|full) .*total=(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a machine has counted since its start; None is what it does not tell."""

    uptime_s: float | None
    ticks: float | None
    """CPU time of all kinds, of all CPUs, in USER_HZ."""
    stolen_ticks: float | None
    busy_ticks: float | None
    load_1min: float | None
    """The one that is a level, not a count."""
    cpu_some_us: float | None
    """Time in which some task waited for a CPU; likewise the next four."""
    io_some_us: float | None
    io_full_us: float | None
    memory_some_us: float | None
    memory_full_us: float | None
    oom_kills: float | None
    swapped_in_pages: float | None
    disk_read_bytes: float | None
    """By all whole disks: what no page cache of this machine could answer."""
    disk_written_bytes: float | None


def parse(text: str) -> Counters:
    """Read what :data:`COMMAND` printed."""
    files = _by_file(text)
    ticks = _cpu_ticks(files)
    has_steal = ticks is not None and len(ticks) > STEAL
    vmstat = dict(_pairs(files.get("/proc/vmstat", ())))
    pressure = {name: _pressure(files, name) for name in ("cpu", "io", "memory")}
    read_bytes, written_bytes = _disk_bytes(files)
    return Counters(
        uptime_s=_first_number(files, "/proc/uptime"),
        # guest and guest_nice, after steal, are in user and nice already.
        ticks=sum(ticks[: STEAL + 1]) if ticks and has_steal else None,
        stolen_ticks=ticks[STEAL] if ticks and has_steal else None,
        busy_ticks=sum(ticks[place] for place in BUSY) if ticks and has_steal else None,
        load_1min=_first_number(files, "/proc/loadavg"),
        cpu_some_us=pressure["cpu"].get("some"),
        io_some_us=pressure["io"].get("some"),
        io_full_us=pressure["io"].get("full"),
        memory_some_us=pressure["memory"].get("some"),
        memory_full_us=pressure["memory"].get("full"),
        oom_kills=vmstat.get("oom_kill"),
        swapped_in_pages=vmstat.get("pswpin"),
        disk_read_bytes=read_bytes,
        disk_written_bytes=written_bytes,
    )


def between(before: Counters, after: Counters, *, where: str) -> dict[str, float | None]:
    """
    What happened from one reading to the other, under names that begin with *where*.

    Pressure is the part of the time, from 0 to 1, in which something waited; steal is a part
    of all CPU time. A counter that ran backwards (the machine was started anew) is unknown.
    """
    grown = {
        field.name: _growth(getattr(before, field.name), getattr(after, field.name))
        for field in fields(Counters)
    }
    elapsed_s = grown["uptime_s"]
    elapsed_us = None if elapsed_s is None else elapsed_s * 1e6
    record = {
        "elapsed_s": elapsed_s,
        "steal": _ratio(grown["stolen_ticks"], grown["ticks"]),
        "cpu_busy": _ratio(grown["busy_ticks"], grown["ticks"]),
        "load_1min": after.load_1min,
        "cpu_pressure": _ratio(grown["cpu_some_us"], elapsed_us),
        "io_pressure": _ratio(grown["io_some_us"], elapsed_us),
        "io_pressure_full": _ratio(grown["io_full_us"], elapsed_us),
        "memory_pressure": _ratio(grown["memory_some_us"], elapsed_us),
        "memory_pressure_full": _ratio(grown["memory_full_us"], elapsed_us),
        "oom_kills": grown["oom_kills"],
        "swapped_in_pages": grown["swapped_in_pages"],
        "disk_read_bytes": grown["disk_read_bytes"],
        "disk_written_bytes": grown["disk_written_bytes"],
    }
    return {f"{where}_{name}": value for name, value in record.items()}


def _growth(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or after < before:
        return None
    return after - before


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _by_file(text: str) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, colon, content = line.partition(":")
        if colon:
            files.setdefault(name, []).append(content)
    return files


def _first_number(files: Mapping[str, Sequence[str]], name: str) -> float | None:
    words = " ".join(files.get(name, ())).split()
    return _number(words[0]) if words else None


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _pairs(lines: Sequence[str]) -> list[tuple[str, float]]:
    return [
        (words[0], value)
        for words in map(str.split, lines)
        if len(words) == 2 and (value := _number(words[1])) is not None  # noqa: PLR2004 - a pair
    ]


def _cpu_ticks(files: Mapping[str, Sequence[str]]) -> list[float] | None:
    for line in files.get("/proc/stat", ()):
        if line.startswith("cpu "):
            values = [_number(word) for word in line.split()[1:]]
            return None if None in values else [value for value in values if value is not None]
    return None


def _pressure(files: Mapping[str, Sequence[str]], name: str) -> dict[str, float]:
    matches = map(_PRESSURE_TOTAL.match, files.get(f"/proc/pressure/{name}", ()))
    return {match[1]: float(match[2]) for match in matches if match}


def _disk_bytes(files: Mapping[str, Sequence[str]]) -> tuple[float | None, float | None]:
    """Bytes read and written by all whole disks: partitions and mapped devices lie on these."""
    disks = [
        words
        for words in map(str.split, files.get("/proc/diskstats", ()))
        if len(words) >= 10 and _WHOLE_DISK.match(words[2])  # noqa: PLR2004 - major ... written
    ]
    if not disks:
        return None, None
    read = sum(int(words[5]) for words in disks) * SECTOR_BYTES
    written = sum(int(words[9]) for words in disks) * SECTOR_BYTES
    return float(read), float(written)
