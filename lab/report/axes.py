"""The axes of the matrix as a reader meets them: their order, what they mean, what to compare."""

from __future__ import annotations

from lab.matrix import (
    CONTROL_OF,
    GUEST_NETWORKS,
    GUEST_STORAGES,
    Cell,
    Network,
    Storage,
    Variant,
    control_of,
)

NETWORKS = GUEST_NETWORKS
STORAGES = GUEST_STORAGES

MEANING = {
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


def reading_order(cell: Cell) -> tuple[int, int, int, int]:
    """
    Sort a control first, then what is compared with it, by storage and by network.

    A twin and a handicap come after their cell.
    """
    control = control_of(cell) or cell
    rank = 0 if cell is control else 1 + STORAGES.index(cell.storage)
    network = NETWORKS.index(cell.network) if cell.network in NETWORKS else 0
    variant = list(Variant).index(cell.variant)
    return (list(CONTROL_OF.values()).index(control.storage), rank, network, variant)
