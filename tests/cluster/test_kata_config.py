from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lab.cluster import kata_config
from lab.matrix import GUEST_NETWORKS, GUEST_STORAGES, KATA, Network, Runtime, Storage
from lab.topology import SandboxSpec
from tests.cluster.specimens import SANDBOX, every_handler, handler


def asked(cell: str) -> dict[str, Any]:
    return tomllib.loads(kata_config.drop_in(handler(cell), SANDBOX))


def hypervisor(storage: Storage, runtime: Runtime) -> dict[str, Any]:
    table: dict[str, Any] = asked(f"tcfilter+{storage}+{runtime}")["hypervisor"]["qemu"]
    return table


@pytest.mark.parametrize("runtime", KATA)
@pytest.mark.parametrize("network", GUEST_NETWORKS)
def test_a_cell_asks_for_its_network_whatever_becomes_of_it(
    network: Network, runtime: Runtime
) -> None:
    wanted = "bridged" if network is Network.BRIDGE else network

    assert asked(f"{network}+virtiofs+{runtime}")["runtime"]["internetworking_model"] == wanted


@pytest.mark.parametrize("runtime", KATA)
def test_no_two_storages_ask_for_the_same(runtime: Runtime) -> None:
    tables = [hypervisor(storage, runtime) for storage in GUEST_STORAGES]

    assert all(tables.count(table) == 1 for table in tables)


def test_the_runtimes_have_words_of_their_own() -> None:
    go, rs = (
        [
            hypervisor(storage, runtime)["block_device_driver"]
            for storage in (Storage.DEVMAPPER, Storage.DEVMAPPER_BLK, Storage.PMEM_DAX)
        ]
        for runtime in KATA
    )

    assert go == ["virtio-scsi", "virtio-blk", "nvdimm"]
    assert rs == ["virtio-scsi", "virtio-blk-pci", "virtio-pmem"]


def test_the_go_runtime_uses_block_devices_only_where_the_cell_is_one() -> None:
    uses = {
        s: not hypervisor(s, Runtime.KATA_GO)["disable_block_device_use"] for s in GUEST_STORAGES
    }

    assert {storage for storage, is_used in uses.items() if is_used} == {
        Storage.DEVMAPPER,
        Storage.DEVMAPPER_BLK,
        Storage.PMEM_DAX,
    }


def test_runtime_rs_is_never_told_to_do_without_block_devices() -> None:
    assert not any(
        hypervisor(s, Runtime.KATA_RS)["disable_block_device_use"] for s in GUEST_STORAGES
    )


@pytest.mark.parametrize("runtime", KATA)
def test_a_window_is_asked_for_by_dax_alone(runtime: Runtime) -> None:
    windows = {s: hypervisor(s, runtime).get("virtio_fs_cache_size") for s in GUEST_STORAGES}

    assert {storage for storage, mib in windows.items() if mib} == {Storage.VIRTIOFS_DAX}


def test_a_guest_has_the_size_that_the_topology_says() -> None:
    text = kata_config.drop_in(handler("none+9p+kata-rs"), SandboxSpec(cpus=2, memory_mib=768))

    qemu = tomllib.loads(text)["hypervisor"]["qemu"]
    assert (qemu["default_vcpus"], qemu["default_memory"]) == (2, 768)


def test_the_control_without_a_guest_has_nothing_to_configure() -> None:
    with pytest.raises(ValueError, match="has no Kata"):
        kata_config.drop_in(handler("veth+overlayfs+runc"), SANDBOX)


def test_installing_leads_every_path_to_where_the_release_lies() -> None:
    script = kata_config.install_script(handler("macvtap+devmapper+kata-go"), SANDBOX)

    assert "sed 's|/opt/kata/|/opt/kata-go-3.28.0/|g' /opt/kata-go-3.28.0/share/" in script
    assert "/etc/kata-lab/macvtap-devmapper-kata-go/config.d/60-lab.toml" in script


def test_no_drop_in_ends_its_own_quotation() -> None:
    for each in every_handler():
        if each.release:
            assert "\nDROP_IN\n" not in kata_config.drop_in(each, SANDBOX)
