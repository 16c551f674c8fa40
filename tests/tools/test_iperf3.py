"""iperf3: argv, and what its reports are believed to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.errors import ToolOutputError
from lab.tools import iperf3
from lab.tools.iperf3_report import TCP_HEADERS_BYTES, parse_tcp, parse_udp
from tests.tools.captured import captured, changed, without

if TYPE_CHECKING:
    from collections.abc import Callable

OUT = "iperf3/3.18-tcp-out.json"
IN = "iperf3/3.18-tcp-in.json"
UDP = "iperf3/3.18-udp.json"
FLOOD = "iperf3/3.18-udp-flood.json"


def test_tcp_client_asks_for_all_that_could_differ_between_cells() -> None:
    argv = iperf3.tcp("198.18.0.1", duration_s=10, omit_s=2, streams=2, reverse=True)

    assert " ".join(argv) == (
        "iperf3 --client 198.18.0.1 --port 5201 --json --connect-timeout 5000 --time 10"
        " --congestion cubic --omit 2 --parallel 2 --reverse"
    )


def test_udp_client_offers_a_load_in_whole_bits_per_second() -> None:
    argv = iperf3.udp("198.18.0.1", duration_s=5, load_bps=375e6 + 0.25)

    assert argv[-5:] == ["--udp", "--bitrate", "375000000", "--length", "1400"]


def test_udp_client_without_a_load_sends_all_it_can() -> None:
    argv = iperf3.udp("198.18.0.1", duration_s=5, load_bps=None)

    assert argv[argv.index("--bitrate") + 1] == "0", "not iperf3's default of 1 Mbit/s"


def test_headline_is_what_the_receiver_counted() -> None:
    report = parse_tcp(captured(OUT))

    assert report.goodput_bps == pytest.approx(6_932_267_008 * 8 / 2.001948)
    assert report.seconds == 2.001948
    assert report.retransmits == 6
    assert report.streams == 1
    assert report.congestion_control == "cubic"


def test_segment_size_is_kept() -> None:
    assert parse_tcp(captured(OUT)).mss_bytes == 1440 - TCP_HEADERS_BYTES


def test_reverse_is_read_from_the_clients_side() -> None:
    report = parse_tcp(captured(IN))

    assert report.goodput_bps == pytest.approx(5_444_993_024 * 8 / 2.000456)


def test_streams_are_added_up() -> None:
    report = parse_tcp(captured("iperf3/3.18-tcp-two-streams.json"))

    assert report.streams == 2
    assert report.goodput_bps == pytest.approx(13_468_827_648 * 8 / 2.000968)


def test_omitted_seconds_are_not_counted() -> None:
    report = parse_tcp(captured("iperf3/3.18-tcp-omit.json"))

    assert report.goodput_bps == pytest.approx(6_991_380_480 * 8 / 2.003913)


@pytest.mark.parametrize("case", ["tcp-out", "tcp-in", "tcp-two-streams", "tcp-omit"])
def test_rates_of_whole_intervals_make_the_headline(case: str) -> None:
    report = parse_tcp(captured(f"iperf3/3.18-{case}.json"))

    assert len(report.rates_bps) == 2, "no omitted second, no remainder"
    assert sum(report.rates_bps) / 2 == pytest.approx(report.goodput_bps, rel=0.01)


def test_rates_of_udp_are_those_that_were_sent() -> None:
    report = parse_udp(captured(UDP))

    assert sum(report.rates_bps) / len(report.rates_bps) == pytest.approx(
        report.offered_bps, rel=0.01
    )


def test_udp_without_loss() -> None:
    report = parse_udp(captured(UDP))

    assert report.datagrams == 31_211
    assert report.offered_bps == pytest.approx(31_211 * 1400 * 8 / 2.001033)
    assert report.lost_fraction == 0
    assert report.jitter_s == pytest.approx(46.6e-6, rel=1e-3)


def test_udp_loss_is_a_part_of_what_was_sent() -> None:
    report = parse_udp(captured(FLOOD))

    assert report.lost_fraction == pytest.approx(69_181 / 147_320)
    assert report.goodput_bps == pytest.approx((147_320 - 69_181) * 1400 * 8 / 1.0015)
    assert report.offered_bps == pytest.approx(147_320 * 1400 * 8 / 1.001353)


FAILED = {
    "refused": "Connection refused",
    "server-died": "control socket has closed unexpectedly",
    "interrupted": "interrupt - the client has terminated",
}


@pytest.mark.parametrize("case", FAILED)
def test_error_of_iperf3_is_quoted(case: str) -> None:
    with pytest.raises(ToolOutputError, match=FAILED[case]):
        parse_tcp(captured(f"iperf3/3.18-{case}.json"))


def test_race_at_the_end_of_the_omitted_seconds_is_found() -> None:
    # Intervals 2 417 098 752 + 3 493 068 800 bytes, total 6 059 851 776: 2.5 % apart.
    with pytest.raises(ToolOutputError, match="its intervals moved 5910167552 bytes"):
        parse_tcp(captured("iperf3/3.18-omit-race.json"))


def test_version_of_debian_12_is_refused_by_name() -> None:
    with pytest.raises(ToolOutputError, match=r"'iperf 3\.12' cannot be measured with"):
        parse_tcp(captured("iperf3/3.12-tcp-out.json"))


BROKEN: dict[str, tuple[Callable[[str], object], str, str]] = {
    "empty": (parse_tcp, "", "printed nothing"),
    "blank": (parse_tcp, " \n", "printed nothing"),
    "truncated": (parse_tcp, captured(OUT)[:2000], "not whole"),
    "not-json": (parse_tcp, "iperf3: command not found", "not whole"),
    "words-before-it": (parse_tcp, "warning: x\n" + captured(OUT), "not whole"),
    "empty-object": (parse_tcp, "{}", "missing required field `start`"),
    "a-list": (parse_tcp, "[]", "not whole"),
    "no-sum-received": (parse_tcp, without(OUT, "end/sum_received"), "`sum_received`"),
    "no-end": (parse_tcp, without(OUT, "end"), "`end`"),
    "text-for-a-number": (
        parse_tcp,
        changed(OUT, "end/sum_received/bytes", "many"),
        "Expected `int`",
    ),
    "nothing-received": (parse_tcp, changed(OUT, "end/sum_received/bytes", 0), "nothing was moved"),
    "rate-of-zero": (
        parse_tcp,
        changed(OUT, "end/sum_received/bits_per_second", 0.0),
        "nothing was moved",
    ),
    "cut-short": (
        parse_tcp,
        changed(OUT, "start/test_start/duration", 3),
        "it covers 2.0019 s of 3 s",
    ),
    "rate-is-not-bytes-by-seconds": (
        parse_tcp,
        changed(OUT, "end/sum_received/bits_per_second", 27e9),
        "its rate is not",
    ),
    "stalled": (
        parse_tcp,
        changed(OUT, "intervals/1/streams/0/bytes", 0),
        "moved nothing",
    ),
    "interval-of-no-time": (
        parse_tcp,
        changed(OUT, "intervals/1/streams/0/seconds", 0),
        "an interval of 0 s",
    ),
    "interval-missing": (parse_tcp, without(OUT, "intervals/1"), "its total says"),
    "no-intervals": (parse_tcp, changed(OUT, "intervals", []), "its intervals moved 0 bytes"),
    "no-segment-size": (parse_tcp, without(OUT, "start/tcp_mss_default"), "segment size"),
    "no-congestion-control": (
        parse_tcp,
        without(OUT, "end/sender_tcp_congestion"),
        "congestion control",
    ),
    "unknown-version": (parse_tcp, changed(OUT, "start/version", "iperf dev"), "'iperf dev'"),
    "udp-for-tcp": (parse_tcp, captured(UDP), "of UDP, not TCP"),
    "tcp-for-udp": (parse_udp, captured(OUT), "of TCP, not UDP"),
    "udp-no-loss-said": (parse_udp, without(UDP, "end/sum_received/lost_packets"), "were lost"),
    "udp-no-count-said": (parse_udp, without(UDP, "end/sum_sent/packets"), "were sent"),
    "udp-no-jitter-said": (parse_udp, without(UDP, "end/sum_received/jitter_ms"), "the jitter"),
    # What a new client says of an old server (esnet/iperf #2055): bytes are missing, no loss.
    "udp-loss-denied": (
        parse_udp,
        changed(FLOOD, "end/sum_received/lost_packets", 0),
        "206248000 are accounted for",
    ),
    "udp-no-datagram": (parse_udp, changed(UDP, "end/sum_sent/packets", 0), "accounted for"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_report_is_refused_with_its_reason(case: str) -> None:
    parse, text, problem = BROKEN[case]

    with pytest.raises(ToolOutputError, match=problem) as caught:
        parse(text)
    assert caught.value.remedy


def test_short_remainder_without_a_byte_is_no_stall() -> None:
    text = changed(OUT, "intervals/1/streams/0/seconds", 0.04)
    with pytest.raises(ToolOutputError, match="its total says"):
        parse_tcp(text.replace('"bytes": 2977562624', '"bytes": 0', 1))


def test_retransmits_that_are_not_said_are_not_zero() -> None:
    assert parse_tcp(without(OUT, "end/sum_sent/retransmits")).retransmits is None
