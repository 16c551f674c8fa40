"""How much passes between a guest and its node, and how long a request waits for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sample import Better, Metric
from lab.tools import iperf3, sockperf
from lab.tools.beside import beside, probed
from lab.tools.iperf3_report import (
    TCP_HEADERS_BYTES,
    TcpReport,
    UdpReport,
    parse_tcp,
    parse_udp,
)
from lab.units import Unit

if TYPE_CHECKING:
    from lab.measure import Measure
    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox
    from lab.server import Server
    from lab.tools.latency import Latency

TCP_OUT = Metric("tcp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP, guest to node")
TCP_IN = Metric("tcp_in_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP, node to guest")
TCP_OUT_2 = Metric(
    "tcp_out_2_streams_goodput",
    Unit.BIT_PER_SECOND,
    Better.HIGHER,
    "TCP, guest to node, two streams",
)
UDP_OUT = Metric(
    "udp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "UDP, guest to node, at most"
)
UDP_LOAD = Metric(
    "udp_out_load", Unit.BIT_PER_SECOND, Better.HIGHER, "UDP, guest to node, offered below that"
)
UDP_LOSS = Metric("udp_out_loss", Unit.RATIO, Better.LOWER, "UDP loss at the offered load")
UDP_JITTER = Metric("udp_out_jitter", Unit.SECOND, Better.LOWER, "UDP jitter at the offered load")
IDLE_P50 = Metric("tcp_round_trip_p50", Unit.SECOND, Better.LOWER, "TCP round trip, median")
IDLE_P99 = Metric(
    "tcp_round_trip_p99", Unit.SECOND, Better.LOWER, "TCP round trip, 99th percentile"
)
LOADED_P50 = Metric(
    "tcp_round_trip_loaded_p50",
    Unit.SECOND,
    Better.LOWER,
    "TCP round trip beside a bulk stream, median",
)
LOADED_P99 = Metric(
    "tcp_round_trip_loaded_p99",
    Unit.SECOND,
    Better.LOWER,
    "TCP round trip beside a bulk stream, 99th percentile",
)

BELOW_CAPACITY = 0.75
LOAD_S = 600
"""More than the probe can take; it ends the load."""


def test_tcp_out(
    sandbox: Sandbox, iperf3_server: Server, profile: Profile, measure: Measure
) -> None:
    """One TCP stream from the guest to the node, in segments that fill its MTU."""
    report, raw = _tcp(sandbox, iperf3_server, profile, measure)
    assert report.mss_bytes == sandbox.pod.mtu_bytes - TCP_HEADERS_BYTES
    measure(TCP_OUT, report.goodput_bps, raw=raw, rates=report.rates_bps)


def test_tcp_in(
    sandbox: Sandbox, iperf3_server: Server, profile: Profile, measure: Measure
) -> None:
    """One TCP stream from the node to the guest."""
    report, raw = _tcp(sandbox, iperf3_server, profile, measure, reverse=True)
    measure(TCP_IN, report.goodput_bps, raw=raw, rates=report.rates_bps)


def test_tcp_out_two_streams(
    sandbox: Sandbox, iperf3_server: Server, profile: Profile, measure: Measure
) -> None:
    """Two TCP streams at once: what one alone leaves unused."""
    report, raw = _tcp(sandbox, iperf3_server, profile, measure, streams=2)
    measure(TCP_OUT_2, report.goodput_bps, raw=raw, rates=report.rates_bps)


def test_udp_below_capacity(
    sandbox: Sandbox, iperf3_server: Server, profile: Profile, measure: Measure
) -> None:
    """
    What UDP carries at most, then loss and jitter at three quarters of that.

    Of UDP's own capacity, not of TCP's: without segmentation offload a guest cannot even send
    as many datagrams as would make TCP's rate.
    """
    flood, raw = _udp(sandbox, iperf3_server, profile, measure, duration_s=profile.udp_probe_s)
    measure(UDP_OUT, flood.goodput_bps, raw=raw)
    load_bps = BELOW_CAPACITY * flood.goodput_bps
    report, raw = _udp(
        sandbox, iperf3_server, profile, measure, duration_s=profile.iperf3_s, load_bps=load_bps
    )
    measure(UDP_LOAD, report.offered_bps, raw=raw, rates=report.rates_bps)
    measure(UDP_LOSS, report.lost_fraction, raw=raw)
    measure(UDP_JITTER, report.jitter_s, raw=raw)


def test_round_trip(
    sandbox: Sandbox, sockperf_server: Server, profile: Profile, measure: Measure
) -> None:
    """Request and response over TCP, while nothing else is sent."""
    probe = sockperf.ping_pong(sockperf_server.address, duration_s=profile.latency_s)
    expected_s = profile.latency_s + sockperf.IDLE_S
    with sockperf_server.serving():
        with measure.watching():
            done = sandbox.run(
                probe,
                timeout_s=profile.deadline_s(expected_s),
                expected_s=expected_s,
                check=False,
            )
        latency = sockperf.parse(done.stdout, duration_s=profile.latency_s)
    _measure_round_trips(measure, latency, (IDLE_P50, IDLE_P99), raw=done.stdout)


def test_round_trip_under_load(
    sandbox: Sandbox,
    iperf3_server: Server,
    sockperf_server: Server,
    profile: Profile,
    measure: Measure,
) -> None:
    """The same beside a bulk stream to the node, which flows until the probe ends."""
    expected_s = profile.loaded_latency_s + sockperf.IDLE_S
    both = beside(
        iperf3.tcp(iperf3_server.address, duration_s=LOAD_S),
        sockperf.ping_pong(sockperf_server.address, duration_s=profile.loaded_latency_s),
    )
    with iperf3_server.serving(), sockperf_server.serving():
        with measure.watching():
            done = sandbox.run(
                both, timeout_s=profile.deadline_s(expected_s), expected_s=expected_s, check=False
            )
        latency = sockperf.parse(probed(done.stdout), duration_s=profile.loaded_latency_s)
    _measure_round_trips(measure, latency, (LOADED_P50, LOADED_P99), raw=done.stdout)


def _tcp(
    sandbox: Sandbox,
    server: Server,
    profile: Profile,
    measure: Measure,
    *,
    streams: int = 1,
    reverse: bool = False,
) -> tuple[TcpReport, str]:
    argv = iperf3.tcp(
        server.address,
        duration_s=profile.iperf3_s,
        omit_s=profile.iperf3_omit_s,
        streams=streams,
        reverse=reverse,
    )
    expected_s = profile.iperf3_s + profile.iperf3_omit_s
    with server.serving():
        with measure.watching():
            done = sandbox.run(
                argv, timeout_s=profile.deadline_s(expected_s), expected_s=expected_s, check=False
            )
        return parse_tcp(done.stdout), done.stdout


def _udp(
    sandbox: Sandbox,
    server: Server,
    profile: Profile,
    measure: Measure,
    *,
    duration_s: int,
    load_bps: float | None = None,
) -> tuple[UdpReport, str]:
    argv = iperf3.udp(server.address, duration_s=duration_s, load_bps=load_bps)
    with server.serving():
        with measure.watching():
            done = sandbox.run(
                argv, timeout_s=profile.deadline_s(duration_s), expected_s=duration_s, check=False
            )
        return parse_udp(done.stdout), done.stdout


def _measure_round_trips(
    measure: Measure, latency: Latency, metrics: tuple[Metric, Metric], *, raw: str
) -> None:
    for metric, percent in zip(metrics, (50, 99), strict=True):
        if latency.resolves(percent):
            measure(metric, latency.percentile_s(percent), raw=raw)
