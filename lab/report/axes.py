"""The axes of the matrix as a reader meets them: their order, what they mean, what to compare."""

from __future__ import annotations

from lab.matrix import GUEST_NETWORKS, GUEST_STORAGES, Cell, Network, Runtime, Storage

NETWORKS = GUEST_NETWORKS
STORAGES = GUEST_STORAGES

CONTROL_OF = {
    Storage.VIRTIOFS: Storage.OVERLAYFS,
    Storage.VIRTIOFS_DAX: Storage.OVERLAYFS,
    Storage.NINEP: Storage.OVERLAYFS,
    Storage.DEVMAPPER: Storage.DEVMAPPER,
    Storage.DEVMAPPER_BLK: Storage.DEVMAPPER,
    Storage.PMEM_DAX: Storage.DEVMAPPER,
}
"""By storage: what the same snapshotter gives a container without a guest."""

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


def control_of(cell: Cell) -> Cell | None:
    """The cell without a guest that *cell* is compared with; None for a control itself."""
    if cell.runtime is Runtime.RUNC:
        return None
    return Cell(Network.VETH, CONTROL_OF[cell.storage], Runtime.RUNC)


def reading_order(cell: Cell) -> tuple[int, int, int]:
    """Sort a control first, then what is compared with it, by storage and by network."""
    control = control_of(cell) or cell
    rank = 0 if cell is control else 1 + STORAGES.index(cell.storage)
    network = NETWORKS.index(cell.network) if cell.network in NETWORKS else 0
    return (list(CONTROL_OF.values()).index(control.storage), rank, network)
