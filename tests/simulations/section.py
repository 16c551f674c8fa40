"""A section of docs/statistics.md: a goal, what was simulated for it, and what came out."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

REPEATS = 2000
"""Of which the goals' bands are made."""
SIGMAS = 3.29
"""One in a thousand simulations of a true rate falls outside: a test that fails means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure that a goal is about, and what it must lie between."""

    name: str
    value: float
    low: float = 0.0
    high: float = 1.0

    @property
    def is_met(self) -> bool:
        """Whether the figure lies in its band."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What was simulated for one goal."""

    goal: str
    """S1 and so on."""
    title: str
    text: str
    """What was simulated, and what is accepted. Markdown."""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    checks: tuple[Check, ...]

    @property
    def missed(self) -> tuple[Check, ...]:
        """The figures outside their bands."""
        return tuple(check for check in self.checks if not check.is_met)


def generator(*names: object) -> np.random.Generator:
    """A generator whose seed follows from what it is for."""
    return np.random.default_rng(zlib.crc32(" ".join(map(str, names)).encode()))


def band(rate: float, repeats: int) -> tuple[float, float]:
    """
    Where the measured share of a true *rate* may lie: 3.29 standard deviations.

    More repeats than the goals name do not narrow it: they only measure better.
    """
    spread = SIGMAS * math.sqrt(rate * (1 - rate) / min(repeats, REPEATS))
    return max(0.0, rate - spread), min(1.0, rate + spread)


def share(found: Sequence[bool]) -> float:
    """How many of *found* are true, of one."""
    return sum(found) / len(found)


def percent(value: float, digits: int = 1) -> str:
    """Write a share."""
    return f"{100 * value:.{digits}f} %"
