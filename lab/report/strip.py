"""Places on an axis: what a row of dots is drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.stats.summary import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDS = (4.0, 116.0)
"""Where the ends of a metric's axis lie in a strip 120 wide."""
LEAST_SPAN = 2.0
"""A logarithmic axis spans at least this factor, so that noise is not blown up to a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Every boot of a cell as a dot on the metric's axis."""

    dots: tuple[int, ...]
    control: int | None
    """Where the control's mean lies."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The axis that all cells share in one metric."""

    low: float
    high: float
    scale: Scale

    @classmethod
    def around(cls, values: Sequence[float], scale: Scale) -> Axis:
        """The axis that holds all *values*."""
        low, high = min(values), max(values)
        if scale is Scale.LOG and high < low * LEAST_SPAN:
            middle = math.sqrt(low * high)
            low, high = middle / math.sqrt(LEAST_SPAN), middle * math.sqrt(LEAST_SPAN)
        return cls(low=low, high=high, scale=scale)

    def place(self, value: float) -> int:
        """Where *value* lies in a strip: on a screen, to a pixel."""
        low, high, at = (self._project(each) for each in (self.low, self.high, value))
        start, end = ENDS
        share = (at - low) / (high - low) if high > low else 0.5
        return round(start + share * (end - start))

    def _project(self, value: float) -> float:
        return math.log(value) if self.scale is Scale.LOG else value
