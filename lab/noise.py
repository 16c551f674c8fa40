"""What disturbed a measurement: what a machine counted from before it to after it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from lab import cost, processes
from lab.contamination import is_chatter
from lab.counted import USER_HZ, Counters, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.processes import Own

    Files = Mapping[str, Sequence[str]]


def between(
    before: Reading, after: Reading, *, where: str, own: Own | None, is_virtual: bool
) -> dict[str, float | None]:
    """
    What happened from one reading to the other, under names that begin with *where*.

    Pressure is the part of the time, from 0 to 1, in which something waited; steal is a part
    of all CPU time. ``own_cpu``, ``foreign_cpu`` and ``kernel_cpu`` are numbers of processors,
    the lab's own by *own*; so is what begins with ``cost_``, of a node (:mod:`lab.cost`). Levels
    are those of the second reading, but for what was still to be written when the first was
    taken. A counter that ran backwards (the machine was started anew) is unknown.

    Args:
        before: The earlier reading.
        after: The later one.
        where: ``host`` or ``node``.
        own: None if it is not known which processes are the lab's.
        is_virtual: Some hypervisor runs the machine. If that has stolen nothing since its start,
            it does not tell what it steals.
    """
    grown = {
        each.name: _growth(getattr(before.counters, each.name), getattr(after.counters, each.name))
        for each in fields(Counters)
    }
    elapsed_s = grown["uptime_s"]
    elapsed_us = None if elapsed_s is None else elapsed_s * 1e6
    tells_steal = not is_virtual or bool(after.counters.stolen_ticks)
    record = {
        "elapsed_s": elapsed_s,
        "steal": _ratio(grown["stolen_ticks"], grown["ticks"]) if tells_steal else None,
        "cpu_busy": _ratio(grown["busy_ticks"], grown["ticks"]),
        **_cpus(before, after, own, elapsed_s),
        "load_1min": after.levels.load_1min,
        "cpu_pressure": _ratio(grown["cpu_some_us"], elapsed_us),
        "io_pressure": _ratio(grown["io_some_us"], elapsed_us),
        "io_pressure_full": _ratio(grown["io_full_us"], elapsed_us),
        "memory_pressure": _ratio(grown["memory_some_us"], elapsed_us),
        "memory_pressure_full": _ratio(grown["memory_full_us"], elapsed_us),
        "oom_kills": grown["oom_kills"],
        "swapped_in_pages": grown["swapped_in_pages"],
        "disk_read_bytes": grown["disk_read_bytes"],
        "disk_written_bytes": grown["disk_written_bytes"],
        "memory_available_bytes": after.levels.memory_available_bytes,
        "dirty_bytes": before.levels.dirty_bytes,
        "writeback_bytes": before.levels.writeback_bytes,
        "thermal_throttles": grown["thermal_throttles"],
        "cgroup_throttles": _throttled(before, after),
        "cpu_frequency_hz": after.levels.cpu_frequency_hz,
        "clocksource_changed": _changed(before, after),
        "clock_step_s": _distance(before.levels.booted_s, after.levels.booted_s),
        "kernel_messages": _said(before, after),
        "pool_used": after.levels.pool_used,
    }
    if where == "node":
        spent = cost.between(
            (before.table, before.workers),
            (after.table, after.workers),
            ticks=None if elapsed_s is None else elapsed_s * USER_HZ,
        )
        record |= {f"cost_{name}": value for name, value in spent.items()}
    return {f"{where}_{name}": value for name, value in record.items()}


def told(before: Reading, after: Reading, *, where: str, own: Own | None) -> list[str]:
    """For people: what the kernel said between the readings, and who else was at work."""
    busiest = processes.foreign(before.table, after.table, _with_reader(own, after)) if own else ()
    return [
        *(f"{where}: kernel: {text}" for text in _new_messages(before, after)),
        *(f"{where}: {name} (pid {pid}): {ticks / USER_HZ:g} s" for ticks, pid, name in busiest),
    ]


def _new_messages(before: Reading, after: Reading) -> tuple[str, ...]:
    """What the kernel has said between the readings and is no chatter."""
    last = max((when for when, _ in before.messages or ()), default=-1.0)
    return tuple(
        text for when, text in after.messages or () if when > last and not is_chatter(text)
    )


def _said(before: Reading, after: Reading) -> float | None:
    is_known = before.messages is not None and after.messages is not None
    return float(len(_new_messages(before, after))) if is_known else None


def _cpus(
    before: Reading, after: Reading, own: Own | None, elapsed_s: float | None
) -> dict[str, float | None]:
    """Numbers of processors by whose they were."""
    shares = processes.shares(before.table, after.table, _with_reader(own, after)) if own else None
    if shares is None or not elapsed_s:
        return dict.fromkeys(("own_cpu", "foreign_cpu", "kernel_cpu"))
    return {
        "own_cpu": shares.own / USER_HZ / elapsed_s,
        "foreign_cpu": shares.foreign / USER_HZ / elapsed_s,
        "kernel_cpu": shares.kernel / USER_HZ / elapsed_s,
    }


def _with_reader(own: Own, reading: Reading) -> Own:
    """What has just read all this is the lab's, too."""
    return own if reading.reader is None else replace(own, pids=own.pids | {reading.reader})


def _throttled(before: Reading, after: Reading) -> float | None:
    """By all cgroups that are still there; those that are new began at 0."""
    if not after.throttled:
        return None
    return sum(
        max(0.0, count - before.throttled.get(name, 0.0)) for name, count in after.throttled.items()
    )


def _changed(before: Reading, after: Reading) -> float | None:
    one, other = before.levels.clocksource, after.levels.clocksource
    return None if one is None or other is None else float(one != other)


def _growth(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or after < before:
        return None
    return after - before


def _distance(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else abs(after - before)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole
