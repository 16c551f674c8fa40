"""
virtio-fs with DAX: the guest maps the node's page cache through a window of QEMU's.

It needs a QEMU whose vhost-user-fs-pci has ``cache-size`` and a virtiofsd that maps: neither
was ever in a release of QEMU or of the Rust virtiofsd (Kata issues #1866, #4117, #4632;
virtiofsd issue #41). So both are asked, and without them the cell is UNSUPPORTED: Kata would
fail (its Go runtime) or silently run without DAX (runtime-rs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.outcome import SUPPORTED, Fact, Support
from lab.storage import backend, virtiofs
from lab.storage.backend import GUEST_SHARE, ROOT, TAG, VirtioId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.storage.backend import Volume
    from lab.topology import Topology

SNAPSHOTTER = virtiofs.SNAPSHOTTER
MODULES = virtiofs.MODULES
WINDOW_MIB = 256

QEMU_ASKED = "vhost-user-fs-pci's properties"
DAEMON_ASKED = "virtiofsd's mapping"
"""The Rust virtiofsd maps only through vhost-user messages that QEMU never merged; a build that
has them carries their names in its text."""


def requirements(topology: Topology) -> dict[str, str]:
    """Ask QEMU for the property, and the daemon for the ability to map."""
    qemu_binary, daemon = topology.qemu.binary, topology.virtiofsd.binary
    return {
        QEMU_ASKED: f"{qemu_binary} -device vhost-user-fs-pci,help",
        DAEMON_ASKED: f"grep -a -o -i -m1 -E 'shmem_map|fs_map|FsMap|ShmemMap' {daemon}"
        f" || {daemon} --version",
    }


def support(answers: Mapping[str, str]) -> Support:
    """Both must have it; the reason quotes what they answered."""
    properties = answers[QEMU_ASKED]
    has_window = "cache-size=" in properties
    daemon = answers[DAEMON_ASKED].strip()
    maps = daemon.lower().replace("_", "").startswith(("shmemmap", "fsmap"))
    if has_window and maps:
        return SUPPORTED
    lacks = []
    if not has_window:
        lacks.append("QEMU's vhost-user-fs-pci has no cache-size property")
    if not maps:
        lacks.append(f"virtiofsd cannot map files ({daemon.splitlines()[0] if daemon else '?'})")
    return Support(
        is_supported=False,
        asked="; ".join((QEMU_ASKED, DAEMON_ASKED)),
        answered=f"{_property_names(properties)}; {daemon}",
        reason=" and ".join(lacks),
    )


attach = virtiofs.attach
detach = virtiofs.detach
forget = virtiofs.forget
node_questions = virtiofs.node_questions


def qemu(volume: Volume) -> tuple[str, ...]:
    """The vhost-user device with a window."""
    *rest, device = virtiofs.qemu(volume)
    return (*rest, f"{device},cache-size={WINDOW_MIB}M")


def mount() -> tuple[str, ...]:
    """As virtio-fs, with dax: the guest's kernel refuses where there is no window."""
    return (
        f"mkdir -p {GUEST_SHARE}",
        f"mount -t virtiofs -o dax {TAG} {GUEST_SHARE}",
        f"mount -o bind {GUEST_SHARE}/rootfs {ROOT}",
    )


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """virtiofs mounted with dax, through a window that QEMU was given."""
    yield backend.root_fact(answers, source=r"\S+", fstype="virtiofs")
    yield backend.dax_fact(answers, is_wanted=True)
    yield backend.virtio_fact(answers, VirtioId.FS)
    yield backend.command_fact(answers, f"cache-size={WINDOW_MIB}M")
    yield from (fact for fact in virtiofs.facts(volume, answers) if "virtiofsd" in fact.subject)


def _property_names(text: str) -> str:
    names = [line.split("=")[0].strip() for line in text.splitlines() if "=" in line]
    if not names:
        return text.strip() or "QEMU said nothing"
    return "vhost-user-fs-pci has " + ", ".join(sorted(names))
