"""What can be wrong with a comparison, by name: without a number, or beside one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_BOOTS = 5
"""Of each side. Below it an interval says little, and no rank test can speak at all."""


class Flag(StrEnum):
    """Why an effect has no number, or why its number is doubted, by name."""

    TOO_FEW_BOOTS = "too-few-boots"
    """Fewer than five on a side."""
    NOT_A_NUMBER = "not-a-number"
    """A value is NaN or infinite."""
    NOT_POSITIVE = "not-positive"
    """A value is zero or less: there is no ratio to nothing."""
    NO_VARIANCE = "no-variance"
    """The boots of a side, or all ratios, are the same: a stuck tool, or a coarse scale."""
    ALL_CONTAMINATED = "all-contaminated"
    """A side has samples, and every one was disturbed."""
    MIXED_CONFIGURATIONS = "mixed-configurations"
    """A side was not measured with one configuration."""
    MISSING_ROUND = "missing-round"
    """A round has only one of the two; the others were compared."""
    UNPAIRED = "unpaired"
    """Too few rounds have both: the interval carries what drifted between the rounds."""
    CONTAMINATED = "contaminated"
    """Disturbed samples were left out."""
    SHAPE = "shape"
    """The interval and the rank test disagree: look at the samples."""
    BIMODAL = "bimodal"
    """The boots of a side fall into two groups: no single number tells of them."""

    @property
    def withholds(self) -> bool:
        """Whether there can be no number with it."""
        return self in _WITHHOLDING

    @property
    def text(self) -> str:
        """For people, in a few words."""
        return _TEXTS[self]


_WITHHOLDING = frozenset(
    {
        Flag.TOO_FEW_BOOTS,
        Flag.NOT_A_NUMBER,
        Flag.NOT_POSITIVE,
        Flag.NO_VARIANCE,
        Flag.ALL_CONTAMINATED,
        Flag.MIXED_CONFIGURATIONS,
    }
)
_TEXTS = {
    Flag.TOO_FEW_BOOTS: f"not enough boots (need at least {MIN_BOOTS} of each)",
    Flag.NOT_A_NUMBER: "a value is not a number",
    Flag.NOT_POSITIVE: "a value is zero or less: no ratio",
    Flag.NO_VARIANCE: "all boots are the same: no interval",
    Flag.ALL_CONTAMINATED: "every sample is contaminated",
    Flag.MIXED_CONFIGURATIONS: "one cell, several configurations",
    Flag.MISSING_ROUND: "a round is missing on one side",
    Flag.UNPAIRED: "not paired by round",
    Flag.CONTAMINATED: "without contaminated samples",
    Flag.SHAPE: "interval and rank test disagree: look at the samples",
    Flag.BIMODAL: "boots fall into two groups: look at the samples",
}


def ordered(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Each once, what withholds a number first."""
    present = set(flags)
    return tuple(flag for flag in Flag if flag in present)
