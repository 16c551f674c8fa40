"""Domain XML: a pure function of what a node is to be. Golden-tested."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from lab import decode
from lab.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
LAB_NAMESPACE = "https://kata-lab.invalid/domain/1"
MANAGEMENT_MAC = "52:54:00:6b:61:74"
"""By which a node knows the interface, whatever other ones it has."""
MANAGEMENT_SLOT = "0x10"
"""A PCI slot of the root complex above those that libvirt hands out by itself."""
TRANSLATION_CACHE_MIB = 1024
"""Room for TCG's translated code: QEMU's default overflows while a node boots."""
KERNEL_PARAMETERS = "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 audit=0 no_timer_check"
UNMITIGATED = "mitigations=off"
"""For kernels on an emulated processor: it speculates about nothing, and pays for each fence."""
TSC = "tsc=reliable"
"""For an emulated node: its processors read one counter, the host's, but do not say so. Without
this the node's clock is the HPET, which QEMU emulates in software, and KVM keeps moving its guests'
TSC to catch up with that: now and then a guest's timer then fires for ever."""
APPARMOR = "apparmor"
FIRMWARE_CREDENTIALS = "opt/io.systemd.credentials"
"""Where systemd looks for credentials in QEMU's firmware configuration, since version 252."""


class Accelerator(StrEnum):
    """What runs a node's instructions."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLink:
    """
    A node's end of a wire to another node: each frame is a datagram from one port to the other.

    Both are of 127.0.0.1. It needs no right that a user lacks, as a network of libvirt's own
    would; neither end waits for the other.
    """

    mac: str
    port: int
    """Its own."""
    peer_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Whose a domain is: written on the object itself, should all else be gone."""

    lab: str
    """The id of the lab that it belongs to; the domain's name begins with it."""
    owner: str
    """The id of the process that has brought it up."""
    home: str
    """The state folder in which that lab is on record."""
    run: str = ""
    """The directory of the run that it is for, if it is for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSpec:
    """All that a node's domain is made of."""

    name: str
    whose: Ownership
    accelerator: Accelerator
    cpus: int
    memory_mib: int
    kernel: Path
    initramfs: Path
    root_disk: Path
    data_disk: Path
    console: Path
    ssh_port: int
    """On 127.0.0.1, forwarded to the node's port 22."""
    credentials: tuple[str, ...]
    """SMBIOS OEM strings that systemd imports as credentials (systemd.system-credentials(7))."""
    secrets: Mapping[str, Path] = field(default_factory=dict)
    """By name: credentials in files, which no command line shows."""
    emulator: Path | None = None
    """The QEMU that runs the domain; None is the machine's own."""
    artefact_disk: Path | None = None
    """A raw disk that the node only reads, and other nodes may read as well."""
    data_links: tuple[DataLink, ...] = ()
    """The wires to other nodes of the bench."""
    confined_by: str | None = None
    """The security model whose profiles know only the machine's own QEMU, if there is one."""
    memory: Path | None = None
    """What QEMU goes on from (:mod:`lab.virt.memory`); None where the node boots."""


def domain_xml(spec: DomainSpec) -> str:
    """The libvirt domain of a node, as XML."""
    ET.register_namespace("qemu", QEMU_NAMESPACE)
    ET.register_namespace("lab", LAB_NAMESPACE)
    is_kvm = spec.accelerator is Accelerator.KVM
    domain = ET.Element("domain", type="kvm" if is_kvm else "qemu")
    _text(domain, "name", spec.name)
    _add_ownership(_child(domain, "metadata"), spec.whose)
    _text(domain, "memory", str(spec.memory_mib), unit="MiB")
    _text(domain, "vcpu", str(spec.cpus))
    # A node that resets itself, as an emulated one may after a triple fault, would come back
    # without all that was put up on it, and answer as if nothing had been. It ends instead.
    _text(domain, "on_reboot", "destroy")
    _add_boot(domain, spec)
    _add_processor(domain, spec)
    _add_devices(_child(domain, "devices"), spec)
    if spec.emulator and spec.confined_by:
        _child(domain, "seclabel", type="none", model=spec.confined_by)
    _add_management(domain, spec)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode")


def ownership(xml: str) -> Ownership | None:
    """Whose the domain is that libvirt describes as *xml*; None if it is not the lab's."""
    try:
        found = decode.xml(xml).find(f"metadata/{{{LAB_NAMESPACE}}}lab")
    except decode.DecodeError:
        return None
    if found is None or not found.text:
        return None
    said = {name: found.get(name, "") for name in ("owner", "home", "run")}
    return Ownership(lab=found.text, **said)


def _add_ownership(metadata: ET.Element, whose: Ownership) -> None:
    said = {"owner": whose.owner, "home": whose.home, "run": whose.run}
    _text(metadata, f"{{{LAB_NAMESPACE}}}lab", whose.lab, **{k: v for k, v in said.items() if v})


