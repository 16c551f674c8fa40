"""
virtio-fs: a daemon on the node serves the folder over vhost-user. Kata's default.

Source: virtcontainers/virtiofsd.go, govmm/qemu/qemu.go and configuration-qemu.toml (Kata 4.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.outcome import SUPPORTED, Fact
from lab.storage import backend
from lab.storage.backend import GUEST_SHARE, ROOT, TAG, Snapshotter, VirtioId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.outcome import Support
    from lab.storage.backend import Volume
    from lab.topology import Topology

SNAPSHOTTER = Snapshotter.OVERLAYFS
MODULES: tuple[str, ...] = ("virtiofs",)
OPTIONS = ("--cache=auto", "--thread-pool-size=1", "--announce-submounts")
"""Kata's virtio_fs_cache and virtio_fs_extra_args."""
QUEUE_SIZE = 1024
LOOKS = 200
"""At its socket, and at its end: 10 s of them."""
DAEMON = "virtiofsd's command line"


def requirements(topology: Topology) -> dict[str, str]:  # noqa: ARG001 - Backend
    """Nothing: it is in every QEMU and guest kernel the lab builds."""
    return {}


def support(answers: Mapping[str, str]) -> Support:  # noqa: ARG001 - Backend
    """Always."""
    return SUPPORTED


def attach(volume: Volume, topology: Topology) -> tuple[str, ...]:
    """Mount the snapshot, start the daemon, wait for its socket."""
    socket = socket_of(volume)
    daemon = (
        f"{topology.virtiofsd.binary} --socket-path={socket} --shared-dir={volume.shared}"
        f" {' '.join(OPTIONS)}"
    )
    return (
        *backend.mount_on_node(volume),
        f"setsid {daemon} >{volume.folder}/virtiofsd.log 2>&1 </dev/null &",
        f"echo $! >{pid_file(volume)}",
        f"n=0; until [ -S {socket} ]; do n=$((n + 1))",
        f"kill -0 $! && [ $n -lt {LOOKS} ] || {{ cat {volume.folder}/virtiofsd.log >&2; exit 1; }}",
        "sleep 0.05; done",
    )


def detach(volume: Volume) -> tuple[str, ...]:
    """The daemon ends with its QEMU; make sure of it, and unmount."""
    pid = pid_file(volume)
    return (
        f"if [ -e {pid} ]; then",
        f"kill $(cat {pid}) 2>/dev/null || true",
        f"n=0; while kill -0 $(cat {pid}) 2>/dev/null; do n=$((n + 1))",
        f"[ $n -lt {LOOKS} ] || kill -9 $(cat {pid}); [ $n -lt {2 * LOOKS} ] || exit 1",
        "sleep 0.05; done",
        "fi",
        *backend.unmount_on_node(volume),
    )


def forget(volume: Volume, path: str) -> str:
    """The node has it in its page cache."""
    return backend.forget_shared_file(volume, path)


def qemu(volume: Volume) -> tuple[str, ...]:
    """The vhost-user device and the socket behind it."""
    device = f"vhost-user-fs-pci,chardev=char-fs,tag={TAG},queue-size={QUEUE_SIZE}"
    return ("-chardev", f"socket,id=char-fs,path={socket_of(volume)}", "-device", device)


def mount() -> tuple[str, ...]:
    """The share where Kata mounts it, and the container's root in it."""
    return (
        f"mkdir -p {GUEST_SHARE}",
        f"mount -t virtiofs {TAG} {GUEST_SHARE}",
        f"mount -o bind {GUEST_SHARE}/rootfs {ROOT}",
    )


def node_questions(volume: Volume) -> dict[str, str]:
    """The daemon's own command line."""
    return {DAEMON: f"tr '\\0' ' ' </proc/$(cat {pid_file(volume)})/cmdline"}


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """virtiofs without dax in the guest; the device; a daemon that serves this sandbox."""
    yield backend.root_fact(answers, source=r"\S+", fstype="virtiofs")
    yield backend.dax_fact(answers, is_wanted=False)
    yield backend.virtio_fact(answers, VirtioId.FS)
    yield backend.command_fact(answers, "vhost-user-fs-pci")
    command = answers[DAEMON].strip()
    yield Fact(
        subject="virtiofsd serves this sandbox",
        source="/proc/PID/cmdline",
        expected=f"--shared-dir={volume.shared}",
        observed=command or "not running",
        holds=f"--shared-dir={volume.shared} " in command + " ",
    )


def socket_of(volume: Volume) -> str:
    """Where the daemon listens."""
    return f"{volume.folder}/vhost-fs.sock"


def pid_file(volume: Volume) -> str:
    """Where the daemon's process id is kept."""
    return f"{volume.folder}/virtiofsd.pid"


def pids(volume: Volume) -> str:
    """The shell words that give the pids of the daemon: it serves from a child of its own."""
    pid = f"$(cat {pid_file(volume)})"
    return f"{pid} $(pgrep -P {pid})"
