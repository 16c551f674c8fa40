"""The wires between nodes: their ports, their ends, and what the nodes are told of them."""

from __future__ import annotations

import configparser
import errno
import socket
import subprocess

import msgspec
import pytest

from lab import wires
from lab.loader import load_topology
from lab.topology import NodeSpec, Role, Topology
from lab.virt.xml import MANAGEMENT_MAC

PAIR = load_topology("k8s-calico-kata")
THIRD = NodeSpec(
    name="worker-2", cpus=1, memory_mib=2048, pool_gib=8, role=Role.WORKER, address="198.18.1.3"
)
THREE = msgspec.structs.replace(PAIR, nodes=(*PAIR.nodes, THIRD))
SINGLE = load_topology("k8s-single")
PORTS = (40101, 40102, 40103, 40104)


def told(topology: Topology, name: str) -> dict[str, str]:
    links = wires.laid(topology, PORTS[: 2 * len(topology.workers)])
    return wires.configuration(topology, name, links[name])


def bind(port: int, *, is_shared: bool) -> None:
    """Bind as any program does, or as QEMU does it (net/socket.c)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        if is_shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))


def test_each_end_sends_to_where_the_other_listens() -> None:
    links = wires.laid(THREE, PORTS)

    ends = [link for each in links.values() for link in each]
    assert [len(each) for each in links.values()] == [2, 1, 1]
    assert {(end.port, end.peer_port) for end in ends} == {
        (end.peer_port, end.port) for end in ends
    }
    assert {end.port for end in ends} == set(PORTS)


def test_no_two_interfaces_have_one_mac() -> None:
    links = wires.laid(THREE, PORTS)
    bridges = [
        line
        for name in links
        for line in told(THREE, name)["network.netdev.60-data"].splitlines()
        if line.startswith("MACAddress=")
    ]

    macs = [link.mac for each in links.values() for link in each]
    macs += [line.removeprefix("MACAddress=") for line in bridges]
    assert len(set(macs)) == len(macs) == 7
    assert MANAGEMENT_MAC not in macs


def test_a_single_node_has_no_wire_and_no_port() -> None:
    with wires.held_ports(SINGLE) as ports:
        assert ports == ()
    assert wires.laid(SINGLE, ()) == {"node-1": ()}
    assert told(SINGLE, "node-1") == {}


def test_nobody_but_qemu_can_have_a_port_that_was_chosen() -> None:
    with wires.held_ports(THREE) as ports:
        assert len(set(ports)) == 4
        for port in ports:
            bind(port, is_shared=True)
            with pytest.raises(OSError, match="in use") as caught:
                bind(port, is_shared=False)
            assert caught.value.errno == errno.EADDRINUSE
    for port in ports:
        bind(port, is_shared=False)


def test_what_is_sent_reaches_qemu_and_not_who_holds_the_port() -> None:
    with (
        wires.held_ports(PAIR) as (port, _),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as qemu,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        qemu.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        qemu.bind(("127.0.0.1", port))
        qemu.settimeout(5)
        other.sendto(b"a frame", ("127.0.0.1", port))
        assert qemu.recv(100) == b"a frame"


def test_a_node_has_one_bridge_with_all_its_wires_and_its_address() -> None:
    files = told(THREE, "control-1")

    assert files == {
        "network.netdev.60-data": (
            "[NetDev]\nName=data0\nKind=bridge\nMACAddress=52:54:00:6b:00:01\nMTUBytes=1500\n"
            "\n[Bridge]\nSTP=no\n"
        ),
        "network.network.60-data": (
            "[Match]\nName=data0\n"
            "\n[Network]\nAddress=198.18.1.1/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
            "ConfigureWithoutCarrier=yes\n"
        ),
        **{
            f"network.network.61-wire{number}": (
                f"[Match]\nMACAddress=52:54:00:6b:0{number}:01\n"
                "\n[Network]\nBridge=data0\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
            )
            for number in (1, 2)
        },
    }


def test_a_worker_is_told_the_same_of_its_one_wire() -> None:
    files = told(PAIR, "worker-1")

    assert files.keys() == {
        "network.netdev.60-data",
        "network.network.60-data",
        "network.network.61-wire1",
    }
    assert "Address=198.18.1.2/24\n" in files["network.network.60-data"]
    assert "MACAddress=52:54:00:6b:01:02\n" in files["network.network.61-wire1"]


@pytest.mark.parametrize("name", ["control-1", "worker-1", "worker-2"])
def test_every_file_is_one_that_networkd_can_read(name: str) -> None:
    for text in told(THREE, name).values():
        parser = configparser.ConfigParser(strict=True)
        parser.read_string(text)
        assert parser.sections()


def test_the_wait_for_the_address_is_one_that_a_shell_understands() -> None:
    subprocess.run(["/bin/sh", "-n"], input=wires.WAIT, text=True, check=True)
