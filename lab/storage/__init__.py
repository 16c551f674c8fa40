"""
The storage backends: how the container's root file system reaches the guest.

One module a backend. Each says what it starts on the node, what QEMU and the guest are told,
and what evidence proves it; :class:`lab.storage.backend.Backend` is what a module must offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import Storage
from lab.storage import devmapper, devmapper_blk, ninep, pmem_dax, virtiofs, virtiofs_dax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.storage.backend import Backend

BACKENDS: Mapping[Storage, Backend] = {
    Storage.VIRTIOFS: virtiofs,
    Storage.VIRTIOFS_DAX: virtiofs_dax,
    Storage.NINEP: ninep,
    Storage.DEVMAPPER: devmapper,
    Storage.DEVMAPPER_BLK: devmapper_blk,
    Storage.PMEM_DAX: pmem_dax,
}
