"""
What a cell asks of Kata: a drop-in beside the configuration that came with the release.

A cell asks for its network and storage even where Kata is known to ignore or refuse them:
that is what the cell shows. Source of keys and values: katautils/config.go and config.go of
govmm (Go), kata-types/src/config (runtime-rs), at 3.28.0 and 4.1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster import toml
from lab.cluster.kata import UPSTREAM_PREFIX
from lab.matrix import Network, Runtime, Storage
from lab.storage.virtiofs_dax import WINDOW_MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.cluster.handler import Handler
    from lab.cluster.kata import KataRelease
    from lab.cluster.toml import Value
    from lab.topology import SandboxSpec

DROP_IN = "config.d/60-lab.toml"
"""A regular file: runtime-rs refuses links. 50 to 89 are nobody else's (kata-deploy)."""
AGENT_TIMEOUT_S = 120
"""
How long the guest may take until its agent answers; meant for an emulated node.

Kata's Go runtime waits as long for one whose QEMU has ended, too (client.go, commonDialer).
"""
RS_AGENT_TIMEOUT_S = 240
"""The same for runtime-rs, which does not; seen: 67 to 138 s beside a control plane, and more."""
CONTAINER_TIMEOUT_S = 600
"""How long the agent may take to make a container. Less than the kubelet's patience."""

NETWORKS: Mapping[Network, str] = {
    Network.TCFILTER: "tcfilter",
    Network.MACVTAP: "macvtap",
    Network.NONE: "none",
    Network.BRIDGE: "bridged",
    Network.L3FORWARDING: "l3forwarding",
}
"""Both runtimes read the same names; ``bridged`` is that of Kata 1.x."""

Settings = dict[str, "Value"]

_VIRTIOFS: Settings = {"shared_fs": "virtio-fs", "virtio_fs_cache_size": 0}
_GO_BLOCK: Settings = {**_VIRTIOFS, "disable_block_device_use": False}
_GO_SHARE: Settings = {"disable_block_device_use": True}
GO: Mapping[Storage, Settings] = {
    Storage.VIRTIOFS: {**_VIRTIOFS, **_GO_SHARE},
    Storage.VIRTIOFS_DAX: {**_VIRTIOFS, **_GO_SHARE, "virtio_fs_cache_size": WINDOW_MIB},
    Storage.NINEP: {"shared_fs": "virtio-9p", **_GO_SHARE},
    Storage.DEVMAPPER: {**_GO_BLOCK, "block_device_driver": "virtio-scsi"},
    Storage.DEVMAPPER_BLK: {**_GO_BLOCK, "block_device_driver": "virtio-blk"},
    Storage.PMEM_DAX: {**_GO_BLOCK, "block_device_driver": "nvdimm"},
}
"""What the Go runtime is told of a storage, in the table of its hypervisor."""

# With disable_block_device_use runtime-rs forgets the driver and then asks for it all the same
# (config/hypervisor/mod.rs adjust_config, rootfs/block_rootfs.rs is_block_rootfs).
_RS_VIRTIOFS: Settings = {
    **_VIRTIOFS,
    "virtio_fs_is_dax": False,
    "disable_block_device_use": False,
}
_RS_DAX: Settings = {"virtio_fs_cache_size": WINDOW_MIB, "virtio_fs_is_dax": True}
RS: Mapping[Storage, Settings] = {
    Storage.VIRTIOFS: _RS_VIRTIOFS,
    Storage.VIRTIOFS_DAX: {**_RS_VIRTIOFS, **_RS_DAX},
    Storage.NINEP: {"shared_fs": "virtio-9p", "disable_block_device_use": False},
    Storage.DEVMAPPER: {**_RS_VIRTIOFS, "block_device_driver": "virtio-scsi"},
    Storage.DEVMAPPER_BLK: {**_RS_VIRTIOFS, "block_device_driver": "virtio-blk-pci"},
    Storage.PMEM_DAX: {**_RS_VIRTIOFS, "block_device_driver": "virtio-pmem"},
}
"""What runtime-rs is told of a storage. A key that it does not know it ignores in silence."""


def drop_in(handler: Handler, sandbox: SandboxSpec) -> str:
    """What *handler* asks of Kata, as the text of its drop-in."""
    release = _release(handler)
    dialect, tables = {Runtime.KATA_GO: (GO, _go), Runtime.KATA_RS: (RS, _rs)}[release.runtime]
    hypervisor: Settings = {
        "default_vcpus": sandbox.cpus,
        "default_memory": sandbox.memory_mib,
        **dialect[handler.cell.storage],
    }
    network = NETWORKS[handler.cell.network]
    settings: Settings = {"hypervisor": {release.vmm.value: hypervisor}, **tables(network)}
    return f"# {handler.cell}: written by the lab.\n{toml.render(settings)}"


def install_script(handler: Handler, sandbox: SandboxSpec) -> str:
    """
    The shell script that makes the folder of *handler* on a node.

    The release's own configuration is copied, with its paths led to where the release lies.
    """
    release = _release(handler)
    move = f"s|{UPSTREAM_PREFIX}/|{release.prefix}/|g"
    return (
        f"mkdir -p {handler.folder}/config.d\n"
        f"sed '{move}' {release.configuration} >{handler.configuration}\n"
        f"cat >{handler.folder}/{DROP_IN} <<'DROP_IN'\n"
        f"{drop_in(handler, sandbox)}DROP_IN\n"
    )


def _go(network: str) -> Settings:
    return {
        "agent": {"kata": {"dial_timeout": AGENT_TIMEOUT_S}},
        "runtime": {
            "internetworking_model": network,
            "create_container_timeout": CONTAINER_TIMEOUT_S,
        },
    }


def _rs(network: str) -> Settings:
    return {
        "agent": {
            "kata": {
                "reconnect_timeout_ms": RS_AGENT_TIMEOUT_S * 1000,
                "create_container_timeout": CONTAINER_TIMEOUT_S,
            }
        },
        "runtime": {"internetworking_model": network},
    }


def _release(handler: Handler) -> KataRelease:
    if handler.release is None:
        raise ValueError(f"{handler.cell} has no Kata that could be configured")
    return handler.release
