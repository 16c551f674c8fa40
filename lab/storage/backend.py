"""What a module of a storage backend offers, and what several of them share."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from lab import names
from lab.decode import quoted
from lab.errors import SandboxError
from lab.outcome import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.outcome import Support
    from lab.topology import Topology

TAG = "kataShared"
"""The tag under which Kata shares a folder with its guest (virtcontainers/kata_agent.go)."""
GUEST_SHARE = "/run/kata-containers/shared/containers"
ROOT = "/rootfs"
"""Where the guest's first process expects the container's root file system."""

UPPER = "upperdir="
READ_EVIDENCE = "read its evidence, which is kept with the run"
MOUNTS = "cat /proc/self/mounts"
VIRTIO_IDS = "cat /sys/bus/virtio/devices/*/device"
QEMU_COMMAND = "QEMU's command line"
QEMU_FILES = "QEMU's open files"


class Snapshotter(StrEnum):
    """containerd's snapshotter that prepares the root file system."""

    OVERLAYFS = "overlayfs"
    """The image's layers are folders, joined by overlayfs; what is written goes to one above."""
    DEVMAPPER = "devmapper"
    """The image's layers are thin volumes with ext4, each a snapshot of the one below."""


class VirtioId(StrEnum):
    """Device numbers on the virtio bus (virtio specification 1.2, section 5)."""

    BLOCK = "0x0002"
    SCSI = "0x0008"
    NINEP = "0x0009"
    FS = "0x001a"
    PMEM = "0x001b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A root file system that a daemon on the node serves to a guest."""

    daemon: str
    """The shell words that give the pids of the daemon."""
    changes: str
    """Where on the node all lies that the sandbox has written, whatever becomes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A container's root file system as containerd's snapshotter prepared it."""

    snapshotter: Snapshotter
    key: str
    """The snapshot's name in containerd."""
    mount: tuple[str, ...]
    """The mount command that the snapshotter names, as words."""
    folder: str
    """The sandbox's own folder on the node."""
    share: str = "shared"
    """What in it a file-sharing backend gives to the guest."""
    root: str = "shared/rootfs"
    """Where in it the snapshot is mounted."""
    is_hot_plugged: bool = False
    """Whether QEMU got a disk of it while the guest ran, and perhaps after another one."""

    @property
    def device(self) -> str:
        """
        The block device of the snapshot: the source of its mount.

        Raises:
            SandboxError: if the snapshot is on none.
        """
        for word in self.mount:
            if word.startswith("/dev/"):
                return self._checked(word)
        raise SandboxError(f"the snapshot {self.key} is on no device", remedy=READ_EVIDENCE)

    @property
    def changes(self) -> str:
        """
        The folder of the snapshot that holds what was written: overlayfs calls it upperdir.

        Raises:
            SandboxError: if the snapshot has no such folder.
        """
        for option in (option for word in self.mount for option in word.split(",")):
            if option.startswith(UPPER):
                return self._checked(option.removeprefix(UPPER))
        raise SandboxError(f"the snapshot {self.key} is no overlay", remedy=READ_EVIDENCE)

    @property
    def shared(self) -> str:
        """The folder that a file-sharing backend gives to the guest."""
        return f"{self.folder}/{self.share}"

    @property
    def target(self) -> str:
        """Where the snapshot is mounted on the node, where the guest sees it."""
        return f"{self.folder}/{self.root}"

    def _checked(self, path: str) -> str:
        try:
            return names.path(path)
        except ValueError as error:
            problem = f"the snapshot {self.key} is nowhere: {error}"
            raise SandboxError(problem, remedy=READ_EVIDENCE) from error


def target_in(folder: str) -> str:
    """Where a snapshot is mounted on the node, in the sandbox's *folder*."""
    return f"{folder}/shared/rootfs"


def volume_of(mounts: str, *, snapshotter: Snapshotter, key: str, folder: str) -> Volume:
    """
    Read what ``ctr snapshots prepare --target`` printed: one mount command.

    Raises:
        SandboxError: if it printed something else.
    """
    try:
        words = tuple(shlex.split(mounts))
    except ValueError:  # a quotation without an end
        words = ()
    if words[:1] != ("mount",):
        raise SandboxError(
            f"containerd's {snapshotter} snapshotter prepared nothing: {quoted(mounts)}",
            remedy="run `ctr plugins ls` on the node: `lab shell NODE`",
        )
    return Volume(snapshotter=snapshotter, key=key, mount=words, folder=folder)


