"""What proves that a sandbox is Kata's, and of which release; and where its processes are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lab.matrix import Runtime
from lab.outcome import Fact
from lab.storage.backend import QEMU_COMMAND, QEMU_FILES
from lab.storage.virtiofs import DAEMON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.cluster.handler import Handler
    from lab.cluster.kata import KataRelease

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
    inspected = _decoded(answers[INSPECTED])
    observed = (inspected.get("status") or {}).get("runtimeHandler", "none")
    kind = (inspected.get("info") or {}).get("runtimeType", "none")
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


def _decoded(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
