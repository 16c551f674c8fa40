"""
The data network between nodes: a wire from the control plane to each worker.

A wire is a pair of UDP ports of 127.0.0.1, and each node has one bridge with its ends in it: so
any number of workers is one network, and on this machine there is nothing but ports.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from lab.ports import LOOPBACK
from lab.virt.xml import DataLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.topology import Topology

BRIDGE = "data0"
"""What a node calls its interface on the data network."""
MTU_BYTES = 1500
PORTS_A_WIRE = 2

_MAC = "52:54:00:6b:{wire:02x}:{end:02x}"
"""QEMU's own range, then the wire's number from 1, then its end: 1 is the control plane's. The
bridges' own MACs have no wire, and the number of their node."""

_BRIDGE_DEVICE = """\
[NetDev]
Name={bridge}
Kind=bridge
MACAddress={mac}
MTUBytes={mtu_bytes}

[Bridge]
STP=no
"""
_BRIDGE_NETWORK = """\
[Match]
Name={bridge}

[Network]
Address={address}
LinkLocalAddressing=no
IPv6AcceptRA=no
ConfigureWithoutCarrier=yes
"""
_PORT_NETWORK = """\
[Match]
MACAddress={mac}

[Network]
Bridge={bridge}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


WAIT = f"""\
tries=0
until ip -4 -o address show dev {BRIDGE} 2>/dev/null | grep -q .; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || {{ echo "no address on {BRIDGE}" >&2; exit 1; }}
    sleep 0.1
done
"""
"""The shell lines that wait until a node has its address on the data network."""


@contextmanager
def held_ports(topology: Topology) -> Iterator[tuple[int, ...]]:
    """
    Choose the ports of the wires of *topology*, and keep them for QEMU while the block runs.

    QEMU would not notice that another has its port: both may bind one if both say so in time
    (socket(7), SO_REUSEADDR), as QEMU does (net/socket.c). The kernel chooses each port here,
    and only then is it said that it may be shared; the socket that is bound last, QEMU's, gets
    the datagrams.
    """
    with ExitStack() as held:
        ports = []
        for _ in range(PORTS_A_WIRE * len(topology.workers)):
            holder = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            holder.bind((LOOPBACK, 0))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ports.append(holder.getsockname()[1])
        yield tuple(ports)


def laid(topology: Topology, ports: Sequence[int]) -> dict[str, tuple[DataLink, ...]]:
    """By node: its ends of the wires, which take two of the *ports* each."""
    hub = topology.control_plane.name
    links: dict[str, tuple[DataLink, ...]] = {node.name: () for node in topology.nodes}
    pairs = zip(ports[::PORTS_A_WIRE], ports[1::PORTS_A_WIRE], strict=True)
    for wire, (worker, (own, other)) in enumerate(zip(topology.workers, pairs, strict=True), 1):
        near = DataLink(mac=_MAC.format(wire=wire, end=1), port=own, peer_port=other)
        far = DataLink(mac=_MAC.format(wire=wire, end=2), port=other, peer_port=own)
        links[hub] += (near,)
        links[worker.name] += (far,)
    return links


def bridge_mac(number: int) -> str:
    """The MAC address of the bridge in the node of that *number*, from 0."""
    return _MAC.format(wire=0, end=number + 1)


def configuration(topology: Topology, name: str, links: Sequence[DataLink]) -> dict[str, str]:
    """
    What systemd-networkd is told on the node called *name*, whose ends of the wires are *links*.

    Returns:
        The text of each file, by the name of the credential that carries it; none where the
        node has no wire.
    """
    if topology.data_network is None or not links:
        return {}
    number = [node.name for node in topology.nodes].index(name)
    prefix = topology.data_network.range.prefixlen
    mac = bridge_mac(number)
    return {
        "network.netdev.60-data": _BRIDGE_DEVICE.format(
            bridge=BRIDGE, mac=mac, mtu_bytes=MTU_BYTES
        ),
        "network.network.60-data": _BRIDGE_NETWORK.format(
            bridge=BRIDGE, address=f"{topology.nodes[number].address}/{prefix}"
        ),
        **{
            f"network.network.61-wire{index}": _PORT_NETWORK.format(bridge=BRIDGE, mac=link.mac)
            for index, link in enumerate(links, 1)
        },
    }
