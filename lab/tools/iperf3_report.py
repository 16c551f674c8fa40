"""
Reading iperf3's JSON report.

The headline is what the *receiver* counted: the sender's figure has bytes in it that were
still queued when the clock stopped. Field names and their meaning were read from the source
of 3.18 and from the reports in tests/data/iperf3.

``--omit`` has had bugs in many versions (esnet/iperf #236, #412, #419, #443, #1489), and
3.18 still resets the counters of total and intervals a moment apart. So the sum of the
intervals is always compared with the total, and a report in which they differ is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from lab.errors import ToolOutputError
from lab.tools.output import ENOUGH, KEPT, decode, disagree

T = TypeVar("T")

MIN_VERSION = (3, 18)
"""3.15 and older send all streams from one thread; 3.16 and 3.17 crash with threads."""
TCP_HEADERS_BYTES = 20 + 20 + 12
"""IPv4, TCP, and TCP's timestamps option: what a full packet has besides payload."""
STALL_S = 0.5
"""An interval at least this long without a byte is a stall; a shorter one is a remainder."""
WHOLE_S = 0.9
"""iperf3 reports each second; the last interval may be a remainder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpReport:
    """What one TCP test gave, all streams together."""

    goodput_bps: float
    """TCP payload received, in bit/s. Never zero: a test that moved nothing is an error."""
    retransmits: int | None
    """Segments that the sender sent again; None if its system does not say."""
    mss_bytes: int
    """TCP payload of a full segment: a difference between cells explains much of another."""
    streams: int
    congestion_control: str
    seconds: float
    """How long the receiver counted."""
    rates_bps: tuple[float, ...]
    """Of each whole interval, as the client saw it: of what was sent, unless it received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpReport:
    """What one UDP test gave. A loss means nothing without the load it was seen at."""

    offered_bps: float
    """UDP payload that the sender really sent, in bit/s."""
    goodput_bps: float
    """UDP payload received, in bit/s."""
    lost_fraction: float
    """Of the datagrams sent, from 0 to 1. Zero is an observation here."""
    jitter_s: float
    """The receiver's estimate after RFC 1889, of the end of the test."""
    datagrams: int
    rates_bps: tuple[float, ...]
    """Of each whole interval, as it was sent."""


def parse_tcp(text: str) -> TcpReport:
    """
    Read the report of a TCP client.

    Raises:
        ToolOutputError: if iperf3 reported an error, the test was cut short, moved nothing or
            stalled, or its figures contradict each other.
    """
    report = _report(text, protocol="TCP")
    return TcpReport(
        goodput_bps=report.end.sum_received.bits_per_second,
        retransmits=report.end.sum_sent.retransmits,
        mss_bytes=_said(report.start.tcp_mss_default, "the segment size"),
        streams=report.start.test_start.num_streams,
        congestion_control=_said(report.end.sender_tcp_congestion, "the congestion control"),
        seconds=report.end.sum_received.seconds,
        rates_bps=report.rates_bps,
    )


def parse_udp(text: str) -> UdpReport:
    """
    Read the report of a UDP client that sent.

    Raises:
        ToolOutputError: as :func:`parse_tcp`, and if the loss does not explain the bytes.
    """
    report = _report(text, protocol="UDP")
    sent, received = report.end.sum_sent, report.end.sum_received
    datagrams = _said(sent.packets, "how many datagrams were sent")
    lost = _said(received.lost_packets, "how many datagrams were lost")
    arrived_bytes = (datagrams - lost) * report.start.test_start.blksize
    if disagree(received.bytes, arrived_bytes):
        raise _unbelievable(
            f"{received.bytes} bytes were received, {arrived_bytes} are accounted for"
        )
    return UdpReport(
        offered_bps=sent.bits_per_second,
        goodput_bps=received.bits_per_second,
        lost_fraction=lost / datagrams,
        jitter_s=_said(received.jitter_ms, "the jitter") / 1000,
        datagrams=datagrams,
        rates_bps=report.rates_bps,
    )


class _TestStart(msgspec.Struct):
    protocol: str
    num_streams: int
    blksize: int
    duration: int
    reverse: int


