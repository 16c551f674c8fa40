"""What the tests of this room configure, and the files that come out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.cluster import containerd, kata_config
from lab.cluster.handler import Handler, handlers
from lab.cluster.kata import release_of
from lab.matrix import KATA, Cell, Network, Runtime, Storage, cells_of, default_cells_of
from lab.topology import SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DATA = Path(__file__).parents[1] / "data" / "cluster"

RELEASES = {runtime: release_of(runtime) for runtime in KATA}
PAUSE = "registry.k8s.io/pause:3.10.2"
SANDBOX = SandboxSpec(cpus=1, memory_mib=512)


def handler(cell: str) -> Handler:
    """The handler of the cell of that name, in the pinned release of its runtime."""
    (made,) = handlers([Cell.parse(cell)], RELEASES)
    return made


def every_handler() -> tuple[Handler, ...]:
    """The handlers of all cells that a cluster can have."""
    return handlers(cells_of([Runtime.RUNC, *KATA]), RELEASES)


def _containerd() -> str:
    cells = default_cells_of([Runtime.RUNC, *KATA])
    return containerd.config(handlers(cells, RELEASES), sandbox_image=PAUSE)


def _drop_in(storage: Storage, runtime: Runtime) -> Callable[[], str]:
    made = handler(str(Cell(Network.TCFILTER, storage, runtime)))
    return lambda: kata_config.drop_in(made, SANDBOX)


GUEST_STORAGES = tuple(dict.fromkeys(cell.storage for cell in cells_of(KATA)))
FILES: Mapping[str, Callable[[], str]] = {
    "containerd.toml": _containerd,
    "install.sh": lambda: kata_config.install_script(handler("none+9p+kata-rs"), SANDBOX),
    **{
        f"{storage}+{runtime}.toml": _drop_in(storage, runtime)
        for runtime in KATA
        for storage in GUEST_STORAGES
    },
}
"""Every kind of file that the room writes, by its name in tests/data/cluster."""


if __name__ == "__main__":
    for name, write in FILES.items():
        (DATA / name).write_text(write())
