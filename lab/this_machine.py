"""The provider of real labs: this machine's QEMU by libvirt, and sandboxes on its nodes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from lab import host, lease, prepare
from lab.image import emulator
from lab.image.build import build, is_built
from lab.image.lock import load
from lab.runtime import kinds
from lab.stopwatch import Activity
from lab.virt import domain
from lab.virt.connection import connected, default_uri
from lab.virt.xml import Accelerator
from lab.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lab.cluster.kit import Kit
    from lab.disks import Disks
    from lab.host import Chosen
    from lab.image.build import Images
    from lab.image.lock import Lock
    from lab.matrix import Cell
    from lab.node import Node
    from lab.options import Wishes
    from lab.runtime.sandbox import Sandbox
    from lab.runtime.setting import Setting
    from lab.stopwatch import Stopwatch
    from lab.topology import Topology


class ThisMachine:
    """Makes real labs; see :class:`lab.provider.Provider`."""

    def check_room(self, topology: Topology) -> None:
        """Refuse a topology that this machine has no memory or no disk for."""
        host.check_room(topology)

    def settle(
        self, wishes: Wishes, *, say: Callable[[str], None], stopwatch: Stopwatch
    ) -> tuple[Images, Chosen]:
        """Build what is not there yet; try what runs the node."""
        lock = load()
        with stopwatch.spending(Activity.BUILDING), ExitStack() as stack:
            if not is_built(lock):
                with stopwatch.left_out():
                    shared = lease.leased(
                        "building images", is_alone=False, say=say, waits=wishes.waits
                    )
                    stack.enter_context(shared)
            images = build(lock, say=say)
        chosen = host.choose_accelerator(wishes.accel, images.node)
        say(f"node under {chosen.accelerator}: {chosen.reason}")
        if chosen.accelerator is Accelerator.TCG:
            with stopwatch.spending(Activity.BUILDING):
                chosen = replace(chosen, emulator=choose_emulator(lock, say=say))
        return images, chosen

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
        """The prepared disks of the nodes: made now, if there are none of just this kind."""
        return prepare.prepared(
            topology, images, chosen, console=console, say=say, kit=kit, run=run
        )

    def sandbox(self, setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
        """A sandbox on a node of the lab."""
        return kinds.sandbox(setting, cell, name=name, number=number)

    def watch(self, node: Node, *, domains: Iterable[str]) -> Watch:
        """Read the counters of the node and of this machine."""
        return Watch(node, domains=domains)


THIS_MACHINE = ThisMachine()


def choose_emulator(lock: Lock, *, say: Callable[[str], None]) -> Path | None:
    """A QEMU that keeps an emulated node: the machine's own if it can, or the lock's."""
    own = host.qemu_version()
    if emulator.is_sound(own):
        return None
    program = emulator.build(lock, say=say)
    with connected(default_uri()) as connection:
        problem = domain.emulator_problem(connection, program)
    if problem:
        say(f"the machine's own QEMU emulates, and may lose the node: {own}; {problem}")
        return None
    return program
