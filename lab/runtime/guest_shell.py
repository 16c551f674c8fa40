"""
A shell of sorts in a guest of the reference runtime: one command at a time, through its agent.

The agent has no terminal. So each line is a shell of its own: what it says is shown when it has
ended, ``cd`` and variables do not outlast it, and nothing that asks back can be run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import CommandError
from lab.storage.backend import ROOT
from lab.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.runtime.guest_agent import GuestAgent

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 300.0
GREETING = (
    "One command at a time, through the guest's agent: each line is a shell of its\n"
    "own, so that cd and variables do not last. Nothing may ask back. Ctrl-D ends it."
)


def converse(agent: GuestAgent, lines: Iterable[str], *, say: Callable[[str], None]) -> None:
    """Run each of *lines* in the container's root file system, and say what it said."""
    for line in lines:
        if not line.strip():
            continue
        try:
            done = agent.run(
                ["/bin/chroot", ROOT, "sh", "-c", f"exec 2>&1; {line}"],
                timeout_s=COMMAND_TIMEOUT_S,
            )
        except CommandError as error:
            say(error.problem)
            continue
        if done.stdout:
            say(clean(done.stdout).removesuffix("\n"))
        if done.returncode:
            say(f"(status {done.returncode})")
