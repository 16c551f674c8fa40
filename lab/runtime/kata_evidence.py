"""What proves that a sandbox is Kata's, and of which release; and where its processes are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import names
from lab.cluster import cri_pod
from lab.errors import SandboxError
from lab.matrix import Runtime
from lab.network import MODELS
from lab.outcome import Fact
from lab.runtime import path
from lab.runtime.evidence import qemu_facts
from lab.runtime.setting import REMEDY, pss_script
from lab.storage import BACKENDS
from lab.storage.backend import (
    MOUNTS,
    QEMU_COMMAND,
    QEMU_FILES,
    VIRTIO_IDS,
    Share,
    Volume,
    volume_of,
)
from lab.storage.virtiofs import DAEMON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.cluster.handler import Handler
    from lab.cluster.kata import KataRelease
    from lab.network.pod import Pod

SHARES = "/run/kata-containers/shared/sandboxes"
STATE = ("/run/vc/sbs", "/run/vc/vm", "/run/kata", SHARES)
"""Where either runtime keeps what it knows of a sandbox, in a folder of the sandbox's name."""
LAYOUTS = {
    Runtime.KATA_GO: ("shared", "shared/{container}/rootfs"),
    Runtime.KATA_RS: ("ro", "rw/passthrough/{container}/rootfs"),
}
"""In a sandbox's share: what virtiofsd serves, and where a root file system is mounted.
Source: virtcontainers/kata_agent.go and fs_share_linux.go; share_fs/utils.rs (runtime-rs)."""

INSPECTED = "crictl inspectp"
SHIM = "shim's program"
RELEASED_SHIM = "release's shim"
NODE_BOOT = "boot id of the node"
GUEST_BOOT = "boot id of the guest"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"

HANDLER_FACT = "handler of the pod"
SHIM_FACT = "process of the runtime"
KERNEL_FACT = "kernel of the container"
IDENTITY = frozenset((HANDLER_FACT, SHIM_FACT, KERNEL_FACT))
"""What must hold whatever is expected of a cell: otherwise something else than Kata was started."""
IN_GUEST = {MOUNTS: MOUNTS, VIRTIO_IDS: VIRTIO_IDS, GUEST_BOOT: BOOT_ID, **path.IN_GUEST}
"""What to ask inside the container: shell lines, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A sandbox of Kata that has started, as the node knows it; whoever asked for it."""

    handler: Handler
    release: KataRelease
    pod: Pod
    pod_id: str
    """containerd's, like the next one."""
    container: str
    volume: Volume

    @classmethod
    def of(cls, handler: Handler, *, pod: Pod, pod_id: str, container: str, mounts: str) -> Started:
        """
        Gather it; *mounts* is what containerd says of the container's snapshot.

        Raises:
            SandboxError: if what containerd says cannot be.
        """
        if handler.release is None:
            raise ValueError(f"{handler.cell} is not Kata's")
        try:
            names.word(pod_id)
            names.word(container)
        except ValueError as error:
            raise SandboxError(f"containerd's answer cannot be: {error}", remedy=REMEDY) from error
        share, root = LAYOUTS[handler.cell.runtime]
        volume = volume_of(
            mounts,
            snapshotter=handler.snapshotter,
            key=container,
            folder=f"{SHARES}/{pod_id}",
        )
        return cls(
            handler=handler,
            release=handler.release,
            pod=pod,
            pod_id=pod_id,
            container=container,
            volume=dataclasses.replace(
                volume,
                share=share,
                root=root.format(container=container),
                is_hot_plugged=True,
            ),
        )

    @property
    def on_node(self) -> dict[str, str]:
        """What to ask the node about it: shell lines, by name."""
        cell = self.handler.cell
        own = BACKENDS[cell.storage].node_questions(self.volume)
        return {
            **questions(self.pod_id, self.release),
            **MODELS[cell.network].questions(self.pod),
            **own,
            **(daemon_question(self.pod_id) if DAEMON in own else {}),
            **path.questions(self.pod),
            **path.mount_question(self.volume, qemu_pids(self.pod_id)),
        }

    def facts(self, answers: Mapping[str, str]) -> tuple[Fact, ...]:
        """What the *answers* of node and guest prove or refute."""
        read = in_one_spelling(answers)
        cell = self.handler.cell
        return (
            *facts(self.handler, read),
            *qemu_facts(self.pod, read),
            *MODELS[cell.network].facts(self.pod, read),
            *BACKENDS[cell.storage].facts(self.volume, read),
        )

    def forget(self, path: str) -> str:
        """
        The shell line by which the node forgets what it has cached of the guest's *path*.

        Kata's shim mounts root file systems in a mount namespace of its own.
        """
        line = BACKENDS[self.handler.cell.storage].forget(self.volume, path)
        return f"nsenter -t {shim_pids(self.pod_id)} -m {line}\n"

    @property
    def share(self) -> Share | None:
        """What serves the root file system to the guest; None where that is no daemon's work."""
        own = BACKENDS[self.handler.cell.storage].node_questions(self.volume)
        if DAEMON not in own:
            return None
        return Share(daemon=daemon_pids(self.pod_id), changes=self.volume.changes)

    @property
    def memory(self) -> str:
        """The shell script that adds up what QEMU, virtiofsd and shim take, in KiB."""
        return pss_script(
            " ".join(find(self.pod_id) for find in (qemu_pids, daemon_pids, shim_pids))
        )