class _Start(msgspec.Struct):
    version: str
    test_start: _TestStart
    tcp_mss_default: int | None = None


class _Stream(msgspec.Struct):
    bytes: int
    seconds: float
    omitted: bool


class _Interval(msgspec.Struct):
    streams: list[_Stream]

    @property
    def is_omitted(self) -> bool:
        # By the streams: the sum's own flag is set from another variable in some versions.
        return any(stream.omitted for stream in self.streams)

    @property
    def bytes(self) -> int:
        return sum(stream.bytes for stream in self.streams)

    @property
    def seconds(self) -> float:
        return max((stream.seconds for stream in self.streams), default=0.0)


class _Sum(msgspec.Struct):
    seconds: float
    bytes: int
    bits_per_second: float
    retransmits: int | None = None
    packets: int | None = None
    lost_packets: int | None = None
    jitter_ms: float | None = None


class _End(msgspec.Struct):
    sum_sent: _Sum
    sum_received: _Sum
    sender_tcp_congestion: str | None = None


class _Report(msgspec.Struct):
    start: _Start
    intervals: list[_Interval]
    end: _End

    @property
    def counted(self) -> list[_Interval]:
        return [interval for interval in self.intervals if not interval.is_omitted]

    @property
    def rates_bps(self) -> tuple[float, ...]:
        return tuple(
            interval.bytes * 8 / interval.seconds
            for interval in self.counted
            if interval.seconds >= WHOLE_S
        )


class _Failure(msgspec.Struct):
    error: str = ""
    intervals: list[_Interval] = []


def _report(text: str, *, protocol: str) -> _Report:
    if problem := decode(text, _Failure, tool="iperf3").error:
        raise ToolOutputError(f"iperf3: {problem}", remedy=KEPT)
    report = decode(text, _Report, tool="iperf3")
    _check_start(report.start, protocol=protocol)
    for total in (report.end.sum_sent, report.end.sum_received):
        _check_total(total, duration_s=report.start.test_start.duration)
    is_receiver = bool(report.start.test_start.reverse)
    _check_intervals(
        report.counted,
        report.end.sum_received if is_receiver else report.end.sum_sent,
    )
    return report


def _check_start(start: _Start, *, protocol: str) -> None:
    if start.test_start.protocol != protocol:
        raise _unbelievable(f"it is of {start.test_start.protocol}, not {protocol}")
    version = re.match(r"iperf (\d+)\.(\d+)", start.version)
    if version is None or (int(version[1]), int(version[2])) < MIN_VERSION:
        raise ToolOutputError(
            f"{start.version!r} cannot be measured with",
            remedy="use iperf3 3.18 or later: `lab image build` makes an image that has it",
        )


def _check_total(total: _Sum, *, duration_s: int) -> None:
    if total.bytes <= 0 or total.bits_per_second <= 0:
        raise _unbelievable("nothing was moved")
    if total.seconds < ENOUGH * duration_s:
        raise _unbelievable(f"it covers {total.seconds:g} s of {duration_s} s")
    if disagree(total.bytes * 8 / total.seconds, total.bits_per_second):
        raise _unbelievable("its rate is not its bytes by its seconds")


def _check_intervals(intervals: list[_Interval], total: _Sum) -> None:
    _check_moving(intervals)
    moved = sum(interval.bytes for interval in intervals)
    if disagree(moved, total.bytes):
        raise _unbelievable(
            f"its intervals moved {moved} bytes, its total says {total.bytes}: the known race at"
            " the end of the omitted seconds, or an interval is missing"
        )


def _check_moving(intervals: list[_Interval]) -> None:
    for interval in intervals:
        if interval.seconds <= 0 or (interval.bytes == 0 and interval.seconds >= STALL_S):
            raise _unbelievable(f"an interval of {interval.seconds:g} s moved nothing")


def _said(value: T | None, what: str) -> T:
    if value is None:
        raise _unbelievable(f"it does not say {what}")
    return value


def _unbelievable(problem: str) -> ToolOutputError:
    return ToolOutputError(f"iperf3's report cannot be believed: {problem}", remedy=KEPT)
