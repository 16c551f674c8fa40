"""Domain XML against files that a person has read, and asked as a document."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from lab import wires
from lab.loader import load_topology
from lab.virt.xml import (
    LAB_NAMESPACE,
    QEMU_NAMESPACE,
    Accelerator,
    DomainSpec,
    Ownership,
    domain_xml,
    ownership,
)

GOLDEN = Path(__file__).parents[1] / "data" / "domain"
SPEC = DomainSpec(
    name="lab-embedded-c0ffee",
    whose=Ownership(
        lab="lab-embedded-c0ffee",
        owner="4242-1234567-0a1b2c3d-effffffc",
        home="/var/lib/kata-lab",
        run="/results/2026-11-23T18-05-12-smoke",
    ),
    accelerator=Accelerator.KVM,
    cpus=2,
    memory_mib=4096,
    kernel=Path("/images/node-1f/vmlinuz"),
    initramfs=Path("/images/node-1f/initramfs"),
    root_disk=Path("/labs/lab-embedded-c0ffee/root.qcow2"),
    data_disk=Path("/labs/lab-embedded-c0ffee/data.qcow2"),
    console=Path("/results/r1/consoles/node-1.log"),
    ssh_port=40022,
    credentials=(
        "io.systemd.credential.binary:system.hostname=bm9kZS0x",
        "io.systemd.credential.binary:ssh.authorized_keys.root=c3NoLWVkMjU1MTkgQUFBQQo=",
    ),
    secrets={"lab.ssh_host_ed25519_key": Path("/labs/lab-embedded-c0ffee/node-1-host-key")},
)

PAIR = load_topology("k8s-calico-kata")
WIRED = {
    name: replace(SPEC, name=f"lab-k8s-calico-kata-c0ffee-{name}", data_links=links)
    for name, links in wires.laid(PAIR, (40101, 40102)).items()
}
"""The nodes of a topology with two, by name."""


def parsed(spec: DomainSpec) -> ET.Element:
    return ET.fromstring(domain_xml(spec))  # noqa: S314 - our own text


def attributes(spec: DomainSpec, path: str) -> list[dict[str, str]]:
    return [element.attrib for element in parsed(spec).iterfind(path)]


def qemu_arguments(spec: DomainSpec) -> list[str]:
    path = f"{{{QEMU_NAMESPACE}}}commandline/{{{QEMU_NAMESPACE}}}arg"
    return [each["value"] for each in attributes(spec, path)]


@pytest.mark.parametrize("accelerator", list(Accelerator))
def test_a_node_is_described_as_before(accelerator: Accelerator) -> None:
    text = domain_xml(replace(SPEC, accelerator=accelerator))

    assert f"{text}\n" == (GOLDEN / f"{accelerator}.xml").read_text()


@pytest.mark.parametrize("name", WIRED)
def test_a_node_with_wires_is_described_as_before(name: str) -> None:
    assert f"{domain_xml(WIRED[name])}\n" == (GOLDEN / f"{name}.xml").read_text()


def test_the_wire_between_two_nodes_is_on_the_loopback_only() -> None:
    (interface,) = parsed(WIRED["worker-1"]).iterfind("devices/interface")

    assert interface.attrib == {"type": "udp"}
    assert attributes(WIRED["worker-1"], "devices/interface/source") == [
        {"address": "127.0.0.1", "port": "40101"}
    ]
    assert attributes(WIRED["worker-1"], "devices/interface/source/local") == [
        {"address": "127.0.0.1", "port": "40102"}
    ]
    assert attributes(WIRED["worker-1"], "devices/interface/mac") == [
        {"address": "52:54:00:6b:01:02"}
    ]
    assert attributes(WIRED["worker-1"], "devices/interface/model") == [{"type": "virtio"}]


def test_a_single_node_has_no_wire() -> None:
    assert attributes(SPEC, "devices/interface") == []


def test_a_node_with_artefacts_is_described_as_before() -> None:
    text = domain_xml(replace(SPEC, artefact_disk=Path("/artefacts/1f.img")))

    assert f"{text}\n" == (GOLDEN / "kvm-artefacts.xml").read_text()


def test_artefacts_are_only_read_and_so_may_be_shared() -> None:
    disks = parsed(replace(SPEC, artefact_disk=Path("/artefacts/1f.img"))).findall("devices/disk")

    assert [disk.find("readonly") is not None for disk in disks] == [False, False, True]
    assert disks[2].find("source").attrib == {"file": "/artefacts/1f.img"}  # type: ignore[union-attr]


def test_hardware_runs_the_node_with_the_hosts_own_processor() -> None:
    assert parsed(SPEC).get("type") == "kvm"
    assert attributes(SPEC, "cpu") == [{"mode": "host-passthrough"}]


def test_emulation_has_nested_virtualisation_and_room_for_its_code() -> None:
    spec = replace(SPEC, accelerator=Accelerator.TCG)

    assert parsed(spec).get("type") == "qemu"
    assert {"policy": "require", "name": "svm"} in attributes(spec, "cpu/feature")
    assert parsed(spec).findtext("features/tcg/tb-cache") == "1024"


def test_ssh_is_reached_on_this_machine_only_and_nothing_is_reached_from_the_node() -> None:
    (netdev,) = (value for value in qemu_arguments(SPEC) if value.startswith("user,"))

    assert "restrict=on" in netdev.split(",")
    assert "hostfwd=tcp:127.0.0.1:40022-:22" in netdev.split(",")
    assert parsed(SPEC).find("devices/interface") is None


def test_the_data_disk_has_no_cache_of_the_host_in_between() -> None:
    disks = {
        disk.find("target").get("dev"): disk  # type: ignore[union-attr] # the golden file has it
        for disk in parsed(SPEC).iterfind("devices/disk")
    }

    assert disks["vda"].find("source").attrib == {"file": str(SPEC.root_disk)}  # type: ignore[union-attr]
    assert disks["vdb"].find("source").attrib == {"file": str(SPEC.data_disk)}  # type: ignore[union-attr]
    assert disks["vdb"].find("driver").get("cache") == "none"  # type: ignore[union-attr]


def test_the_console_is_appended_to() -> None:
    assert attributes(SPEC, "devices/serial/source") == [
        {"path": "/results/r1/consoles/node-1.log", "append": "on"}
    ]


def test_the_object_itself_says_whose_it_is() -> None:
    whose = replace(SPEC.whose, lab="lab-other-1")

    assert ownership(domain_xml(replace(SPEC, whose=whose))) == whose


def test_a_domain_of_no_run_says_so() -> None:
    whose = replace(SPEC.whose, run="")

    assert ownership(domain_xml(replace(SPEC, whose=whose))) == whose
    assert 'run="' not in domain_xml(replace(SPEC, whose=whose))


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "<metadata/>",
        '<metadata><lab xmlns="https://other.invalid/">x</lab></metadata>',
        f'<metadata><lab xmlns="{LAB_NAMESPACE}"/></metadata>',
    ],
)
def test_a_domain_of_somebody_else_is_not_the_labs(metadata: str) -> None:
    assert ownership(f"<domain><name>lab-embedded-c0ffee</name>{metadata}</domain>") is None


def test_credentials_are_handed_over_in_order() -> None:
    entries = parsed(SPEC).iterfind("sysinfo/oemStrings/entry")

    assert tuple(entry.text for entry in entries) == SPEC.credentials


@pytest.mark.parametrize("name", ["a&b", "<x>", 'say "hi"', "it's"])
def test_no_character_breaks_the_document(name: str) -> None:
    spec = replace(
        SPEC, console=Path(f"/results/{name}/log"), whose=Ownership(lab=name, owner=name, home=name)
    )

    assert attributes(spec, "devices/serial/source")[0]["path"] == f"/results/{name}/log"
    assert ownership(domain_xml(spec)) == spec.whose


def test_one_node_is_always_described_alike() -> None:
    assert domain_xml(SPEC) == domain_xml(replace(SPEC))
    assert not re.search(r"uuid|date|time>", domain_xml(SPEC))


def test_the_machines_own_emulator_is_not_named() -> None:
    assert parsed(SPEC).find("devices/emulator") is None
    assert parsed(SPEC).find("seclabel") is None


@pytest.mark.parametrize("confined_by", [None, "apparmor"])
def test_an_emulator_of_ours_is_named_and_no_profile_that_lacks_it_applies(
    confined_by: str | None,
) -> None:
    emulator = Path("/images/emulator-1f/qemu-system-x86_64")

    domain = parsed(replace(SPEC, emulator=emulator, confined_by=confined_by))

    assert domain.findtext("devices/emulator") == str(emulator)
    label = domain.find("seclabel")
    expected = {"type": "none", "model": confined_by} if confined_by else None
    assert (None if label is None else label.attrib) == expected


def test_only_an_emulated_kernel_goes_without_mitigations() -> None:
    lines = {
        accelerator: parsed(replace(SPEC, accelerator=accelerator)).findtext("os/cmdline") or ""
        for accelerator in Accelerator
    }

    assert "mitigations=off" in lines[Accelerator.TCG]
    assert "mitigations" not in lines[Accelerator.KVM]


def test_a_node_that_resets_itself_ends_instead() -> None:
    """It would come back empty, and answer as if nothing had been put up on it."""
    assert parsed(SPEC).findtext("on_reboot") == "destroy"
