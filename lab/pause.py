"""A run that stands still where something failed, so that somebody can look before it goes on."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab import hints
from lab.errors import UsageError
from lab.text import clean
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.outcome import Outcome
    from lab.plan import Boot

TOUCHED = "the run stood still here, and the sandbox may have been touched"
PROMPT = "Enter goes on, Ctrl-C ends the run: "
WIDTH = 80
REASON_LINES = 12
"""Of a reason, on the screen; the report has all."""


@dataclass(slots=True)
class Pauses:
    """Asks, once for each boot and reason."""

    say: Callable[[str], None]
    ask: Callable[[str], str] = input
    _asked: set[tuple[str, str]] = field(default_factory=set)

    def is_due(self, boot: Boot, reason: str) -> bool:
        """Whether nobody has been asked yet: a sandbox that did not start fails every scenario."""
        return (boot.id, reason) not in self._asked

    def stand_still(
        self, boot: Boot, scenario: str, outcome: Outcome, reason: str, *, nodes: Sequence[str]
    ) -> None:
        """Say what failed and how to look, and wait for Enter."""
        self._asked.add((boot.id, reason))
        for line in told(boot, scenario, outcome, reason, nodes=nodes):
            self.say(line)
        try:
            self.ask(PROMPT)
        except EOFError:  # the terminal is gone: nobody will look
            self.say("nobody is there any more: it goes on")


def told(
    boot: Boot, scenario: str, outcome: Outcome, reason: str, *, nodes: Sequence[str]
) -> list[str]:
    """What failed, and what to type in another terminal."""
    lines = clean(reason).splitlines()
    left = len(lines) - REASON_LINES
    more = [f"  and {count(left, 'line')} more, in the report"] if left > 0 else []
    shells = [boot.id, *nodes]
    return [
        "",
        f"The run stands still: {boot.id}",
        f"  {scenario} is {outcome}:",
        *(f"  {line}" for line in lines[:REASON_LINES]),
        *more,
        *(line for hint in hints.of(reason) for line in hint.lines(indent="  ", width=WIDTH)),
        "to look, in another terminal:",
        *(f"  lab shell {shlex.quote(name)}" for name in shells),
        *(f"  lab logs {shlex.quote(name)}" for name in nodes),
    ]


def require_terminal(*, is_terminal: bool) -> None:
    """
    Refuse to stand still where nobody can be asked.

    Raises:
        UsageError: if standard input or the screen is no terminal.
    """
    if not (is_terminal and sys.stdin.isatty()):
        raise UsageError(
            "--pause-on fail: this is no terminal, so nobody could say that it is to go on",
            remedy="leave it out here; `--keep failed` leaves the node up for `lab shell`",
        )
