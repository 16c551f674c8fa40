"""
tcfilter: every frame of the veth goes to a tap, and back, by a traffic-control redirect.

Kata's default. Source: virtcontainers/network_linux.go, setupTCFiltering (Kata 4.1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.network import model
from lab.network.model import Expected, Namespace, Tap
from lab.network.pod import INTERFACE, TAP
from lab.outcome import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod

EXPECTED = Expected(namespace_keeps_address=True, namespace_keeps_mac=True, hops_to_node=0)
OUTSIDE: tuple[str, ...] = ()

_SENT = re.compile(r"Sent \d+ bytes (?P<packets>\d+) pkt")


def wire(pod: Pod) -> tuple[str, ...]:
    """A tap beside eth0; an ingress qdisc on each, with one match-all u32 filter."""
    inside = f"tc -n {pod.namespace}"
    qdiscs = [f"{inside} qdisc add dev {device} ingress" for device in (INTERFACE, TAP)]
    redirects = [
        f"{inside} filter add dev {source} parent ffff: protocol all u32 match u8 0 0"
        f" action mirred egress redirect dev {target}"
        for source, target in model.REDIRECTS
    ]
    return (*model.add_tap(pod), *qdiscs, *redirects)


def tap(pod: Pod) -> Tap:
    """The tap, by its name."""
    return model.named_tap(pod)


def questions(pod: Pod) -> dict[str, str]:
    """Devices, addresses, qdiscs, and the filters with their counters."""
    return model.namespace_questions(pod, with_filters=True)


def facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """The tap is there, eth0 is as the CNI plugin left it, both redirects carry packets."""
    namespace = Namespace(pod, answers)
    yield namespace.kind(TAP, "tun type tap")
    yield namespace.mtu(TAP)
    yield namespace.address(INTERFACE, is_kept=True)
    yield namespace.mac(INTERFACE, is_pods=True)
    for source, target in model.REDIRECTS:
        yield namespace.ingress(source, is_there=True)
        yield _redirect(source, target, answers[model.filters(source)])


def redirected_packets(text: str) -> int:
    """How many packets the filters in *text* (``tc -s filter``) have redirected."""
    return sum(int(match["packets"]) for match in _SENT.finditer(text))


def _redirect(source: str, target: str, text: str) -> Fact:
    is_redirect = "u32" in text and f"mirred (Egress Redirect to device {target})" in text
    is_counted = _SENT.search(text) is not None
    packets = redirected_packets(text)
    return Fact(
        subject=f"redirect of {source} to {target}",
        source=model.filters(source),
        expected="u32, mirred egress redirect",
        observed=f"{'u32, mirred egress redirect' if is_redirect else 'none'}, {packets} packets",
        # A guest that has just come up may not have sent a single packet yet: that the count
        # grows is for the run to judge (lab.run).
        holds=is_redirect and is_counted,
        count=packets,
    )
