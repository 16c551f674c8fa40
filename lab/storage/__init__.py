"""
The storage backends: how the container's root file system reaches the guest.

One module a backend. Each says what it starts on the node, what QEMU and the guest are told,
and what evidence proves it; :class:`lab.storage.backend.Backend` is what a module must offer. That
of an extension tells besides what it means and what is known of it (:mod:`lab.expectations`).
"""

from __future__ import annotations

from lab.extensions import Group, Interface, Registry
from lab.matrix import Storage
from lab.storage import devmapper, devmapper_blk, ninep, pmem_dax, virtiofs, virtiofs_dax
from lab.storage.backend import Backend, Snapshotter

BACKENDS: Registry[Backend] = Registry(
    Group.STORAGES,
    {
        Storage.VIRTIOFS: virtiofs,
        Storage.VIRTIOFS_DAX: virtiofs_dax,
        Storage.NINEP: ninep,
        Storage.DEVMAPPER: devmapper,
        Storage.DEVMAPPER_BLK: devmapper_blk,
        Storage.PMEM_DAX: pmem_dax,
    },
    Interface(
        protocol=Backend,
        values={"SNAPSHOTTER": Snapshotter, "MODULES": tuple, "MEANING": str, "EXPECTATIONS": str},
    ),
)
"""By name, which is also what a :class:`lab.matrix.Storage` is."""
