"""Waiting for a condition, with a deadline: the only place that sleeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from lab.errors import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Pending(Exception):  # noqa: N818 - not an error: the answer "not yet"
    """Raised by a probe while the condition does not hold; says how far things are."""


def wait_for(
    what: str, probe: Callable[[], T], *, timeout_s: float, every_s: float = 1.0, remedy: str
) -> T:
    """
    Ask *probe* until it stops raising :class:`Pending`, and return its answer.

    Raises:
        NotReadyError: if the deadline passed; it quotes the last :class:`Pending`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return probe()
        except Pending as pending:
            if time.monotonic() >= deadline:
                problem = f"{what} not ready after {timeout_s:g} s: {pending}"
                raise NotReadyError(problem, remedy=remedy) from pending
        time.sleep(every_s)


def pause(seconds: float) -> None:
    """Let *seconds* pass: between two polls whose rhythm the caller must set itself."""
    time.sleep(seconds)
