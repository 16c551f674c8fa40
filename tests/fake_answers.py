"""Raw answers of invented sandboxes: put together from those of real ones, cell by cell."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from lab.matrix import Cell, Network, Runtime, Storage
from lab.outcome import Evidence
from lab.runtime.path import GUEST_DEVICES, SHARED_MOUNT
from lab.storage.backend import MOUNTS, QEMU_COMMAND, VIRTIO_IDS
from lab.storage.thin import KERNEL_NAME, STATUS
from lab.storage.virtiofs import DAEMON
from tests.evidence import DATA

RECORDED = DATA.parent / "path"
BY_NETWORK = {
    Network.TCFILTER: "tcfilter+virtiofs+reference",
    Network.MACVTAP: "macvtap+devmapper+reference",
    Network.NONE: "none+9p+reference",
    Network.BRIDGE: "bridge+devmapper-blk+reference",
    Network.L3FORWARDING: "l3forwarding+pmem-dax+reference",
}
BY_STORAGE = {
    Storage.VIRTIOFS: BY_NETWORK[Network.TCFILTER],
    Storage.VIRTIOFS_DAX: BY_NETWORK[Network.TCFILTER],
    Storage.NINEP: BY_NETWORK[Network.NONE],
    Storage.DEVMAPPER: BY_NETWORK[Network.MACVTAP],
    Storage.DEVMAPPER_BLK: BY_NETWORK[Network.BRIDGE],
    Storage.PMEM_DAX: BY_NETWORK[Network.L3FORWARDING],
}
OF_STORAGE = (MOUNTS, VIRTIO_IDS, GUEST_DEVICES, SHARED_MOUNT, DAEMON, STATUS, KERNEL_NAME)
_STORAGE_OPTIONS = re.compile(r"(?<=,mq=off ).*(?=-no-user-config )")
"""Where QEMU's command line has them (lab.runtime.qemu)."""


@cache
def answers(cell: Cell) -> dict[str, str]:
    """What a sandbox of *cell* might have answered."""
    if cell.runtime is Runtime.RUNC:
        return recorded(str(cell.plain))
    network, storage = recorded(BY_NETWORK[cell.network]), recorded(BY_STORAGE[cell.storage])
    options = _STORAGE_OPTIONS.search(storage[QEMU_COMMAND])
    assert options is not None
    return {
        **{name: text for name, text in network.items() if name not in OF_STORAGE},
        **{name: text for name, text in storage.items() if name in OF_STORAGE},
        QEMU_COMMAND: _STORAGE_OPTIONS.sub(lambda _: options[0], network[QEMU_COMMAND]),
    }


def volume(cell: Cell) -> str | None:
    """The thin volume that *answers* tell of; None where they tell of none."""
    if KERNEL_NAME not in answers(cell):
        return None
    found: str
    (found,) = set(re.findall(r"/dev/mapper/[\w-]+", answers(cell)[QEMU_COMMAND]))
    return found


@cache
def recorded(cell: str) -> dict[str, str]:
    """The raw answers of a real sandbox."""
    file = RECORDED / f"{cell}.json"
    return msgspec.json.decode(file.read_bytes(), type=tuple[Evidence, ...])[-1].raw
