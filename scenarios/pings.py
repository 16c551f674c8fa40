"""Pings as scenarios send them: between sandboxes and nodes, one request at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import ping

if TYPE_CHECKING:
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox
    from lab.tools.ping import PingReport

TIMEOUT_S = 30.0
INITIAL_TTL = 64
"""Linux's (ip(7), ip_default_ttl): each hop on the way takes one off."""


def pinged(sender: Sandbox | Node, address: str, *, packet_bytes: int = 84) -> PingReport:
    """What became of a packet of *packet_bytes* that must not be fragmented."""
    argv = ping.ping(address, packet_bytes=packet_bytes, may_fragment=False)
    done = sender.run(argv, timeout_s=TIMEOUT_S, check=False)
    return ping.parse(done.stdout, stderr=done.stderr)
