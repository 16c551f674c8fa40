"""The images: whether they are built, and whether the node's kernel has what each cell wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.command import run
from lab.doctor.finding import EVERY_CELL, Finding, State
from lab.errors import LabError
from lab.image import build, kernel
from lab.image.lock import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.image.build import Images, NodeImage

TIMEOUT_S = 20.0
DEBUGFS = "debugfs"
"""Of e2fsprogs: reads a file of the node's disk, which is one file system, without mounting it."""
WANTED = {
    EVERY_CELL: ("veth", "overlay", "dm_mod", "dm_thin_pool", "loop"),
    "*+*+reference, *+*+kata-*": ("kvm_amd", "kvm_intel", "vhost", "vhost_net", "tun"),
    "*+*+kata-*": ("vhost_vsock",),
    "tcfilter+*+*": ("sch_ingress", "cls_u32", "act_mirred"),
    "macvtap+*+*": ("macvlan", "macvtap", "tap"),
    "bridge+*+*": ("bridge",),
}
"""By what it takes to run: modules of the node's kernel. A guest has its own, chosen when it is
built; :mod:`lab.image.guest` fails then if one is not there."""


def built() -> Images | None:
    """
    The images, if they are built; nothing is built here.

    Raises:
        ImageError: if the lock is wrong, or their folder cannot be read.
    """
    return build.already_built(load())


def findings() -> Iterator[Finding]:
    """The node's image, then what its kernel lacks."""
    try:
        images = built()
    except LabError as error:
        yield _finding("image", error.problem, why="is what a node boots", mend=error.remedy)
        return
    if images is None:
        fact = "not built yet: the next run builds it, in about a minute"
        yield Finding(subject="image", fact=fact, why="is what a node boots", unlocks=EVERY_CELL)
        return
    node = images.node
    fact = f"node {node.digest[: build.SHORT]}, kernel {node.kernel_release}"
    yield Finding(subject="image", fact=fact, why="is what a node boots", unlocks=EVERY_CELL)
    try:
        yield from _modules(_names(node))
    except LabError as error:
        yield _finding("node's modules", f"not read: {error.problem}", why=_WHY, mend=error.remedy)


_WHY = "devices of a sandbox exist only with the node's drivers"


def _modules(there: set[str]) -> Iterator[Finding]:
    lacking = {
        unlocks: [name for name in names if name not in there] for unlocks, names in WANTED.items()
    }
    for unlocks, names in lacking.items():
        if names:
            yield _finding(
                "node's modules",
                f"its kernel lacks {', '.join(names)}",
                why=_WHY,
                unlocks=unlocks,
                mend="lab image lock && lab image build",
            )
    if not any(lacking.values()):
        number = sum(map(len, WANTED.values()))
        yield Finding(
            subject="node's modules",
            fact=f"its kernel has all {number} that sandboxes want",
            why=_WHY,
            unlocks=EVERY_CELL,
        )


def _names(node: NodeImage) -> set[str]:
    """What the node's kernel can load, or has built in."""
    base = f"/usr/lib/modules/{node.kernel_release}"
    loadable = _read(node.disk, f"{base}/modules.dep")
    paths = [line.partition(":")[0] for line in loadable.splitlines()]
    paths += _read(node.disk, f"{base}/modules.builtin").split()
    return set(map(kernel.module_name, paths))


def _read(disk: Path, path: str) -> str:
    return run([DEBUGFS, "-R", f"cat {path}", disk], timeout_s=TIMEOUT_S).stdout


def _finding(subject: str, fact: str, *, why: str, mend: str, unlocks: str = EVERY_CELL) -> Finding:
    state = State.LACK if unlocks == EVERY_CELL else State.LESS
    return Finding(subject=subject, fact=fact, state=state, why=why, unlocks=unlocks, mend=mend)
