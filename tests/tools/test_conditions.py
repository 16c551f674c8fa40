"""What a tool's own report says that it worked under."""

from __future__ import annotations

import pytest

from lab.tools.conditions import KERNEL, SEGMENT, conditions
from tests.tools.captured import captured, changed


def test_iperf3_tells_kernel_segment_and_congestion_control() -> None:
    assert conditions(captured("iperf3/3.18-tcp-out.json")) == {
        "iperf3": "iperf 3.18",
        KERNEL: "6.18.44-fc-v509",
        SEGMENT: "1388",
        "congestion control": "cubic",
    }


def test_udp_has_no_segments() -> None:
    report = changed("iperf3/3.18-udp.json", "start/tcp_mss_default", 1388)

    assert conditions(report) == {"iperf3": "iperf 3.18", KERNEL: "6.18.44-fc-v509"}


@pytest.mark.parametrize("before", ["", "fio: something is odd\n"])
def test_fio_tells_its_version(before: str) -> None:
    assert conditions(before + captured("fio/3.39-first-write.json")) == {"fio": "fio-3.39"}


@pytest.mark.parametrize(
    "report",
    ["", "sockperf: Summary", "{", "{}", "[1]", '{"start": 3}', '{"start": {"version": 3}}'],
)
def test_what_is_no_known_report_tells_nothing(report: str) -> None:
    assert conditions(report) == {}
