"""Runtime handlers: one a cell, under the name by which containerd and Kubernetes choose it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.matrix import Runtime
from lab.storage import BACKENDS
from lab.storage.backend import Snapshotter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.cluster.kata import KataRelease
    from lab.matrix import Cell

CONFIGURATIONS = "/etc/kata-lab"
"""Where each handler of Kata has a folder of its own on the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """What starts the sandboxes of one cell."""

    cell: Cell
    release: KataRelease | None = None
    """None for the control without a guest, which runc starts."""

    def __post_init__(self) -> None:
        has = self.release.runtime if self.release else Runtime.RUNC
        if has is not self.cell.runtime:
            raise ValueError(f"{self.cell} is not started by {has}")

    @property
    def name(self) -> str:
        """A DNS label, as RuntimeClasses need it: ``tcfilter-virtiofs-kata-go``."""
        return str(self.cell).replace("+", "-")

    @property
    def snapshotter(self) -> Snapshotter:
        """What of containerd prepares its root file systems."""
        if self.release is None:
            return Snapshotter(self.cell.storage)
        return BACKENDS[self.cell.storage].SNAPSHOTTER

    @property
    def folder(self) -> str:
        """Its own configuration on the node."""
        return f"{CONFIGURATIONS}/{self.name}"

    @property
    def configuration(self) -> str:
        """The configuration file that containerd hands to the shim."""
        return f"{self.folder}/configuration.toml"


def handlers(cells: Iterable[Cell], releases: Mapping[Runtime, KataRelease]) -> tuple[Handler, ...]:
    """A handler for each of *cells*; *releases* are those that the bench has."""
    return tuple(Handler(cell=cell, release=releases.get(cell.runtime)) for cell in cells)
