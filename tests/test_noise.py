"""Counters of a machine, and what happened between two readings."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from lab import command, counted, noise
from lab.contamination import RULES, judge
from lab.processes import Own
from tests.tools.captured import captured

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = captured("noise/6.18-before.txt")
AFTER = captured("noise/6.18-after.txt")
HOST_BEFORE = captured("noise/6.18-host-before.txt")
HOST_AFTER = captured("noise/6.18-host-after.txt")
EMULATED = Own(pids=frozenset({22607, 22667}))
"""The lab and its node's QEMU on the recorded host."""


def between(before: str, after: str, *, is_virtual: bool = False) -> dict[str, float | None]:
    readings = counted.parse(before), counted.parse(after)
    return noise.between(*readings, where="node", own=Own(), is_virtual=is_virtual)


def on_host(after: str = HOST_AFTER, own: Own | None = EMULATED) -> dict[str, float | None]:
    readings = counted.parse(HOST_BEFORE), counted.parse(after)
    return noise.between(*readings, where="host", own=own, is_virtual=True)


def test_counters_of_a_machine() -> None:
    reading = counted.parse(BEFORE)
    counters = reading.counters

    assert counters.uptime_s == 2711.41
    assert counters.stolen_ticks == 302
    assert counters.ticks == 153427 + 713 + 43501 + 331265 + 4638 + 0 + 5092 + 302
    assert counters.busy_ticks == 153427 + 713 + 43501 + 0 + 5092
    assert reading.levels.load_1min == 4.66
    assert counters.cpu_some_us == 281_459_777
    assert counters.io_some_us == 52_317_364
    assert counters.io_full_us == 34_339_063
    assert counters.memory_full_us == 0
    assert counters.oom_kills == 0
    assert counters.swapped_in_pages == 0
    assert counters.disk_read_bytes == 22_643_304 * 512
    assert counters.disk_written_bytes == 53_157_736 * 512


def test_what_happened_between_two_readings() -> None:
    record = between(BEFORE, AFTER)

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

    record = between(BEFORE, after)

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
    record = between(*(without(text, pattern) for text in (BEFORE, AFTER)))

    assert {record[f"node_{name}"] for name in unknown} == {None}


def test_kernel_without_steal_does_not_report_its_absence() -> None:
    old = re.sub(r"(/proc/stat:cpu (?: \d+){7}).*", r"\1", BEFORE)

    assert counted.parse(old).counters.stolen_ticks is None


def test_garbled_line_is_unknown() -> None:
    garbled = BEFORE.replace("/proc/stat:cpu  153427", "/proc/stat:cpu  ??????")

    assert counted.parse(garbled).counters.ticks is None


def test_restarted_machine_has_no_differences() -> None:
    record = between(AFTER, BEFORE)

    assert record["node_elapsed_s"] is None
    assert record["node_cpu_pressure"] is None
    assert record["node_cpu_busy"] is None


def test_no_time_between_two_readings_has_no_ratios() -> None:
    record = between(BEFORE, BEFORE)

    assert record["node_elapsed_s"] == 0
    assert record["node_steal"] is None
    assert record["node_cpu_pressure"] is None


@pytest.mark.parametrize("name", ["vda1", "dm-0", "loop0", "nvme0n1p2", "sr0", "md0", "zram0"])
def test_only_whole_disks_are_counted(name: str) -> None:
    line = f"/proc/diskstats: 8 1 {name} 10 0 1000 5 10 0 1000 5 0 5 10\n"

    assert counted.parse(BEFORE + line).counters == counted.parse(BEFORE).counters


@pytest.mark.parametrize("name", ["vdb", "sda", "nvme0n1", "mmcblk0", "xvdb"])
def test_disks_are_added_up(name: str) -> None:
    line = f"/proc/diskstats: 8 0 {name} 10 0 1000 5 10 0 2000 5 0 5 10\n"

    counters = counted.parse(BEFORE + line).counters

    assert counters.disk_read_bytes == (22_643_304 + 1000) * 512
    assert counters.disk_written_bytes == (53_157_736 + 2000) * 512


def test_whose_the_processors_of_a_host_with_an_emulated_node_were() -> None:
    record = on_host()

    assert record["host_elapsed_s"] == pytest.approx(5.01)
    assert record["host_own_cpu"] == pytest.approx(8.08 / 5.01)
    assert record["host_foreign_cpu"] == pytest.approx(0.02 / 5.01)
    assert record["host_kernel_cpu"] == pytest.approx(0.03 / 5.01)
    assert judge(record).flags == ()


def test_a_burnt_core_contaminates_and_is_named() -> None:
    burner = (
        "/proc/31000/stat:31000 (burner) R 1 9 9 0 -1 0 0 0 0 0 480 15 0 0 20 0 1 0 2503900 0\n"
    )
    after = burner + HOST_AFTER

    record = on_host(after)

    assert record["host_foreign_cpu"] == pytest.approx(4.97 / 5.01)
    assert [flag.name for flag in judge(record).flags] == ["host_foreign_cpu"]
    told = noise.told(counted.parse(HOST_BEFORE), counted.parse(after), where="host", own=EMULATED)
    assert told[0] == "host: burner (pid 31000): 4.95 s"


def test_whoever_is_not_known_to_be_the_labs_is_not_told_apart() -> None:
    record = on_host(own=None)

    assert record["host_foreign_cpu"] is None
    assert "host_foreign_cpu" in judge(record).unknown
    assert noise.told(
        counted.parse(HOST_BEFORE), counted.parse(HOST_AFTER), where="host", own=None
    ) == []  # fmt: skip


