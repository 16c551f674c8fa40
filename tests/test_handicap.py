"""What holds a handicap, and how one sees that it does."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.design import HELD, held_by
from lab.handicap import (
    DIRECTIONS,
    JOBS,
    LEAST_BURST_BYTES,
    TOWARDS_GUEST,
    TOWARDS_NODE,
    Handicap,
    handicap_of,
)
from lab.matrix import Cell
from lab.runtime import pods
from lab.sample import Better, Metric, Sample
from lab.tools import fio
from lab.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

CELL = Cell.parse("tcfilter+virtiofs+reference+handicap")
POD = pods.custom("boot7", 7)
"""Its MTU is 1440: of 1454 bytes on the wire, 1388 are TCP's payload."""
WIRE = 1454 / 1388


def sample(metric: str, value: float) -> Sample:
    return Sample(
        metric=Metric(metric, Unit.BIT_PER_SECOND, Better.HIGHER, metric),
        value=value,
        cell=str(CELL.plain),
        round=1,
        position=1,
        boot=f"{CELL.plain}-r1",
        scenario="network/test_throughput.py::test_tcp_out",
        started="",
        elapsed_s=1.0,
        raw=None,
        noise={},
    )


SHOWN = (
    sample("tcp_out_goodput", 100e6),
    sample("tcp_in_goodput", 2e9),
    sample("random_read_4k", 1000.4),
    sample("random_write_4k", 0.5),
    sample("first_write", 1e9),
)


def held(shown: Iterable[Sample] = SHOWN, *, cell: Cell = CELL) -> Handicap:
    return handicap_of(cell, shown, pod=POD)


def test_what_holds_a_metric_is_known_for_each_that_is_held() -> None:
    assert {*DIRECTIONS, *JOBS} == set(HELD)
    assert len(HELD) == len(DIRECTIONS) + len(JOBS)


def test_every_metric_that_is_held_is_one_that_a_scenario_records_and_more_is_better() -> None:
    modules = [
        importlib.import_module(f"scenarios.{room}.test_throughput")
        for room in ("network", "storage")
    ]
    metrics = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Metric)
    }

    assert {metrics[name].better for name in HELD} == {Better.HIGHER}


def test_a_handicap_is_held_to_nine_tenths_with_the_headers_on_top() -> None:
    handicap = held()

    assert handicap.rates_bps == pytest.approx(
        {TOWARDS_NODE: 90e6 * WIRE, TOWARDS_GUEST: 1.8e9 * WIRE}
    )
    assert handicap.jobs_iops == {fio.RANDOM_READ: 900, fio.RANDOM_WRITE: 1}


def test_several_samples_of_the_boot_count_as_one_boot() -> None:
    handicap = held([sample("random_read_4k", 100.0), sample("random_read_4k", 400.0)])

    assert handicap.jobs_iops == {fio.RANDOM_READ: 180}, "of their geometric mean, 200"


def test_what_its_cell_has_not_shown_it_is_not_held_in() -> None:
    assert not held([sample("first_write", 1e9)]).is_any
    assert held(SHOWN[:1]).rates_bps.keys() == {TOWARDS_NODE}


def test_a_tap_without_a_veth_is_held_towards_the_guest_only() -> None:
    cell = Cell.parse("none+virtiofs+reference+handicap")

    assert held_by(cell) == HELD[1:]
    assert held(cell=cell).rates_bps.keys() == {TOWARDS_GUEST}


def test_packets_pass_a_token_bucket_each_way() -> None:
    address = POD.address.ip
    assert held().script == (
        "tc -n boot7 qdisc replace dev eth0 root"
        " tbf rate 94279539bit burst 131072 latency 100ms\n"
        f"tc qdisc replace dev $(ip -o route get {address}"
        " | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p') root"
        " tbf rate 1885590778bit burst 2356989 latency 100ms\n"
    )


@given(st.floats(1e3, 400e9))
def test_no_packet_is_larger_than_the_burst(rate_bps: float) -> None:
    """A packet of 64 KiB that is segmented later counts 66 bytes more for each segment."""
    script = Handicap(pod=POD, rates_bps={TOWARDS_NODE: rate_bps}).script

    burst = int(script.partition("burst ")[2].split()[0])
    assert burst >= LEAST_BURST_BYTES > 65536 + 48 * 66
    assert burst * 8 >= rate_bps * 0.01


def shown_by_tc(rate_bps: float, kind: str = "tbf") -> str:
    # As `tc -j qdisc show dev eth0 root` of iproute2 6.1 has it: bytes a second.
    options = {"rate": int(rate_bps / 8), "burst": 131062, "lat": 100000}
    qdisc = {"kind": kind, "handle": "8002:", "root": True, "refcnt": 3, "options": options}
    return json.dumps([qdisc])


def test_a_limit_in_effect_is_a_fact() -> None:
    handicap = held()
    assert list(handicap.questions) == [TOWARDS_NODE, TOWARDS_GUEST]
    assert handicap.questions[TOWARDS_NODE] == "tc -n boot7 -j qdisc show dev eth0 root"

    facts = list(handicap.facts({way: shown_by_tc(bps) for way, bps in handicap.rates_bps.items()}))

    assert [fact.subject for fact in facts] == [TOWARDS_NODE, TOWARDS_GUEST]
    assert all(fact.holds for fact in facts)
    assert facts[0].expected == "tbf, 94279539 bit/s"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Cannot find device",
        "[]",
        '[{"kind":"noqueue"}]',
        '[{"kind":"tbf"}]',
        "{}",
        "null",
        shown_by_tc(94279539, kind="htb"),
        shown_by_tc(100e6),
    ],
)
def test_a_limit_that_is_not_in_effect_contradicts_the_name(answer: str) -> None:
    (fact,) = held(SHOWN[:1]).facts({TOWARDS_NODE: answer})

    assert not fact.holds
