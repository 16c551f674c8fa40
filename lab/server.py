"""A server on the node that clients in a sandbox speak to: it is the bench's, not the cell's."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from lab.errors import LabError, ProvisionError
from lab.wait import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.node import Node

GRACE_S = 2.0
"""How long a server that has ended may take to be seen so: its client notices first."""
STEP_S = 0.1


class Server:
    """A program on *node* that listens on *port* while the block runs."""

    def __init__(self, node: Node, argv: Sequence[str], *, port: int) -> None:
        self._node = node
        self._argv = argv
        self._port = port
        self.address = node.address
        """Where its clients find it."""
        self._running = ExitStack()
        self._is_up: Callable[[], bool] = _never

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._running.close()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """
        Have it up while a client speaks to it; one that has ended since is started anew.

        Raises:
            ProvisionError: if the client fails because the server has ended: no cell's fault.
        """
        if self._has_ended(within_s=0.0):
            self._running.close()
            self._start()
        try:
            yield
        except (LabError, AssertionError) as error:
            if self._has_ended(within_s=GRACE_S):
                raise ProvisionError(
                    f"{self._argv[0]}, which serves port {self._port} of {self._node.name}, ended",
                    remedy="see in the node's journal what ended it, then run the cell again",
                ) from error
            raise

    def _start(self) -> None:
        running = self._node.background(self._argv, listening=self._port)
        self._is_up = self._running.enter_context(running)

    def _has_ended(self, *, within_s: float) -> bool:
        end = time.monotonic() + within_s
        while self._is_up():
            if time.monotonic() >= end:
                return False
            pause(STEP_S)
        return True


def _never() -> bool:
    return False
