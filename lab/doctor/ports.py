"""Whether the loopback has ports to give: nodes are reached, and joined, by them alone."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from lab.doctor.finding import EVERY_CELL, Finding, State
from lab.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
TRIED = 16
"""Of each kind: more than the largest topology of the lab's takes."""
KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}


def findings() -> Iterator[Finding]:
    """As many of them as a run takes at most, taken for a moment."""
    why = "a node is reached by a TCP port of its own, and wired to another by two UDP ports"
    first, last = RANGE.read_text(encoding="ascii").split()
    with ExitStack() as held:
        for name, kind in KINDS.items():
            try:
                _take(kind, held)
            except OSError as error:
                yield Finding(
                    subject="ports",
                    fact=f"{LOOPBACK} gives no {TRIED} {name} ports: {error.strerror}",
                    state=State.LACK,
                    why=why,
                    unlocks=EVERY_CELL,
                    mend="sudo ip link set lo up; sudo sysctl net.ipv4.ip_local_port_range="
                    "'32768 60999'",
                )
                return
    yield Finding(
        subject="ports",
        fact=f"{LOOPBACK} gives {TRIED} TCP and {TRIED} UDP ports from {first} to {last}",
        why=why,
        unlocks=EVERY_CELL,
    )


def _take(kind: socket.SocketKind, held: ExitStack) -> None:
    for _ in range(TRIED):
        held.enter_context(socket.socket(socket.AF_INET, kind)).bind((LOOPBACK, 0))
