"""The axes of the lab, the cells they span, and how a user names a selection of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from lab.errors import UsageError


class Network(StrEnum):
    """Kata's internetworking model: how the pod's interface reaches the guest."""

    TCFILTER = "tcfilter"
    MACVTAP = "macvtap"
    NONE = "none"
    BRIDGE = "bridge"
    L3FORWARDING = "l3forwarding"
    VETH = "veth"
    """No model at all: what the control without a guest uses."""


class Storage(StrEnum):
    """How the container's root file system reaches the guest."""

    VIRTIOFS = "virtiofs"
    VIRTIOFS_DAX = "virtiofs-dax"
    NINEP = "9p"
    DEVMAPPER = "devmapper"
    """A thin volume on virtio-scsi, Kata's default block driver."""
    DEVMAPPER_BLK = "devmapper-blk"
    """The same volume on virtio-blk."""
    PMEM_DAX = "pmem-dax"
    """The same volume as virtio-pmem, ext4 mounted with ``dax``."""
    OVERLAYFS = "overlayfs"
    """No guest in between: what the control without a guest uses."""


class Runtime(StrEnum):
    """Who starts the sandbox."""

    RUNC = "runc"
    """Control: no guest. What the node itself can do."""
    REFERENCE = "reference"
    """Control: the bare data path, wired as Kata wires it, without Kata's code."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One combination, written ``tcfilter+virtiofs+reference`` everywhere."""

    network: Network
    storage: Storage
    runtime: Runtime

    def __str__(self) -> str:
        return f"{self.network}+{self.storage}+{self.runtime}"

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Read a cell back from its name."""
        cells = {str(cell): cell for cell in ALL_CELLS}
        if text not in cells:
            raise _unknown("cell", text, tuple(cells))
        return cells[text]


GUEST_NETWORKS = (
    Network.TCFILTER,
    Network.MACVTAP,
    Network.NONE,
    Network.BRIDGE,
    Network.L3FORWARDING,
)
GUEST_STORAGES = (
    Storage.VIRTIOFS,
    Storage.VIRTIOFS_DAX,
    Storage.NINEP,
    Storage.DEVMAPPER,
    Storage.DEVMAPPER_BLK,
    Storage.PMEM_DAX,
)
DEFAULT_NETWORKS = GUEST_NETWORKS[:3]
DEFAULT_STORAGES = GUEST_STORAGES[:4]

CONTROL_CELLS = tuple(
    Cell(Network.VETH, storage, Runtime.RUNC) for storage in (Storage.OVERLAYFS, Storage.DEVMAPPER)
)
ALL_CELLS = CONTROL_CELLS + tuple(
    Cell(network, storage, Runtime.REFERENCE)
    for network in GUEST_NETWORKS
    for storage in GUEST_STORAGES
)
DEFAULT_CELLS = CONTROL_CELLS + tuple(
    Cell(network, storage, Runtime.REFERENCE)
    for network in DEFAULT_NETWORKS
    for storage in DEFAULT_STORAGES
)


def select(expression: str | None) -> tuple[Cell, ...]:
    """
    The cells that *expression* names, in the order of the matrix.

    Patterns are separated by commas; each is ``network+storage+runtime`` with shell
    wildcards in each part. Without an expression: the default matrix.

    Raises:
        UsageError: if a part names nothing, with the nearest known name.
    """
    if expression is None:
        return DEFAULT_CELLS
    patterns = [_pattern(text.strip()) for text in expression.split(",")]
    return tuple(
        cell
        for cell in ALL_CELLS
        if any(all(map(fnmatchcase, str(cell).split("+"), pattern)) for pattern in patterns)
    )


def _pattern(text: str) -> tuple[str, str, str]:
    parts = text.split("+")
    if len(parts) != len(_AXES):
        raise UsageError(
            f"--cells: {text!r} is not of the form network+storage+runtime",
            remedy="write, for example, --cells 'tcfilter+*+reference'",
        )
    for part, (axis, names) in zip(parts, _AXES.items(), strict=True):
        if not any(fnmatchcase(name, part) for name in names):
            raise _unknown(axis, part, names)
    if not any(all(map(fnmatchcase, str(cell).split("+"), parts)) for cell in ALL_CELLS):
        raise UsageError(
            f"--cells: no cell of the matrix matches {text!r}",
            remedy="runc has the network veth and the storages overlayfs and devmapper;"
            " reference has the others: the README lists all",
        )
    network, storage, runtime = parts
    return network, storage, runtime


def _unknown(axis: str, name: str, known: tuple[str, ...]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {str(near[0])!r}? " if near else ""
    return UsageError(
        f"--cells: unknown {axis} {name!r}", remedy=f"{hint}known: {', '.join(known)}"
    )


_AXES = {
    "network": tuple(Network),
    "storage": tuple(Storage),
    "runtime": tuple(Runtime),
}
