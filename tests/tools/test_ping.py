"""ping: argv, and what became of the packets."""

from __future__ import annotations

import pytest

from lab.errors import ToolOutputError
from lab.tools.ping import parse, ping
from tests.tools.captured import captured

ANSWERED = captured("ping/20240905-answered.out")


def test_packet_size_is_that_of_the_whole_packet() -> None:
    argv = ping("198.18.0.1", packet_bytes=1440, may_fragment=False)

    assert " ".join(argv) == "ping -n -c 1 -i 0.2 -W 1 -s 1412 -M do 198.18.0.1"


def test_all_requests_are_answered() -> None:
    report = parse(ANSWERED, stderr="")

    assert (report.sent, report.received, report.duplicates) == (3, 3, 0)
    assert report.all_answered
    assert report.ttls == (64, 64, 64)
    assert report.round_trips_s == pytest.approx((0.341e-3, 0.054e-3, 0.051e-3))
    assert not report.is_too_long


def test_hop_takes_one_from_the_ttl() -> None:
    assert parse(captured("ping/20240905-routed.out"), stderr="").ttls == (63,)


def test_packet_as_long_as_the_mtu_passes() -> None:
    report = parse(captured("ping/20240905-mtu-exact.out"), stderr="")

    assert report.all_answered
    assert not report.is_too_long


def test_packet_one_byte_longer_is_refused_by_this_system() -> None:
    report = parse(
        captured("ping/20240905-mtu-over.out"), stderr=captured("ping/20240905-mtu-over.err")
    )

    assert report.received == 0
    assert report.is_too_long


def test_router_says_that_a_packet_is_too_long() -> None:
    report = parse(captured("ping/20240905-fragmentation-needed.out"), stderr="")

    assert report.received == 0
    assert report.is_too_long


@pytest.mark.parametrize("case", ["silent", "unreachable-host"])
def test_no_answer_is_an_observation(case: str) -> None:
    report = parse(captured(f"ping/20240905-{case}.out"), stderr="")

    assert report.sent > 0
    assert report.received == 0
    assert not report.all_answered
    assert not report.is_too_long


def test_copied_packets_are_counted() -> None:
    again = "64 bytes from 198.18.7.2: icmp_seq=1 ttl=64 time=0.400 ms (DUP!)\n"
    text = ANSWERED.replace("\n\n---", f"\n{again}\n---").replace(
        "3 received,", "3 received, +1 duplicates,"
    )

    report = parse(text, stderr="")

    assert (report.received, report.duplicates) == (3, 1)
    assert len(report.round_trips_s) == 3


BROKEN = {
    "empty": ("", "", "it printed nothing"),
    "unreachable": ("", captured("ping/20240905-unreachable.err"), "Network is unreachable"),
    "truncated": (ANSWERED[: ANSWERED.index("---")], "", "time=0.051 ms"),
    "nothing-sent": (
        "0 packets transmitted, 0 received, 100% packet loss, time 0ms",
        "",
        "sent nothing",
    ),
    "answer-missing": (
        ANSWERED.replace("icmp_seq=2", "icmp_seq=?"),
        "",
        "counted 3 answers and 0 duplicates, but printed 2 and 0",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_output_is_refused_with_its_reason(case: str) -> None:
    stdout, stderr, problem = BROKEN[case]

    with pytest.raises(ToolOutputError, match=problem) as caught:
        parse(stdout, stderr=stderr)
    assert caught.value.remedy
