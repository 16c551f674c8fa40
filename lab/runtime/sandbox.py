"""What a running sandbox is to a scenario, whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from lab.command import Completed
    from lab.matrix import Cell
    from lab.network.model import Expected
    from lab.network.pod import Pod
    from lab.node import Node
    from lab.outcome import Fact
    from lab.questions import Host
    from lab.storage.backend import Share


class Sandbox(Protocol):
    """One running instance of a cell."""

    cell: Cell
    id: str
    node: Node
    pod: Pod
    guest: Host
    """testinfra's questions, asked inside the sandbox's root file system."""
    expected: Expected
    """What is expected of the cell's network model."""
    ready_s: float
    """From the start of its start to its first answer."""

    @property
    def address(self) -> str:
        """Its IPv4 address."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        expected_s: float = 0.0,
    ) -> Completed:
        """Run *argv* in its root file system; *expected_s* is how long that takes at least."""

    def background(
        self, argv: Sequence[str], *, listening: int | None = None
    ) -> AbstractContextManager[None]:
        """Run *argv* in it beside the block; with *listening*, wait for that port first."""

    def gather(self, questions: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """Ask all *questions* (shell lines, by name) inside it, in one round trip."""

    def drop_caches(self, path: str) -> None:
        """Write back and forget what the guest has cached of *path*, and then the node."""

    def memory_bytes(self) -> int:
        """Proportional set size of the processes that it is made of on the node."""

    def share(self) -> Share | None:
        """What serves its root file system to it; None where that is no daemon's work."""

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """Facts about what is in effect, and the answers they were read from."""

    def configuration(self) -> dict[str, str]:
        """What its runtime was told, and what that says it comes to; by file name."""

    def start(self) -> None:
        """Bring it up, and wait until it answers."""

    def restart(self) -> None:
        """End this sandbox and start another on the same root file system."""

    def console(self) -> str:
        """What its guest said so far."""

    def stop(self) -> None:
        """End it and undo all that its start did; what is gone already is fine."""
