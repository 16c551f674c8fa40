"""
Whether a topology belongs to this machine, or to another: a lab is made where the lab runs.

libvirt itself would make machines elsewhere by ``qemu+ssh``. What a run needs besides would be
missing there, or worse, be read on the wrong machine: the nodes' disks and kernels, their consoles,
the ports of the loopback that ssh and wires go through, the lease of the machine, the audit of what
is left on it, and the counters that tell what has disturbed a measurement.
"""

from __future__ import annotations

import shlex
import socket
from typing import TYPE_CHECKING

from lab.errors import HostError
from lab.topology import URI

if TYPE_CHECKING:
    from lab.topology import Topology

LOCALHOST = "localhost"


def require_here(topology: Topology, *, own_uri: str, choice: str) -> None:
    """
    Refuse a topology that belongs to another libvirt than *own_uri*, that of who runs the lab.

    Args:
        choice: What the user called the topology.

    Raises:
        HostError: with what to do there instead.
    """
    match = None if topology.uri is None else URI.fullmatch(topology.uri)
    if match is None:
        return
    if not may_be_here(topology):
        port = f"-p {match['port']} " if match["port"] else ""
        command = f"lab matrix --topology {shlex.quote(choice)}"
        raise HostError(
            f"topology {topology.name} belongs to {topology.uri}, and the lab runs on"
            f" {socket.gethostname()}: it makes nodes, and reads what disturbs them, on the machine"
            " that it runs on",
            remedy=f"run it there, with the same file: ssh {port}{match['login']}"
            f" {shlex.quote(command)}; then fetch its results/, which can be read anywhere",
        )
    daemon = f"qemu:///{match['daemon']}"
    if daemon != own_uri:
        who = "root" if match["daemon"] == "system" else "a user, not root"
        raise HostError(
            f"topology {topology.name} belongs to {topology.uri}, and whoever runs the lab now"
            f" has {own_uri}",
            remedy=f"run the lab as {who}, or take the uri out of the file",
        )


def may_be_here(topology: Topology) -> bool:
    """Whether *topology* names no other machine than this one; whose libvirt is not asked."""
    match = None if topology.uri is None else URI.fullmatch(topology.uri)
    return match is None or match["host"] is None or is_this_machine(match["host"])


def is_this_machine(host: str) -> bool:
    """
    Whether *host* names the machine that this runs on; no name is looked up.

    A machine that knows only the first part of its name is called by it.
    """
    own = socket.gethostname().lower()
    host = host.lower().rstrip(".")
    return host in {LOCALHOST, own} or ("." not in own and host.partition(".")[0] == own)
