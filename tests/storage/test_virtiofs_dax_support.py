"""Whether a QEMU and a virtiofsd can do DAX, from what they answer."""

from __future__ import annotations

import pytest

from lab.outcome import SUPPORTED, Support
from lab.storage import virtiofs_dax
from lab.storage.virtiofs_dax import DAEMON_ASKED, QEMU_ASKED
from lab.topology import Binary, NodeSpec, Topology
from tests.evidence import DATA

STOCK = (DATA / "qemu-7.2.22-vhost-user-fs-pci.txt").read_text(encoding="utf-8")
WINDOW = "  cache-size=<size>      -  (default: 0)\n  chardev=<str>"
PATCHED = STOCK.replace("  chardev=<str>", WINDOW)
VERSION = "virtiofsd 1.13.2\n"
MAPS = "SHMEM_MAP\n"


def support(properties: str, daemon: str) -> Support:
    return virtiofs_dax.support({QEMU_ASKED: properties, DAEMON_ASKED: daemon})


@pytest.mark.parametrize("mark", [MAPS, "shmem_map\nSHMEM_MAP\n", "ShmemMap\n", "FS_MAP\n"])
def test_a_pair_that_has_both_runs(mark: str) -> None:
    assert support(PATCHED, mark) is SUPPORTED


def test_a_stock_pair_is_unsupported_with_what_it_answered() -> None:
    answer = support(STOCK, VERSION)

    assert not answer.is_supported
    assert answer.reason == (
        "QEMU's vhost-user-fs-pci has no cache-size property"
        " and virtiofsd cannot map files (virtiofsd 1.13.2)"
    )
    assert answer.asked == "vhost-user-fs-pci's properties; virtiofsd's mapping"
    assert "chardev" in answer.answered
    assert "queue-size" in answer.answered
    assert "cache-size" not in answer.answered
    assert answer.answered.endswith("; virtiofsd 1.13.2")


def test_a_window_that_no_daemon_maps_into_is_not_enough() -> None:
    answer = support(PATCHED, VERSION)

    assert not answer.is_supported
    assert answer.reason == "virtiofsd cannot map files (virtiofsd 1.13.2)"


def test_a_daemon_that_maps_into_no_window_is_not_enough() -> None:
    answer = support(STOCK, MAPS)

    assert not answer.is_supported
    assert answer.reason == "QEMU's vhost-user-fs-pci has no cache-size property"


@pytest.mark.parametrize("property_name", ["x-cache-size-hint=<bool>", "cache-size <size>"])
def test_a_property_of_a_similar_name_is_not_the_window(property_name: str) -> None:
    properties = STOCK.replace("  chardev=<str>", f"  {property_name}\n  chardev=<str>")

    assert not support(properties, MAPS).is_supported


def test_a_qemu_that_is_not_there_is_quoted() -> None:
    answer = support("sh: 1: /opt/qemu: not found\n", "grep: /opt/virtiofsd: No such file\n")

    assert not answer.is_supported
    assert "virtiofsd cannot map files (grep: /opt/virtiofsd: No such file)" in answer.reason
    assert answer.answered.startswith("sh: 1: /opt/qemu: not found; grep: /opt/virtiofsd")


def test_silence_is_not_support() -> None:
    answer = support("", "")

    assert not answer.is_supported
    assert answer.answered == "QEMU said nothing; "


def test_the_topologys_own_pair_is_asked() -> None:
    topology = Topology(
        name="bench",
        nodes=(NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=8),),
        qemu=Binary(binary="/opt/qemu"),
        virtiofsd=Binary(binary="/opt/virtiofsd"),
    )

    questions = virtiofs_dax.requirements(topology)

    assert questions[QEMU_ASKED] == "/opt/qemu -device vhost-user-fs-pci,help"
    assert questions[DAEMON_ASKED].endswith(" /opt/virtiofsd || /opt/virtiofsd --version")
