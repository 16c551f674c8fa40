"""Every topology of the gallery, as far as any machine allows: libvirt's test driver starts it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from lab.decode import xml
from lab.disks import Disks
from lab.host import memory_wanted_mib
from lab.loader import load_topology
from lab.places import TOPOLOGIES
from lab.provision import bring_up
from lab.shape import shape
from lab.takedown import take_down

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ground import Ground

GALLERY = sorted(path.stem for path in TOPOLOGIES.glob("*.toml"))


@pytest.mark.parametrize("name", GALLERY)
def test_it_comes_up_as_it_is_shown_and_goes_without_a_trace(
    ground: Ground, tmp_path: Path, name: str
) -> None:
    topology = load_topology(name)
    shown = shape(topology)
    disks = {spec.name: Disks.of(spec.name, tmp_path) for spec in topology.nodes}

    lab = bring_up(replace(ground.start, topology=topology, disks=disks))

    told = {node.name: xml(ground.xml(node.domain)) for node in lab.record.nodes}
    assert list(told) == [node["name"] for node in shown["nodes"]]
    assert shown["needs"].startswith(f"{memory_wanted_mib(topology)} MiB of memory, ")
    assert [each.findtext("vcpu") for each in told.values()] == [
        str(node["cpus"]) for node in shown["nodes"]
    ]
    for wire in shown["wires"]:
        assert wire["from_mac"] in ElementTree.tostring(told[wire["from"]], "unicode")
        assert wire["to_mac"] in ElementTree.tostring(told[wire["to"]], "unicode")
    take_down(lab.folder)
    assert ground.left == []
