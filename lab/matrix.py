"""The axes of the lab, the cells they span, and how a user names a selection of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from lab.axis import Axis, own
from lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Network(Axis):
    """Kata's internetworking model: how the pod's interface reaches the guest."""

    TCFILTER = "tcfilter"
    MACVTAP = "macvtap"
    NONE = "none"
    BRIDGE = "bridge"
    L3FORWARDING = "l3forwarding"
    VETH = "veth"
    """No model at all: what the control without a guest uses."""


class Storage(Axis):
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


class Runtime(Axis):
    """Who starts the sandbox."""

    RUNC = "runc"
    """Control: no guest. What the node itself can do."""
    REFERENCE = "reference"
    """Control: the bare data path, wired as Kata wires it, without Kata's code."""
    KATA_GO = "kata-go"
    """Kata's first runtime."""
    KATA_RS = "kata-rs"
    """Kata's second, in Rust: the default since Kata 4.0."""


class Vmm(StrEnum):
    """What runs the guest of a sandbox of Kata."""

    QEMU = "qemu"


class Variant(StrEnum):
    """What a cell is in a run for: a combination to measure, or a test of the run itself."""

    PLAIN = "plain"
    """The cell. It is the only variant that its name leaves out."""
    TWIN = "twin"
    """The same cell once more: the two do not differ, and a run that says so is suspect."""
    HANDICAP = "handicap"
    """The same cell held to 90 % of its rates: a run that does not find that is blunt."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """
    One combination, written ``tcfilter+virtiofs+reference`` everywhere.

    A variant has a fourth part: ``tcfilter+virtiofs+reference+twin``.
    """

    network: Network
    storage: Storage
    runtime: Runtime
    variant: Variant = Variant.PLAIN

    def __str__(self) -> str:
        name = f"{self.network}+{self.storage}+{self.runtime}"
        return name if self.is_plain else f"{name}+{self.variant}"

    @property
    def is_plain(self) -> bool:
        """Whether it is a combination of the matrix, and not a test of the run."""
        return self.variant is Variant.PLAIN

    @property
    def plain(self) -> Cell:
        """The combination that it is, whatever it is in the run for."""
        return self.of(Variant.PLAIN)

    def of(self, variant: Variant) -> Cell:
        """The same combination in another variant."""
        return replace(self, variant=variant)

    @classmethod
    def parse(cls, text: str) -> Cell:
        """
        Read a cell back from its name.

        Raises:
            UsageError: if there is none of that name here.
        """
        cells = _by_name()
        if text not in cells:
            near = difflib.get_close_matches(text, cells, n=1, cutoff=0.4)
            hint = f"did you mean {str(near[0])!r}? " if near else ""
            raise UsageError(
                f"unknown cell {text!r}: neither the lab has it, nor an extension installed here",
                remedy=f"{hint}install what has it, or see `lab completion --names cells`",
            )
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

CONTROLS = (Runtime.RUNC, Runtime.REFERENCE)
"""What every bench can run: they are made of the distribution's packages only."""
KATA = (Runtime.KATA_GO, Runtime.KATA_RS)

CONTROL_CELLS = tuple(
    Cell(Network.VETH, storage, Runtime.RUNC) for storage in (Storage.OVERLAYFS, Storage.DEVMAPPER)
)


CONTROL_OF = {
    Storage.VIRTIOFS: Storage.OVERLAYFS,
    Storage.VIRTIOFS_DAX: Storage.OVERLAYFS,
    Storage.NINEP: Storage.OVERLAYFS,
    Storage.DEVMAPPER: Storage.DEVMAPPER,
    Storage.DEVMAPPER_BLK: Storage.DEVMAPPER,
    Storage.PMEM_DAX: Storage.DEVMAPPER,
}
"""By storage of the lab's own: what the same snapshotter gives a container without a guest."""


def control_of(cell: Cell) -> Cell | None:
    """The cell without a guest that *cell* is compared with; None for a control itself."""
    if cell.runtime is Runtime.RUNC:
        return None
    return Cell(Network.VETH, control_storage(cell.storage), Runtime.RUNC)


def control_storage(storage: Storage) -> Storage:
    """
    What the snapshotter of *storage* gives a container without a guest.

    Raises:
        ExtensionError: if the storage is an extension's, and does not tell its snapshotter.
    """
    if storage in CONTROL_OF:
        return CONTROL_OF[storage]
    extension = own(Storage)[storage]
    snapshotter = str(getattr(extension.load(), "SNAPSHOTTER", None))
    for control in dict.fromkeys(CONTROL_OF.values()):
        if control == snapshotter:  # a control is called as its snapshotter is
            return control
    raise extension.wrong(f"has a SNAPSHOTTER that no control has: {snapshotter}")


def guest_networks() -> tuple[Network, ...]:
    """The networks of guests: the lab's own, then those of extensions."""
    return (*GUEST_NETWORKS, *map(Network, own(Network)))


def guest_storages() -> tuple[Storage, ...]:
    """The storages of guests: the lab's own, then those of extensions."""
    return (*GUEST_STORAGES, *map(Storage, own(Storage)))


def own_runtimes() -> tuple[Runtime, ...]:
    """The runtimes of extensions."""
    return tuple(map(Runtime, own(Runtime)))


