"""Whether values can be what they say they are."""

from __future__ import annotations

import math

import pytest

from lab import gates
from lab.gates import Mark, Moved, of_intervals, of_moved, of_run, of_sample
from lab.sample import Better, Metric
from lab.units import Unit
from tests.samples import FSYNC, GOODPUT, sample

CELL = "tcfilter+virtiofs+reference"
RUNC = "veth+overlayfs+runc"
CONTROLS = {CELL: RUNC}
LOSS = Metric("udp_out_loss", Unit.RATIO, Better.LOWER, "loss")
JITTER = Metric("udp_out_jitter", Unit.SECOND, Better.LOWER, "jitter")
NOISE = {
    "node_disk_read_bytes": 3e6, "host_disk_read_bytes": 1e6,
    "node_disk_written_bytes": None, "host_disk_written_bytes": 9e6,
}  # fmt: skip
GIB = 1 << 30
UNSTEADY = {"window_range": 0.5, "window_excursion": 0.4, "interval_lag_1": None}
STEADY = {"window_range": 0.1, "window_excursion": 0.0, "interval_lag_1": 0.0}
CACHED = {gates.NODE_READ: 0.1, gates.WORKING_SET: 0.125}


def found(findings: tuple[gates.Finding, ...]) -> list[tuple[str, Mark]]:
    return [(finding.gate, finding.mark) for finding in findings]


@pytest.mark.parametrize(
    ("value", "metric"),
    [
        (math.nan, GOODPUT), (math.inf, GOODPUT), (-1.0, GOODPUT), (0.0, GOODPUT), (0.0, FSYNC),
        (-0.1, LOSS), (math.nan, LOSS),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_invalid(value: float, metric: Metric) -> None:
    assert found(of_sample(sample(value, metric)))[0] == ("impossible_value", Mark.INVALID)


def test_no_loss_is_a_value() -> None:
    assert of_sample(sample(0.0, LOSS)) == ()


@pytest.mark.parametrize(("value", "gate"), [(19e-6, ["fsync_too_fast"]), (20e-6, []), (5e-3, [])])
def test_an_fsync_that_is_too_fast_is_suspicious(value: float, gate: list[str]) -> None:
    assert [name for name, _ in found(of_sample(sample(value, FSYNC)))] == gate


@pytest.mark.parametrize(
    ("quality", "is_suspicious"),
    [
        (CACHED, True),
        ({**CACHED, gates.NODE_READ: 0.9}, False),
        ({**CACHED, gates.WORKING_SET: 3.0}, False),
        ({**CACHED, gates.NODE_READ: None}, False),
        ({gates.NODE_WRITTEN: 0.1, gates.WORKING_SET: 0.125}, False),
        ({}, False),
    ],
)
def test_what_a_cache_answered_is_suspicious(
    quality: dict[str, float | None], *, is_suspicious: bool
) -> None:
    findings = of_sample(sample(quality=quality))

    assert found(findings) == [("answered_by_cache", Mark.SUSPICIOUS)] * is_suspicious


def test_a_doubt_says_what_of_and_why() -> None:
    (finding,) = of_sample(sample(quality=CACHED))

    assert (finding.cell, finding.metric) == (CELL, "tcp_out_goodput")
    assert finding.boot == f"{CELL}-r1"
    assert finding.reason == (
        "10% of what was read came from the node's disk, and the file is 0.12 times the node's"
        " memory"
    )


def test_the_cache_hit_factor_is_what_the_disks_moved_over_what_fio_moved() -> None:
    moved = Moved(read_bytes=2_000_000, file_bytes=GIB // 2)

    assert of_moved(moved, NOISE, node_memory_bytes=4 * GIB) == {
        "node_read_factor": 1.5, "host_read_factor": 0.5, "working_set_factor": 0.125,
    }  # fmt: skip


def test_a_disk_that_does_not_tell_leaves_the_factor_unknown() -> None:
    moved = Moved(written_bytes=3_000_000, file_bytes=8 * GIB)

    assert of_moved(moved, NOISE, node_memory_bytes=4 * GIB) == {
        "node_write_factor": None, "host_write_factor": 3.0, "working_set_factor": 2.0,
    }  # fmt: skip
    assert of_moved(moved, {}, node_memory_bytes=GIB)["host_write_factor"] is None


@pytest.mark.parametrize(
    ("value", "metric", "is_suspicious"),
    [
        (111.0, GOODPUT, True), (109.0, GOODPUT, False), (50.0, GOODPUT, False),
        (90.0, FSYNC, True), (92.0, FSYNC, False), (500.0, FSYNC, False),
        (1.0, JITTER, False), (0.0, LOSS, False),
    ],
)  # fmt: skip
def test_better_than_the_node_itself_is_suspicious(
    value: float, metric: Metric, *, is_suspicious: bool
) -> None:
    control = [sample(each, metric, cell=RUNC) for each in (99.0, 100.0, 900.0)]

    findings = of_run([sample(value, metric), *control], CONTROLS)

    assert found(findings) == [("better_than_node", Mark.SUSPICIOUS)] * is_suspicious


def test_better_than_the_node_is_about_the_middle_of_all_boots_and_says_both() -> None:
    values = [sample(value) for value in (1.0, 120.0, 130.0)]

    (finding,) = of_run([*values, sample(100.0, cell=RUNC)], CONTROLS)

    assert finding.boot == ""
    assert finding.reason == "120 bit/s, where the node itself has 100 bit/s"


@pytest.mark.parametrize("controls", [{}, {CELL: "veth+devmapper+runc"}])
def test_without_a_control_nothing_is_better_than_it(controls: dict[str, str]) -> None:
    assert of_run([sample(900.0), sample(100.0, cell=RUNC)], controls) == ()


def test_how_steady_a_flow_was_is_part_of_its_quality() -> None:
    ramp = of_intervals([50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 100.0, 100.0, 100.0, 100.0])

    flow = sample(quality=ramp)

    assert gates.unsteady(flow) == ("window_range", "window_excursion", "interval_lag_1")
    assert gates.unsteady(sample(quality=of_intervals([100.0] * 10))) == ()
    assert gates.unsteady(sample(quality=of_intervals([100.0]))) == ()


@pytest.mark.parametrize(
    ("qualities", "is_unsteady"),
    [
        ([UNSTEADY, STEADY, STEADY], True),
        ([UNSTEADY, STEADY, STEADY, STEADY, STEADY], False),
        ([UNSTEADY, {}, {}, {}, {}], True),
        ([STEADY], False),
        ([{}], False),
    ],
)
def test_a_cell_is_unsteady_if_too_many_of_its_known_flows_are(
    qualities: list[dict[str, float | None]], *, is_unsteady: bool
) -> None:
    findings = of_run([sample(quality=quality) for quality in qualities], {})

    assert found(findings) == [("unsteady", Mark.SUSPICIOUS)] * is_unsteady
