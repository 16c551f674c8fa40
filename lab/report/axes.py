"""The axes of the matrix as a reader meets them: their order, what they mean, what to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lab.matrix import (
    CONTROL_OF,
    Cell,
    Network,
    Storage,
    Variant,
    control_of,
    guest_networks,
    guest_storages,
)
from lab.network import MODELS
from lab.storage import BACKENDS

if TYPE_CHECKING:
    from lab.extensions import Described

_MEANING = {
    Network.TCFILTER: "veth and tap, joined by tc mirred",
    Network.MACVTAP: "macvtap on the veth, bridge mode",
    Network.NONE: "a bare tap, routed; no veth",
    Network.BRIDGE: "veth and tap in a bridge",
    Network.L3FORWARDING: "veth and tap, routed",
    Storage.VIRTIOFS: "shared directory, virtiofsd",
    Storage.VIRTIOFS_DAX: "virtiofs mapped into the guest",
    Storage.NINEP: "shared directory, in QEMU",
    Storage.DEVMAPPER: "thin volume, virtio-scsi",
    Storage.DEVMAPPER_BLK: "thin volume, virtio-blk",
    Storage.PMEM_DAX: "thin volume, virtio-pmem, dax",
    Storage.OVERLAYFS: "no guest",
}


def meaning(name: Network | Storage) -> str:
    """
    Say what a network or a storage is, in a few words.

    Raises:
        ExtensionError: if it is an extension's, which is not what it must be.
    """
    if name in _MEANING:
        return _MEANING[name]
    registry = MODELS if isinstance(name, Network) else BACKENDS
    return cast("Described", registry[name]).MEANING


def reading_order(cell: Cell) -> tuple[int, int, int, int]:
    """
    Sort a control first, then what is compared with it, by storage and by network.

    A twin and a handicap come after their cell.
    """
    control = control_of(cell) or cell
    networks = guest_networks()
    rank = 0 if cell is control else 1 + guest_storages().index(cell.storage)
    network = networks.index(cell.network) if cell.network in networks else 0
    variant = list(Variant).index(cell.variant)
    return (list(CONTROL_OF.values()).index(control.storage), rank, network, variant)
