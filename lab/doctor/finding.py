"""What is found of a machine, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_CELL = "every cell"


class State(StrEnum):
    """How good a fact is."""

    GOOD = "ok"
    LESS = "less"
    """The lab runs; something that it could do, it does not here."""
    LACK = "LACK"
    """Nothing is measured before this is mended."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What mends a finding and is safe to do."""

    meaning: str
    """What it does: the command, where there is one."""
    apply: Callable[[Callable[[str], None]], None]
    """Does it; told where to say what it is at. It raises a LabError if that fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about this machine."""

    subject: str
    fact: str
    state: State = State.GOOD
    why: str
    """What the lab does with it."""
    unlocks: str
    """What can be run with it, as on the command line where it is cells."""
    mend: str = ""
    """What to do on just this machine; empty where there is nothing to mend."""
    fix: Fix | None = None
    """What of that is safe to be done by the lab."""
