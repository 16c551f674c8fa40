"""
tcpdump: which packets of IPIP pass an interface, and what is inside them.

It captures into a file and shows that file afterwards: a line for each packet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.errors import ToolOutputError
from lab.tools.output import KEPT

IPIP = "ip proto 4"
"""What is captured: IPv4 in IPv4 (RFC 2003)."""
READY_TRIES = 150
SETTLE_S = 1
"""From a packet's arrival until it is in the file, at the very most."""

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_PORT = r"(?:\.\d+)?"
_TUNNELLED = re.compile(
    rf"^IP (?P<near>{_ADDRESS}) > (?P<far>{_ADDRESS}):"
    rf" IP (?P<source>{_ADDRESS}){_PORT} > (?P<target>{_ADDRESS}){_PORT}: "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnelled:
    """A packet inside another: which nodes, and which pods."""

    near: IPv4Address
    """The node that sent it into the tunnel."""
    far: IPv4Address
    source: IPv4Address
    target: IPv4Address


def capture(interface: str, file: str) -> list[str]:
    """Write each packet of IPIP that passes *interface* into *file*, as soon as it does."""
    # As root: tcpdump would write the file as a user that may not.
    mode = ["--immediate-mode", "-U", "-Z", "root"]
    return ["tcpdump", "-n", *mode, "-i", interface, "-w", file, IPIP]


def ready_script(file: str) -> str:
    """A shell script that ends once what writes *file* captures, and fails after some 15 s."""
    return (
        f"tries=0; until [ -s {file} ]; do tries=$((tries + 1));"
        f" [ $tries -lt {READY_TRIES} ] || exit 1; sleep 0.1; done\n"
    )


def show_script(file: str) -> str:
    """A shell script that prints what is in *file* for :func:`parse`."""
    return f"sleep {SETTLE_S}\ntcpdump -n -t -Z root -r {file}\n"


def parse(stdout: str, *, stderr: str) -> tuple[Tunnelled, ...]:
    """
    Read what tcpdump shows of a capture: the packets in packets, in order.

    Nothing captured is an observation, and gives none.

    Raises:
        ToolOutputError: if it could not read the capture whole, or shows something else.
    """
    if "truncated dump file" in stderr or "reading from file" not in stderr:
        words = (stderr.strip() or "it said nothing").splitlines()[-1]
        raise ToolOutputError(f"tcpdump cannot show its capture: {words}", remedy=KEPT)
    return tuple(map(_packet, stdout.splitlines()))


def _packet(line: str) -> Tunnelled:
    found = _TUNNELLED.match(line)
    if found is None:
        raise ToolOutputError(f"tcpdump shows no packet of IPIP: {line[:200]}", remedy=KEPT)
    return Tunnelled(
        near=IPv4Address(found["near"]),
        far=IPv4Address(found["far"]),
        source=IPv4Address(found["source"]),
        target=IPv4Address(found["target"]),
    )
