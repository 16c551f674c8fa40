"""Latencies as a tool counted them, and which percentiles so many of them can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import ToolOutputError
from lab.tools.output import KEPT, LONGER

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The distribution of many waits."""

    count: int
    mean_s: float
    percentiles_s: Mapping[float, float]
    """Seconds, by percent from 0 to 100."""

    def resolves(self, percent: float) -> bool:
        """Whether so many waits were counted that at least one lies beyond that percentile."""
        return self.count * (100 - percent) >= 100  # noqa: PLR2004 - percent

    def percentile_s(self, percent: float) -> float:
        """
        Seconds that *percent* of all waits did not exceed.

        Raises:
            ToolOutputError: if fewer waits were counted than make one beyond it (100 for the
                99th percentile: of fewer it is only the maximum), or the tool did not say.
        """
        if not self.resolves(percent):
            raise ToolOutputError(
                f"{self.count} observations are too few for percentile {percent:g}", remedy=LONGER
            )
        value = self.percentiles_s.get(percent)
        if value is None:
            raise ToolOutputError(f"percentile {percent:g} was not reported", remedy=KEPT)
        if value <= 0:
            raise ToolOutputError(f"percentile {percent:g} is {value:g} s", remedy=KEPT)
        return value
