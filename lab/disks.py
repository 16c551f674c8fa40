"""The disks of nodes: made once, and then only written to through overlays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.command import run

if TYPE_CHECKING:
    from pathlib import Path

IMAGE_TIMEOUT_S = 60.0
PRIVATE = 0o600
"""The mode of a disk that nodes write to: their keys, and those of a cluster, come to lie on it."""


@dataclass(frozen=True, slots=True)
class Disks:
    """The disks that a node starts from; it writes to overlays of them."""

    root: Path
    data: Path
    artefacts: Path | None = None
    """One that it only reads, if it needs more than a distribution has."""

    @classmethod
    def of(cls, node: str, folder: Path, *, artefacts: Path | None = None) -> Disks:
        """Name the disks of *node* in *folder*, whether or not they are there."""
        return cls(
            root=folder / f"{node}-root.qcow2",
            data=folder / f"{node}-data.qcow2",
            artefacts=artefacts,
        )


def make_overlay(base: Path, overlay: Path, *, base_format: str = "qcow2") -> Path:
    """Make a disk that starts as *base* and keeps what is written for itself."""
    overlay.touch(PRIVATE)
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", str(base)]
    run([*argv, str(overlay)], timeout_s=IMAGE_TIMEOUT_S)
    return overlay


def make_empty(disk: Path, *, size_gib: int) -> Path:
    """Make a disk on which nothing is."""
    disk.touch(PRIVATE)
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", str(disk), f"{size_gib}G"]
    run(argv, timeout_s=IMAGE_TIMEOUT_S)
    return disk


def overlays(disks: Disks, node: str, folder: Path) -> Disks:
    """Make overlays of the *disks* of *node* in *folder*."""
    made = Disks.of(node, folder, artefacts=disks.artefacts)
    make_overlay(disks.root, made.root)
    make_overlay(disks.data, made.data)
    return made
