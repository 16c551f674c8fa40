"""
What a lab is made on: how its nodes come about, and how a sandbox of a cell does.

All that a run needs of the world besides programs and libvirt is asked of its provider. There are
two: the machine that the lab runs on (:class:`lab.launch.ThisMachine`), and the simulated one of
the tests, on which the whole harness runs without a node (``tests/chaos``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lab.cluster.kit import Kit
    from lab.disks import Disks
    from lab.host import Chosen
    from lab.image.build import Images
    from lab.matrix import Cell
    from lab.node import Node
    from lab.options import Wishes
    from lab.runtime.sandbox import Sandbox
    from lab.runtime.setting import Setting
    from lab.stopwatch import Stopwatch
    from lab.topology import Topology
    from lab.watch import Watch


class Provider(Protocol):
    """Where labs come from."""

    def check_room(self, topology: Topology) -> None:
        """
        Refuse a topology that there is no room for.

        Raises:
            HostError: with what is wanted and what there is.
        """

    def settle(
        self, wishes: Wishes, *, say: Callable[[str], None], stopwatch: Stopwatch
    ) -> tuple[Images, Chosen]:
        """Choose images and accelerator; build what is not there yet."""

    def disks(
        self,
        topology: Topology,
        images: Images,
        chosen: Chosen,
        *,
        console: Callable[[str], Path],
        say: Callable[[str], None],
        kit: Kit | None,
        run: Path | None,
    ) -> Mapping[str, Disks]:
        """The disks that the nodes start from, by node."""

    def sandbox(self, setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
        """A sandbox of *cell*, not started yet."""

    def watch(self, node: Node, *, domains: Iterable[str]) -> Watch:
        """What tells of the noise around a measurement."""
