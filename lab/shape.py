"""What a topology comes to before anything is started: machines, addresses, wires; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab import host, wires
from lab.cluster.kubeadm import POD_SUBNET
from lab.node import NODE_ADDRESS
from lab.runtime.pods import FIRST_ADDRESS
from lab.units import count

if TYPE_CHECKING:
    from lab.topology import NodeSpec, Topology

MANAGEMENT = "127.0.0.1, a port that is free at each start"


def shape(topology: Topology) -> dict[str, Any]:
    """
    Everything of *topology* that is known from its file alone, by what it is called.

    Ports are not: each start chooses those that are free.
    """
    network = topology.data_network
    return {
        "cluster": str(topology.cluster),
        "runtimes": ", ".join(topology.runtimes),
        "measured": topology.node.name,
        "sandbox": f"{count(topology.sandbox.cpus, 'cpu')}, {topology.sandbox.memory_mib} MiB",
        "pods": f"in {POD_SUBNET}" if topology.is_cluster else f"from {FIRST_ADDRESS.ip} on",
        "network": f"{network.subnet} on {wires.BRIDGE}, MTU {wires.MTU_BYTES}"
        if network
        else "none",
        "ssh": MANAGEMENT,
        "libvirt": topology.uri or "that of who runs the lab, on this machine",
        "needs": f"{host.memory_wanted_mib(topology)} MiB of memory,"
        f" {sum(node.pool_gib for node in topology.nodes)} GiB of disk at most",
        "nodes": [_node(topology, number, node) for number, node in enumerate(topology.nodes)],
        "wires": list(_wires(topology)),
    }


def _node(topology: Topology, number: int, node: NodeSpec) -> dict[str, Any]:
    return {
        "name": node.name,
        "role": str(node.role),
        "cpus": node.cpus,
        "memory_mib": node.memory_mib,
        "pool_gib": node.pool_gib,
        "address": node.address or NODE_ADDRESS,
        "mac": wires.bridge_mac(number) if topology.data_network else None,
    }


def _wires(topology: Topology) -> list[dict[str, Any]]:
    ends = wires.laid(topology, range(wires.PORTS_A_WIRE * len(topology.workers)))
    hub = topology.control_plane.name
    return [
        {"from": hub, "from_mac": near.mac, "to": worker.name, "to_mac": ends[worker.name][0].mac}
        for worker, near in zip(topology.workers, ends[hub], strict=True)
    ]