def test_the_rest_of_what_a_host_tells() -> None:
    record = on_host()

    assert record["host_memory_available_bytes"] == 21_928_944 * 1024
    assert record["host_dirty_bytes"] == 432 * 1024, "what was there before the measurement"
    assert record["host_writeback_bytes"] == 0
    assert record["host_clocksource_changed"] == 0
    assert record["host_clock_step_s"] == 0
    assert record["host_kernel_messages"] == 0
    unknown = {"thermal_throttles", "cgroup_throttles", "cpu_frequency_hz", "pool_used"}
    assert {record[f"host_{name}"] for name in unknown} == {None}


def test_all_that_has_a_rule_is_read() -> None:
    names = {*on_host(), *between(BEFORE, AFTER)}

    assert {rule.name for rule in RULES} <= names


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ("clocksource:tsc", "clocksource:hpet", "clocksource_changed", 1.0),
        ("btime 1795498202", "btime 1795498205", "clock_step_s", 3.0),
        ("oom_kill 0", "oom_kill 1", "oom_kills", 1.0),
        ("pswpin 0", "pswpin 12", "swapped_in_pages", 12.0),
        ("end of kernel log", "[25039.000001] sd 0:0:0:0: timing out command\nend of kernel log",
         "kernel_messages", 1.0),
        ("end of kernel log", "[25039.000001] overlayfs: null uuid\nend of kernel log",
         "kernel_messages", 0.0),
        ("end of kernel log", "dmesg: read kernel buffer failed", "kernel_messages", None),
        ("clocksource:tsc", "clocksource", "clocksource_changed", None),
    ],
)  # fmt: skip
def test_what_happens_to_a_host(old: str, new: str, name: str, value: float | None) -> None:
    assert old in HOST_AFTER

    assert on_host(HOST_AFTER.replace(old, new))[f"host_{name}"] == value


def test_what_a_kernel_says_is_told() -> None:
    said = "[25039.000001] sd 0:0:0:0: timing out command\nend of kernel log"
    after = counted.parse(HOST_AFTER.replace("end of kernel log", said))

    told = noise.told(counted.parse(HOST_BEFORE), after, where="host", own=EMULATED)

    assert told[0] == "host: kernel: sd 0:0:0:0: timing out command"


@pytest.mark.parametrize(
    ("is_virtual", "stolen", "steal"), [(True, 0, None), (False, 0, 0.0), (True, 302, 0.0)]
)
def test_a_hypervisor_that_never_stole_does_not_tell(
    stolen: int, steal: float | None, *, is_virtual: bool
) -> None:
    before, after = (text.replace(" 302 0 0", f" {stolen} 0 0", 1) for text in (BEFORE, AFTER))

    assert between(before, after, is_virtual=is_virtual)["node_steal"] == steal


THROTTLE = "/sys/devices/system/cpu/cpu{}/thermal_throttle/{}_throttle_count:{}\n"


def test_throttles_of_all_processors_and_packages_are_added_up() -> None:
    before = BEFORE + THROTTLE.format(0, "core", 5) + THROTTLE.format(1, "package", 7)
    after = AFTER + THROTTLE.format(0, "core", 6) + THROTTLE.format(1, "package", 9)

    assert between(before, after)["node_thermal_throttles"] == 3


def quota(*counts: tuple[str, int]) -> str:
    return "".join(
        f"/sys/fs/cgroup/{name}/cpu.stat:nr_throttled {count}\n" for name, count in counts
    )


@pytest.mark.parametrize(
    ("before", "after", "throttles"),
    [
        ([("a", 5), ("b", 9)], [("a", 7), ("b", 9)], 2.0),
        ([("a", 5)], [("a", 5), ("new", 3)], 3.0),
        ([("a", 5), ("gone", 90)], [("a", 6)], 1.0),
        ([], [], None),
    ],
)
def test_quotas_are_those_of_the_cgroups_that_are_there(
    before: list[tuple[str, int]], after: list[tuple[str, int]], throttles: float | None
) -> None:
    record = between(BEFORE + quota(*before), AFTER + quota(*after))

    assert record["node_cgroup_throttles"] == throttles


POOL = "lab-pool: 0 8388608 thin-pool 1 {} - rw discard_passdown queue_if_no_space - 1024\n"


@pytest.mark.parametrize(
    ("used", "part"), [("10/1000 300/400", 0.75), ("990/1000 300/400", 0.99), ("?/? ?/?", None)]
)
def test_a_pool_is_as_full_as_its_fuller_part(used: str, part: float | None) -> None:
    assert between(BEFORE, AFTER + POOL.format(used))["node_pool_used"] == part


def test_the_frequency_of_a_processor_is_in_hertz() -> None:
    after = AFTER + f"{counted.FREQUENCY}:2900000\n"

    assert between(BEFORE, after)["node_cpu_frequency_hz"] == 2.9e9


@pytest.mark.parametrize("is_node", [False, True])
def test_one_command_reads_all_of_it_here(*, is_node: bool) -> None:
    done = command.run(counted.command(is_node=is_node), timeout_s=10, check=False)

    reading = counted.parse(done.stdout)
    assert reading.counters.uptime_s is not None
    assert reading.counters.uptime_s > 0
    assert reading.counters.ticks is not None
    assert reading.levels.booted_s is not None
    assert reading.levels.memory_available_bytes is not None
    assert any(process.pid == os.getpid() for process in reading.table.values())
    assert reading.reader is not None


def test_one_command_reads_the_cgroups_that_it_is_given(tmp_path: Path) -> None:
    folder = tmp_path / "a cgroup"
    folder.mkdir()
    (folder / "cpu.stat").write_text("nr_periods 7\nnr_throttled 3\nthrottled_usec 9\n")

    done = command.run(
        counted.command(cgroups=[str(folder / "cpu.stat")]), timeout_s=10, check=False
    )

    assert counted.parse(done.stdout).throttled[str(folder / "cpu.stat")] == 3
