"""Counters of a machine, and what happened between two readings."""

from __future__ import annotations

import re

import pytest

from lab import command, noise
from tests.tools.captured import captured

BEFORE = captured("noise/6.18-before.txt")
AFTER = captured("noise/6.18-after.txt")


def test_counters_of_a_machine() -> None:
    counters = noise.parse(BEFORE)

    assert counters.uptime_s == 2711.41
    assert counters.stolen_ticks == 302
    assert counters.ticks == 153427 + 713 + 43501 + 331265 + 4638 + 0 + 5092 + 302
    assert counters.busy_ticks == 153427 + 713 + 43501 + 0 + 5092
    assert counters.load_1min == 4.66
    assert counters.cpu_some_us == 281_459_777
    assert counters.io_some_us == 52_317_364
    assert counters.io_full_us == 34_339_063
    assert counters.memory_full_us == 0
    assert counters.oom_kills == 0
    assert counters.swapped_in_pages == 0
    assert counters.disk_read_bytes == 22_643_304 * 512
    assert counters.disk_written_bytes == 53_157_736 * 512


def test_what_happened_between_two_readings() -> None:
    record = noise.between(noise.parse(BEFORE), noise.parse(AFTER), where="node")

    assert record["node_elapsed_s"] == pytest.approx(1.0)
    assert record["node_steal"] == 0
    assert record["node_cpu_busy"] == pytest.approx((55 + 54 + 2) / (55 + 54 + 84 + 2 + 2))
    assert record["node_cpu_pressure"] == pytest.approx(0.072581)
    assert record["node_io_pressure"] == pytest.approx(0.021237)
    assert record["node_io_pressure_full"] == pytest.approx(0.016080)
    assert record["node_memory_pressure_full"] == 0
    assert record["node_load_1min"] == 4.66
    assert record["node_oom_kills"] == 0
    assert record["node_swapped_in_pages"] == 0
    assert record["node_disk_read_bytes"] == 0
    assert record["node_disk_written_bytes"] == (53_199_216 - 53_157_736) * 512


def test_stolen_time_is_a_part_of_all_cpu_time() -> None:
    after = AFTER.replace(" 5094 302 0 0", " 5094 322 0 0", 1)

    record = noise.between(noise.parse(BEFORE), noise.parse(after), where="node")

    assert record["node_steal"] == pytest.approx(20 / 217)


def without(text: str, pattern: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not re.search(pattern, line))


@pytest.mark.parametrize(
    ("pattern", "unknown"),
    [
        ("/proc/pressure/", {"cpu_pressure", "io_pressure", "io_pressure_full", "memory_pressure"}),
        ("/proc/stat:cpu ", {"steal", "cpu_busy"}),
        ("oom_kill ", {"oom_kills"}),
        ("pswpin", {"swapped_in_pages"}),
        (" vda ", {"disk_read_bytes", "disk_written_bytes"}),
        ("/proc/loadavg", {"load_1min"}),
        ("/proc/uptime", {"elapsed_s", "cpu_pressure", "io_pressure"}),
        ("", {"elapsed_s", "steal", "load_1min", "oom_kills", "disk_read_bytes"}),
    ],
)
def test_what_is_not_told_is_unknown_not_zero(pattern: str, unknown: set[str]) -> None:
    before, after = (noise.parse(without(text, pattern)) for text in (BEFORE, AFTER))

    record = noise.between(before, after, where="node")

    assert {record[f"node_{name}"] for name in unknown} == {None}


def test_kernel_without_steal_does_not_report_its_absence() -> None:
    old = re.sub(r"(/proc/stat:cpu (?: \d+){7}).*", r"\1", BEFORE)

    assert noise.parse(old).stolen_ticks is None


def test_garbled_line_is_unknown() -> None:
    garbled = BEFORE.replace("/proc/stat:cpu  153427", "/proc/stat:cpu  ??????")

    assert noise.parse(garbled).ticks is None


def test_restarted_machine_has_no_differences() -> None:
    record = noise.between(noise.parse(AFTER), noise.parse(BEFORE), where="node")

    assert record["node_elapsed_s"] is None
    assert record["node_cpu_pressure"] is None
    assert record["node_cpu_busy"] is None


def test_no_time_between_two_readings_has_no_ratios() -> None:
    record = noise.between(noise.parse(BEFORE), noise.parse(BEFORE), where="node")

    assert record["node_elapsed_s"] == 0
    assert record["node_steal"] is None
    assert record["node_cpu_pressure"] is None


@pytest.mark.parametrize("name", ["vda1", "dm-0", "loop0", "nvme0n1p2", "sr0", "md0", "zram0"])
def test_only_whole_disks_are_counted(name: str) -> None:
    line = f"/proc/diskstats: 8 1 {name} 10 0 1000 5 10 0 1000 5 0 5 10\n"

    assert noise.parse(BEFORE + line).disk_read_bytes == noise.parse(BEFORE).disk_read_bytes


@pytest.mark.parametrize("name", ["vdb", "sda", "nvme0n1", "mmcblk0", "xvdb"])
def test_disks_are_added_up(name: str) -> None:
    line = f"/proc/diskstats: 8 0 {name} 10 0 1000 5 10 0 2000 5 0 5 10\n"

    counters = noise.parse(BEFORE + line)

    assert counters.disk_read_bytes == (22_643_304 + 1000) * 512
    assert counters.disk_written_bytes == (53_157_736 + 2000) * 512


def test_one_command_reads_all_of_it_here() -> None:
    done = command.run(noise.COMMAND, timeout_s=10, check=False)

    counters = noise.parse(done.stdout)
    assert counters.uptime_s is not None
    assert counters.uptime_s > 0
    assert counters.ticks is not None
