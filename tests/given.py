"""What tests of a node's making are given: a topology, images, and a lab of nodes that are none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.disks import Disks
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.labs import LabRecord
from lab.loader import load_topology
from lab.owner import me
from lab.provision import Lab
from lab.topology import NodeSpec, Topology

if TYPE_CHECKING:
    from lab.virt.xml import Accelerator
    from tests.runtime.fake_node import FakeNode

NOWHERE = Path("/nowhere")
PAIR = load_topology("k8s-calico-kata")


def topology(*, pool_gib: int = 8) -> Topology:
    node = NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=pool_gib)
    return Topology(name="bench", nodes=(node,))


def images(digest: str = "d1") -> Images:
    return Images(
        node=NodeImage(digest, NOWHERE, NOWHERE, NOWHERE, "6.12"),
        guest=GuestImage("d2", NOWHERE, NOWHERE),
        workload=WorkloadImage("d3", NOWHERE, "lab.local/workload:1", "sha256:1a2b"),
    )


def lab_of(accelerator: Accelerator, *nodes: FakeNode) -> Lab:
    record = LabRecord(
        id="lab-bench-1",
        topology="bench",
        accelerator=accelerator,
        uri="test:///default",
        nodes=(),
        owner=me(),
        created="2026-11-24T00:00:00+00:00",
    )
    return Lab(
        record,
        {node.name: node for node in nodes},
        {node.name: Disks.of(node.name, NOWHERE) for node in nodes},
    )
