"""
A lab as it was when its cluster was up: the memory of its nodes, beside their disks.

A cluster's start is minutes of an emulated processor. So the first lab of a kind whose cluster is
up is held for some seconds, its memory written to a file, and the next ones go on from there.

Such a lab has the keys of the first one: the cluster's own, on the prepared disks, are as old, and
only the owner of both may read them. And its clock goes on from where it was: were it set, the
tokens and leases of the cluster would end at once.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.disks import PRIVATE, Disks
from lab.files import put_in_place, remove
from lab.scratch import scratch
from lab.virt import memory
from lab.virt.connection import connected
from lab.virt.credentials import KEYS, Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.labs import LabRecord, NodeRecord

FREEZING = "freezing"
PREFIX = "frozen-"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The state of a lab in *folder*, whether or not it is there yet."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether a lab can go on from it."""
        return self.folder.is_dir()

    def forget(self) -> None:
        """Remove it: nothing goes on from it any more."""
        remove(self.folder)

    def memory(self, node: str) -> Path:
        """The memory and devices of *node*."""
        return _memory(self.folder, node)

    def keys(self, node: str) -> Keys:
        """The keys that *node* knows."""
        return Keys.of(_keys(self.folder, node))

    def disks(self, prepared: Mapping[str, Disks]) -> dict[str, Disks]:
        """The disks of its nodes, which lie above *prepared* ones."""
        return {
            node: Disks.of(node, self.folder, artefacts=disks.artefacts)
            for node, disks in prepared.items()
        }

    def keep(self, lab: LabRecord, disks: Mapping[str, Disks]) -> None:
        """
        Keep the state of *lab*, which is up, in place of all others beside it; then it goes on.

        Args:
            disks: What its nodes write to, by their names.

        Raises:
            LabError: if QEMU, libvirt or the disk refuses.
        """
        with scratch(FREEZING, among=self.folder.parent) as unfinished:
            unfinished.chmod(0o711)  # QEMU may run as another user
            names = [node.domain for node in lab.nodes]
            with connected(lab.uri) as connection, memory.held(connection, names):
                for node in lab.nodes:
                    own = disks[node.name]
                    made = _belonging_to_qemu(_memory(unfinished, node.name), own)
                    memory.save(connection, node.domain, made)
                    _copy(node, own, unfinished)
            for other in self.folder.parent.glob(f"{PREFIX}*"):
                remove(other)
            put_in_place(unfinished, self.folder)


def _belonging_to_qemu(path: Path, disks: Disks) -> Path:
    """An empty file that only QEMU's user may read and write: libvirt has given it the *disks*."""
    path.touch(PRIVATE)
    user = disks.root.stat()
    os.chown(path, user.st_uid, user.st_gid)
    return path


def _copy(node: NodeRecord, own: Disks, folder: Path) -> None:
    """Copy its *own* disks of *node*, which is held, and its keys into *folder*."""
    kept = Disks.of(node.name, folder)
    for disk, copy in ((own.root, kept.root), (own.data, kept.data)):
        copy.touch(PRIVATE)
        shutil.copyfile(disk, copy)
    shutil.copytree(Path(node.sockets) / KEYS, _keys(folder, node.name))


def _memory(folder: Path, node: str) -> Path:
    return folder / f"{node}.memory"


def _keys(folder: Path, node: str) -> Path:
    return folder / f"{node}-{KEYS}"
