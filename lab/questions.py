"""testinfra's questions, asked through a runner of ours: each of them has a deadline."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.backend.base import CommandResult
    from testinfra.host import Host as Host  # noqa: PLC0414 - handed on

    from lab.command import Completed


def host_through(answer: Callable[[str], Completed], *, name: str) -> Host:
    """
    A testinfra host whose every question is a shell line given to *answer*.

    testinfra's own factory caches hosts by name for the life of the process, so that a
    rebuilt machine would answer with the facts of the old one: hence a new object each time.
    """
    from testinfra.host import Host  # noqa: PLC0415 - slow to import, and most verbs ask nothing

    backend = _backend()(answer, name)
    host = Host(backend)
    backend.set_host(host)
    return host


@cache
def _backend() -> Any:  # noqa: ANN401 - testinfra ships no types
    from testinfra.backend.base import BaseBackend  # noqa: PLC0415

    class Backend(BaseBackend):  # type: ignore[misc] # testinfra ships no types
        NAME = "lab"

        def __init__(self, answer: Callable[[str], Completed], name: str) -> None:
            super().__init__(name)
            self._answer = answer

        def run(self, command: str, *args: str, **_: object) -> CommandResult:
            """Run the line that testinfra composed, and hand back what it said."""
            line = self.get_command(command, *args)
            done = self._answer(line)
            return self.result(
                done.returncode, self.encode(line), done.stdout.encode(), done.stderr.encode()
            )

    return Backend