def configuration(handler: Handler) -> dict[str, str]:
    """The questions of what Kata was told, and what it says that comes to; by file name."""
    release = handler.release
    if release is None:
        return {}
    return {
        "configuration.toml": f"cat {handler.configuration}",
        "config.d.toml": f"tail -n +1 {handler.folder}/config.d/*",
        "env.json": (
            f"if [ -x {release.prefix}/bin/kata-runtime ]; then"
            f" {release.prefix}/bin/kata-runtime --config {handler.configuration} env --json;"
            f" elif [ -x {release.prefix}/bin/kata-ctl ]; then"
            f" {release.prefix}/bin/kata-ctl env --json; fi"
        ),
    }


LOOKS = 50
"""5 s of them."""


def leftovers() -> str:
    """
    The shell line that lists what processes and state of Kata there are.

    Asked after the only sandbox of Kata has ended: then any of it is what that one left.
    """
    places = " ".join(f"{place}/*" for place in STATE)
    return (
        f'for path in {places}; do [ ! -e "$path" ] || printf \'%s \' "$path"; done\n'
        + _settled("pgrep -af '^[^ ]*(containerd-shim-kata-v2|virtiofsd|qemu-system-[^ ]*) '")
    )


def leftovers_of(pod: str) -> str:
    """The shell lines that list what processes and state of one sandbox there are."""
    places = " ".join(f"{place}/{pod}" for place in STATE)
    return (
        f'for path in {places}; do [ ! -e "$path" ] || printf \'%s \' "$path"; done\n'
        + _settled(f'pgrep -af -- "{pod}"')
    )


def _settled(listing: str) -> str:
    """
    The shell lines that print what *listing* finds once it finds the same no more, or for good.

    A shim still ends itself when containerd has its answer already: kata-rs takes half a second
    for that on an emulated node.
    """
    return (
        f"looks=0; while found=$({listing}) && [ $looks -lt {LOOKS} ]; do\n"
        "looks=$((looks + 1)); sleep 0.1; done\n"
        'printf %s "$found"\n'
    )


def qemu_pids(pod: str) -> str:
    """The shell words that give the pids of a sandbox's QEMU."""
    return f"$(pgrep -f ' -name sandbox-{pod}')"


def daemon_pids(pod: str) -> str:
    """The shell words that give the pids of its virtiofsd, where it has one."""
    return f"$(pgrep -f 'virtiofsd .*{pod}')"


def shim_pids(pod: str) -> str:
    """The shell words that give the pids of its shim."""
    return f"$(pgrep -f ' -id {pod}')"


def questions(pod: str, release: KataRelease) -> dict[str, str]:
    """What to ask the node about the sandbox *pod*: shell lines, by name."""
    return {
        INSPECTED: f"crictl inspectp -o json {pod}",
        SHIM: f"for pid in {shim_pids(pod)}; do readlink /proc/$pid/exe; done",
        RELEASED_SHIM: f"readlink -f {release.shim}",
        NODE_BOOT: BOOT_ID,
        QEMU_COMMAND: _each(qemu_pids(pod), "tr '\\0' ' ' </proc/$pid/cmdline"),
        QEMU_FILES: _each(qemu_pids(pod), "readlink /proc/$pid/fd/*"),
    }


def daemon_question(pod: str) -> dict[str, str]:
    """The question about virtiofsd, which is not the one of the lab's own."""
    return {DAEMON: _each(daemon_pids(pod), "tr '\\0' ' ' </proc/$pid/cmdline; echo")}


def in_one_spelling(answers: Mapping[str, str]) -> dict[str, str]:
    """The *answers* with virtiofsd's options as the Go runtime writes them."""
    if DAEMON not in answers:
        return dict(answers)
    return {**answers, DAEMON: answers[DAEMON].replace("--shared-dir ", "--shared-dir=")}


def facts(handler: Handler, answers: Mapping[str, str]) -> Iterator[Fact]:
    """The handler was chosen, its release's shim runs, and a kernel that is not the node's."""
    inspected = cri_pod.inspected(answers[INSPECTED])
    observed, kind = inspected.handler or "none", inspected.kind or "none"
    yield Fact(
        subject=HANDLER_FACT,
        source=INSPECTED,
        expected=f"{handler.name}, of type io.containerd.{handler.name}.v2",
        observed=f"{observed}, of type {kind}",
        holds=observed == handler.name and kind == f"io.containerd.{handler.name}.v2",
    )
    programs, released = set(answers[SHIM].split()), answers[RELEASED_SHIM].strip()
    yield Fact(
        subject=SHIM_FACT,
        source="/proc/PID/exe",
        expected=released,
        observed=", ".join(sorted(programs)) or "none",
        holds=bool(released) and programs == {released},
    )
    node, guest = answers[NODE_BOOT].strip(), answers[GUEST_BOOT].strip()
    yield Fact(
        subject=KERNEL_FACT,
        source=f"{BOOT_ID} (guest)",
        expected=f"another boot than the node's {node}",
        observed=guest or "no answer",
        holds=bool(node and guest) and node != guest,
    )


def _each(pids: str, line: str) -> str:
    return f"for pid in {pids}; do {line}; done"
