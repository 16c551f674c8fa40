"""On what a run measures: its machines, images, versions and settings, for the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab import extensions, host
from lab.cluster import artefact_disk
from lab.records import Environment
from lab.virt.xml import UNMITIGATED, Accelerator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.launch import Decided
    from lab.node import Node
    from lab.topology import Topology

VERSIONS_TIMEOUT_S = 60.0
CPU = "node cpu"


def environment(decided: Decided, node: Node) -> Environment:
    """On what the run of what was *decided* measures, with the versions that *node* has."""
    topology = decided.topology
    questions = {
        "node kernel": "uname -r",
        CPU: "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n1",
        "qemu": f"{topology.qemu.binary} --version | head -n1",
        "virtiofsd": f"{topology.virtiofsd.binary} --version",
        "containerd": "containerd --version",
        "runc": "runc --version | head -n1",
        "iperf3": "iperf3 --version | head -n1",
        "fio": "fio --version",
        "sockperf": "sockperf --version | head -n1",
    }
    answers = node.gather(questions, timeout_s=VERSIONS_TIMEOUT_S)
    return known(decided, {name: version(name, said) for name, said in answers.items()})


def version(name: str, said: str) -> str:
    """
    What is on record as a version, from what a program has *said*.

    Nothing if that has no number, as only a processor's name may: "Killed" is no version.
    """
    text = said.strip()
    return text if name == CPU or any(map(str.isdigit, text)) else ""


def known(decided: Decided, on_node: Mapping[str, str]) -> Environment:
    """What is known if the programs *on_node* are of these versions."""
    before = known_before(decided)
    emulator, *of_kit = before.versions.items()
    inside = [each for each in on_node.items() if each[0] not in before.versions]
    return msgspec.structs.replace(before, versions=dict([emulator, *inside, *of_kit]))


def known_before(decided: Decided) -> Environment:
    """What of it is known before a node runs: all but the versions that are in the node."""
    topology, images = decided.topology, decided.images
    is_emulated = decided.chosen.accelerator is Accelerator.TCG
    kit = decided.kit
    return Environment(
        accelerator=decided.chosen.accelerator,
        is_emulated=is_emulated,
        accelerator_reason=decided.chosen.reason,
        host=host.facts(),
        images={
            "node": images.node.digest,
            "guest": images.guest.digest,
            "workload": images.workload.digest,
            **({"artefacts": artefact_disk.digest(kit.carried)} if kit else {}),
        },
        versions={
            "node's QEMU": host.qemu_version(decided.chosen.emulator or host.QEMU),
            **(kit.versions if kit else {}),
            **dict(each.version for each in extensions.that_measure()),
        },
        durations=decided.profile.durations,
        knobs={
            "topology": topology.name,
            "cluster": topology.cluster,
            **_control_plane(topology),
            "node cpus": str(topology.node.cpus),
            "node memory": f"{topology.node.memory_mib} MiB",
            "pool": f"{topology.node.pool_gib} GiB",
            "sandbox cpus": str(topology.sandbox.cpus),
            "sandbox memory": f"{topology.sandbox.memory_mib} MiB",
            "kernel mitigations": f"{UNMITIGATED} in node and guest" if is_emulated else "default",
            "guest memory": "2 MiB pages" if is_emulated else "as the node gives it",
        },
        local_artefacts=kit.built_locally if kit else "",
    )


def _control_plane(topology: Topology) -> dict[str, str]:
    """The size of what runs beside the measured node, if anything does."""
    other = topology.control_plane
    if other is topology.node:
        return {}
    return {
        "nodes": str(len(topology.nodes)),
        "control plane cpus": str(other.cpus),
        "control plane memory": f"{other.memory_mib} MiB",
    }
