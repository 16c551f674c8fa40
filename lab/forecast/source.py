"""Where a forecast's figures are from."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """What a figure rests on, the best first."""

    MEASURED = "measured"
    """Earlier runs of just this."""
    SIMILAR = "others"
    """Earlier runs of other cells."""
    ASSUMED = "assumed"
    """Nothing that was measured here."""