def _add_boot(domain: ET.Element, spec: DomainSpec) -> None:
    system = _child(domain, "os")
    _text(system, "type", "hvm", arch="x86_64", machine="q35")
    _text(system, "kernel", str(spec.kernel))
    _text(system, "initrd", str(spec.initramfs))
    is_emulated = spec.accelerator is Accelerator.TCG
    extra = f" {TSC} {UNMITIGATED}" if is_emulated else ""
    _text(system, "cmdline", KERNEL_PARAMETERS + extra)
    _child(system, "smbios", mode="sysinfo")
    strings = _child(_child(domain, "sysinfo", type="smbios"), "oemStrings")
    for credential in spec.credentials:
        _text(strings, "entry", credential)
    if spec.secrets:
        firmware = _child(domain, "sysinfo", type="fwcfg")
        for name, path in spec.secrets.items():
            _child(firmware, "entry", name=f"{FIRMWARE_CREDENTIALS}/{name}", file=str(path))


def _add_processor(domain: ET.Element, spec: DomainSpec) -> None:
    features = _child(domain, "features")
    _child(features, "acpi")
    _child(features, "apic")
    if spec.accelerator is Accelerator.KVM:
        _child(domain, "cpu", mode="host-passthrough")
        return
    cache = _child(features, "tcg")
    _text(cache, "tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB")
    # TCG emulates AMD's SVM with nested paging: the node gets a working /dev/kvm.
    cpu = _child(domain, "cpu", mode="custom", match="exact", check="none")
    _text(cpu, "model", "EPYC", fallback="forbid")
    _child(cpu, "feature", policy="require", name="svm")
    # Each copy to or from user space would break up translated code twice.
    _child(cpu, "feature", policy="disable", name="smap")


def _add_devices(devices: ET.Element, spec: DomainSpec) -> None:
    if spec.emulator:
        _text(devices, "emulator", str(spec.emulator))
    # The root disk is thrown away with the run: nothing need reach the host's disk in order.
    _disk(devices, spec.root_disk, target="vda", cache="unsafe")
    # What is measured lies here: no cache of the host in between.
    _disk(devices, spec.data_disk, target="vdb", cache="none")
    if spec.artefact_disk:
        _read_only_disk(devices, spec.artefact_disk, target="vdc")
    for link in spec.data_links:
        _data_link(devices, link)
    _child(devices, "controller", type="usb", model="none")
    serial = _child(devices, "serial", type="file")
    _child(serial, "source", path=str(spec.console), append="on")
    _child(serial, "target", port="0")
    rng = _child(devices, "rng", model="virtio")
    _text(rng, "backend", "/dev/urandom", model="random")
    _child(devices, "memballoon", model="none")


def _disk(devices: ET.Element, path: Path, *, target: str, cache: str) -> None:
    disk = _child(devices, "disk", type="file", device="disk")
    _child(disk, "driver", name="qemu", type="qcow2", cache=cache, discard="unmap")
    _child(disk, "source", file=str(path))
    _child(disk, "target", dev=target, bus="virtio")


def _read_only_disk(devices: ET.Element, path: Path, *, target: str) -> None:
    disk = _child(devices, "disk", type="file", device="disk")
    _child(disk, "driver", name="qemu", type="raw")
    _child(disk, "source", file=str(path))
    _child(disk, "target", dev=target, bus="virtio")
    _child(disk, "readonly")


def _data_link(devices: ET.Element, link: DataLink) -> None:
    interface = _child(devices, "interface", type="udp")
    _child(interface, "mac", address=link.mac)
    source = _child(interface, "source", address=LOOPBACK, port=str(link.peer_port))
    _child(source, "local", address=LOOPBACK, port=str(link.port))
    _child(interface, "model", type="virtio")


def _add_management(domain: ET.Element, spec: DomainSpec) -> None:
    # libvirt's own user-mode interface has neither restrict= nor hostfwd=.
    forward = f"hostfwd=tcp:{LOOPBACK}:{spec.ssh_port}-:22"
    device = f"virtio-net-pci,netdev=mgmt,mac={MANAGEMENT_MAC},bus=pcie.0,addr={MANAGEMENT_SLOT}"
    extra = _child(domain, f"{{{QEMU_NAMESPACE}}}commandline")
    arguments = ["-netdev", f"user,id=mgmt,restrict=on,{forward}", "-device", device]
    if spec.memory:
        arguments += ["-incoming", f"file:{spec.memory}"]
    for argument in arguments:
        _child(extra, f"{{{QEMU_NAMESPACE}}}arg", value=argument)


def _child(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    _child(parent, tag, **attributes).text = text