def cells_of(
    runtimes: Iterable[Runtime],
    *,
    networks: Iterable[Network] | None = None,
    storages: Iterable[Storage] | None = None,
) -> tuple[Cell, ...]:
    """
    The cells of a bench that has *runtimes*, in the order of the matrix.

    *networks* and *storages* are those of the guests, without them all; the control without a
    guest has its own. A network or a storage of an extension is what the reference runtime can
    be told; no other runtime knows of it.
    """
    return _cells(
        dict.fromkeys(runtime for runtime in Runtime if runtime in set(runtimes)),
        guest_networks() if networks is None else networks,
        guest_storages() if storages is None else storages,
    )


def _cells(
    runtimes: Iterable[Runtime], networks: Iterable[Network], storages: Iterable[Storage]
) -> tuple[Cell, ...]:
    """As :func:`cells_of`, of *runtimes* that are in order; asks for no extension."""
    guests = [runtime for runtime in runtimes if runtime is not Runtime.RUNC]
    every = (Cell(*axes) for axes in product(networks, storages, guests))
    controls = CONTROL_CELLS if Runtime.RUNC in runtimes else ()
    return controls + tuple(cell for cell in every if _is_known_to_its_runtime(cell))


def _is_known_to_its_runtime(cell: Cell) -> bool:
    is_ours = cell.network in GUEST_NETWORKS and cell.storage in GUEST_STORAGES
    return is_ours or cell.runtime is Runtime.REFERENCE


def default_cells_of(runtimes: Iterable[Runtime]) -> tuple[Cell, ...]:
    """Those of :func:`cells_of` that are run where nobody asks for others."""
    return cells_of(runtimes, networks=DEFAULT_NETWORKS, storages=DEFAULT_STORAGES)


ALL_CELLS = _cells((*CONTROLS, *KATA), GUEST_NETWORKS, GUEST_STORAGES)
"""All that the lab has by itself; :func:`every_cell` has those of extensions, too."""
DEFAULT_CELLS = _cells(CONTROLS, DEFAULT_NETWORKS, DEFAULT_STORAGES)


def every_cell() -> tuple[Cell, ...]:
    """All cells that there are here, in the order of the matrix."""
    return cells_of(Runtime)


def select(
    expression: str | None, *, runtimes: tuple[Runtime, ...] | None = None
) -> tuple[Cell, ...]:
    """
    The cells of a bench that has *runtimes* that *expression* names, in the matrix's order.

    Without *runtimes* it has the controls, and those of extensions.

    Patterns are separated by commas; each is ``network+storage+runtime`` with shell
    wildcards in each part. Three parts name plain cells, a fourth names their variants, which
    come after their cell. Without an expression: the default matrix, which has nothing of
    extensions.

    Raises:
        UsageError: if a part names nothing, with the nearest known name, or nothing that
            this bench has.
    """
    runtimes = (*CONTROLS, *own_runtimes()) if runtimes is None else runtimes
    if expression is None:
        return default_cells_of(set(runtimes) - set(own_runtimes()))
    cells = _with_variants(cells_of(runtimes))
    patterns = [_pattern(text.strip(), cells) for text in expression.split(",")]
    return tuple(cell for cell in cells if any(_matches(cell, pattern) for pattern in patterns))


def in_order(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Sort *cells* as the matrix has them, each with its variants after it."""
    return tuple(sorted(cells, key=list(_by_name().values()).index))


@cache
def _by_name() -> dict[str, Cell]:
    return {str(cell): cell for cell in _with_variants(every_cell())}


def _with_variants(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    return tuple(cell.of(variant) for cell in cells for variant in Variant)


def _pattern(text: str, cells: tuple[Cell, ...]) -> tuple[str, ...]:
    parts = text.split("+")
    if len(parts) == len(_axes()) - 1:
        parts.append(Variant.PLAIN)
    if len(parts) != len(_axes()):
        raise UsageError(
            f"--cells: {text!r} is not of the form network+storage+runtime",
            remedy="write, for example, --cells 'tcfilter+*+reference'",
        )
    for part, (axis, names) in zip(parts, _axes().items(), strict=True):
        if not any(fnmatchcase(name, part) for name in names):
            raise _unknown(axis, part, names)
    pattern = tuple(parts)
    if not any(_matches(cell, pattern) for cell in _with_variants(every_cell())):
        raise UsageError(
            f"--cells: no cell of the matrix matches {text!r}",
            remedy="runc has the network veth and the storages overlayfs and devmapper;"
            " every other runtime has the others: the README lists all",
        )
    if not any(_matches(cell, pattern) for cell in cells):
        has = ", ".join(dict.fromkeys(cell.runtime for cell in cells))
        raise UsageError(
            f"--cells: {text!r} names a runtime that this topology does not have; it has {has}",
            remedy="choose a topology that has it with --topology",
        )
    return pattern


def _matches(cell: Cell, pattern: tuple[str, ...]) -> bool:
    return all(map(fnmatchcase, (cell.network, cell.storage, cell.runtime, cell.variant), pattern))


def _unknown(axis: str, name: str, known: tuple[str, ...]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {str(near[0])!r}? " if near else ""
    return UsageError(
        f"--cells: unknown {axis} {name!r}", remedy=f"{hint}known: {', '.join(known)}"
    )


def _axes() -> Mapping[str, tuple[str, ...]]:
    return {
        "network": tuple(Network),
        "storage": tuple(Storage),
        "runtime": tuple(Runtime),
        "variant": tuple(Variant),
    }
