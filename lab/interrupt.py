"""What must not be cut short by Ctrl-C: taking down what is up, writing what was measured."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""From a person, from whoever ends the machine, from a terminal that is closed."""


def as_interrupt(number: int, _frame: FrameType | None) -> None:
    """Handle a signal as Ctrl-C is handled: everything is taken down, what was measured kept."""
    raise KeyboardInterrupt(signal.Signals(number).name)


@contextmanager
def held_off(what: str) -> Iterator[None]:
    """
    Let the block end though a signal asks to stop; *what* says what it is doing.

    The first signal is answered with a line. The second is obeyed: whoever insists wins, and
    the ledger still knows what is left.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are not its own
        yield
        return
    has_asked = False

    def answer(number: int, frame: FrameType | None) -> None:
        nonlocal has_asked
        if has_asked:
            as_interrupt(number, frame)
        has_asked = True
        sys.stderr.write(f"{what}: once more to leave the rest to `lab down`\n")

    before = {number: signal.signal(number, answer) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if has_asked:
        raise KeyboardInterrupt
