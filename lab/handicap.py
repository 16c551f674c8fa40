"""
The positive control: the same sandbox once more, held to 90 % of what it has just shown.

What its plain cell reached in the same round is known when the handicap is started, and 90 % of
that is its limit: a change of known size, which a run that is worth its time must find. Packets
pass a token bucket (tc-tbf) each way: on eth0 in the pod's namespace towards the node, and on
the device that leads to the pod towards the guest. Whatever the network model puts behind eth0
is not touched. Small reads and writes are held by fio itself.

Pure: the limits, the shell lines that set them, and what proves that they are in effect.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import geometric_mean
from typing import TYPE_CHECKING

import msgspec

from lab.decode import json_as
from lab.design import held_by
from lab.network.pod import INTERFACE
from lab.outcome import Fact
from lab.tools import fio
from lab.tools.iperf3_report import TCP_HEADERS_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lab.matrix import Cell
    from lab.network.pod import Pod
    from lab.sample import Sample

SHARE = 0.9
"""Of what the plain cell reached."""
ETHERNET_BYTES = 14
"""A token bucket counts link-layer headers too; of a segmented packet, those of each segment."""
LEAST_BURST_BYTES = 128 * 1024
"""A packet that is segmented later has up to 64 KiB; one above the burst would be cut up first."""
BURST_S = 0.01
"""
Of the rate: as late as a timer may be without a loss, and 0.1 % more of a flow of ten seconds.

With 0.25 ms, 12 Gbit/s lost 1 to 2 % (tried on a veth pair). With 1 ms, an emulated node, whose
timers are late, let through 70 % of 1.5 Gbit/s where 90 % were meant.
"""
LATENCY_MS = 100
"""How long a packet may wait: TCP is then within 0.4 % of its limit, up to 1 Gbit/s (tried)."""
TOLERANCE = 0.01
"""The kernel rounds rates."""
TOWARDS_NODE, TOWARDS_GUEST = "limit towards the node", "limit towards the guest"
DIRECTIONS = {"tcp_out_goodput": TOWARDS_NODE, "tcp_in_goodput": TOWARDS_GUEST}
"""By metric: which packets are held to a share of it."""
JOBS = {"random_read_4k": fio.RANDOM_READ, "random_write_4k": fio.RANDOM_WRITE}
"""By metric: which job of fio's is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handicap:
    """What one sandbox is held to."""

    pod: Pod
    rates_bps: Mapping[str, float] = field(default_factory=dict)
    """By direction: bit/s on the wire."""
    jobs_iops: Mapping[str, int] = field(default_factory=dict)
    """By job of fio's: operations a second."""

    @property
    def is_any(self) -> bool:
        """Whether it is held to anything at all."""
        return bool(self.rates_bps or self.jobs_iops)

    @property
    def script(self) -> str:
        """The shell script that sets the limits on packets, on the sandbox's node."""
        return "".join(
            f"{self._tc(direction, 'qdisc replace')} tbf rate {round(rate_bps)}bit"
            f" burst {_burst_bytes(rate_bps)} latency {LATENCY_MS}ms\n"
            for direction, rate_bps in self.rates_bps.items()
        )

    @property
    def questions(self) -> dict[str, str]:
        """What to ask that node about them: shell lines, by name."""
        return {direction: self._tc(direction, "-j qdisc show") for direction in self.rates_bps}

    def facts(self, answers: Mapping[str, str]) -> Iterator[Fact]:
        """Whether each limit on packets is in effect, as the kernel has it."""
        for direction, rate_bps in self.rates_bps.items():
            observed_bps = _rate_bps(answers[direction])
            yield Fact(
                subject=direction,
                source="tc qdisc show, root",
                expected=f"tbf, {rate_bps:.0f} bit/s",
                observed="none" if observed_bps is None else f"tbf, {observed_bps:.0f} bit/s",
                holds=observed_bps is not None
                and math.isclose(observed_bps, rate_bps, rel_tol=TOLERANCE),
            )

    def _tc(self, direction: str, verb: str) -> str:
        if direction == TOWARDS_NODE:
            return f"tc -n {self.pod.namespace} {verb} dev {INTERFACE} root"
        return f"tc {verb} dev $({_way_to(self.pod)}) root"


def handicap_of(cell: Cell, plain: Iterable[Sample], *, pod: Pod) -> Handicap:
    """
    What holds *cell* to its share of the *plain* samples, which are of one boot.

    Where the network model has no veth pair, nothing holds packets towards the node.
    """
    shown: dict[str, list[float]] = defaultdict(list)
    for sample in plain:
        shown[sample.metric.name].append(sample.value)
    limits = {
        metric: SHARE * geometric_mean(shown[metric]) for metric in held_by(cell) if shown[metric]
    }
    wire = (pod.mtu_bytes + ETHERNET_BYTES) / (pod.mtu_bytes - TCP_HEADERS_BYTES)
    return Handicap(
        pod=pod,
        rates_bps={way: limits[name] * wire for name, way in DIRECTIONS.items() if name in limits},
        jobs_iops={
            job: max(1, round(limits[name])) for name, job in JOBS.items() if name in limits
        },
    )


class _Rate(msgspec.Struct):
    rate: float


class _Bucket(msgspec.Struct):
    """A qdisc as ``tc -j`` has it."""

    kind: str
    options: _Rate


def _burst_bytes(rate_bps: float) -> int:
    return max(LEAST_BURST_BYTES, math.ceil(rate_bps * BURST_S / 8))


def _way_to(pod: Pod) -> str:
    """The shell command that prints the node's device towards the pod."""
    return f"ip -o route get {pod.address.ip} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p'"


def _rate_bps(answer: str) -> float | None:
    """The rate of the token bucket in the answer of ``tc -j``, which has bytes a second."""
    try:
        (qdisc,) = json_as(answer, list[_Bucket])
    except ValueError:  # no such answer, or not one qdisc
        return None
    return 8.0 * qdisc.options.rate if qdisc.kind == "tbf" else None