class Backend(Protocol):
    """A storage backend."""

    SNAPSHOTTER: Snapshotter
    MODULES: tuple[str, ...]
    """Kernel modules that the guest loads for it, in order."""

    def requirements(self, topology: Topology) -> dict[str, str]:
        """What to ask the node before anything is started: shell lines, by name."""

    def support(self, answers: Mapping[str, str]) -> Support:
        """Whether the *answers* to the requirements allow the backend to run."""

    def attach(self, volume: Volume, topology: Topology) -> tuple[str, ...]:
        """The shell lines that make *volume* ready for QEMU on the node."""

    def detach(self, volume: Volume) -> tuple[str, ...]:
        """The shell lines that undo *attach*, once QEMU has ended."""

    def forget(self, volume: Volume, path: str) -> str:
        """The shell line by which the node forgets what it has cached of the guest's *path*."""

    def qemu(self, volume: Volume) -> tuple[str, ...]:
        """QEMU's arguments."""

    def mount(self) -> tuple[str, ...]:
        """The shell lines by which the guest mounts it on :data:`ROOT`."""

    def node_questions(self, volume: Volume) -> dict[str, str]:
        """What to ask the node about it: shell lines, by name."""

    def facts(self, volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
        """What the *answers* of node and guest prove or refute."""


def mount_on_node(volume: Volume) -> tuple[str, ...]:
    """The shell lines that mount the snapshot below the shared folder."""
    return (shlex.join(volume.mount),)


def unmount_on_node(volume: Volume) -> tuple[str, ...]:
    """The shell lines that undo :func:`mount_on_node`."""
    return (f"umount {volume.target}",)


def forget_file(path: str) -> list[str]:
    """
    A command that writes *path* back and has the kernel forget what it has cached of it.

    Source: coreutils' manual, dd invocation, "nocache". All caches could be dropped as well,
    but then guest and node would have to load each tool and the next sandbox's image again,
    for seconds, through the very storage that is measured.
    """
    return ["dd", f"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]


def forget_shared_file(volume: Volume, path: str) -> str:
    """The shell line by which the node forgets a file of a folder that it shares."""
    return shlex.join(forget_file(f"{volume.target}{path}"))


def root_fact(answers: Mapping[str, str], *, source: str, fstype: str) -> Fact:
    """The type and source of the root file system, as the container sees it."""
    fields = _root_mount(answers)
    observed = f"{fields[2]} from {fields[0]}" if fields else "no root file system"
    holds = bool(fields) and fields[2] == fstype and re.fullmatch(source, fields[0]) is not None
    return Fact(
        subject="root file system",
        source=f"{MOUNTS} (guest)",
        expected=f"{fstype} from {source}",
        observed=observed,
        holds=holds,
    )


def dax_fact(answers: Mapping[str, str], *, is_wanted: bool) -> Fact:
    """Whether the root file system is mounted with ``dax``."""
    fields = _root_mount(answers)
    options = fields[3].split(",") if fields else []
    dax = [option for option in options if option == "dax" or option.startswith("dax=")]
    is_dax = dax in (["dax"], ["dax=always"])  # dax=inode leaves it to each file
    return Fact(
        subject="DAX",
        source=f"{MOUNTS} (guest)",
        expected="mounted with dax" if is_wanted else "mounted without dax",
        observed=f"options {','.join(options)}",
        holds=bool(fields) and is_dax is is_wanted,
    )


def virtio_fact(answers: Mapping[str, str], wanted: VirtioId) -> Fact:
    """Whether the guest's virtio bus has the backend's device."""
    found = sorted(set(answers[VIRTIO_IDS].split()))
    return Fact(
        subject=f"virtio device {wanted.name.lower()}",
        source=f"{VIRTIO_IDS} (guest)",
        expected=wanted,
        observed=" ".join(found),
        holds=wanted in found,
    )


def command_fact(answers: Mapping[str, str], device: str) -> Fact:
    """Whether QEMU was started with *device*."""
    is_there = device in answers[QEMU_COMMAND]
    return Fact(
        subject=f"{device} in QEMU's command line",
        source="/proc/PID/cmdline",
        expected="present",
        observed="present" if is_there else "absent",
        holds=is_there,
    )


def _root_mount(answers: Mapping[str, str]) -> list[str]:
    for line in answers[MOUNTS].splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[1] == "/":  # noqa: PLR2004 - fstab(5): the options
            return fields
    return []
