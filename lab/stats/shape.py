"""Whether the boots of a cell are of one kind: what no mean and no interval tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_BOOTS = 8
"""Below it, one boot in a hundred normal series would be taken for a second group."""
MIN_GROUP = 2
"""One boot that lies apart is an outlier, not a mode."""
GAP = 5.0
"""
Between two groups, in standard deviations within them.

Of normal boots 1 % are wider apart than that at eight, and fewer at more (docs/statistics.md).
"""


def is_bimodal(rows: Sequence[Sequence[float]]) -> list[bool]:
    """
    Whether each row's boots fall into two groups; with fewer than eight nobody can tell.

    The groups are those that the widest gap leaves on its sides, and it counts if it is wide
    for the spread within them.
    """
    table = np.sort(np.array(rows), axis=1)
    boots = table.shape[1]
    found = np.zeros(len(table), dtype=bool)
    if boots < MIN_BOOTS:
        return found.tolist()
    table = table - table.mean(axis=1, keepdims=True)
    for size in range(MIN_GROUP, boots - MIN_GROUP + 1):
        lower, upper = table[:, :size], table[:, size:]
        squares = lower.var(axis=1) * size + upper.var(axis=1) * (boots - size)
        within = np.sqrt(squares / (boots - 2))
        found |= upper[:, 0] - lower[:, -1] > GAP * within
    return found.tolist()
