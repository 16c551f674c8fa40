"""
Whose change it is; pure.

A ratio to a control moves with either of its sides. What is claimed of a cell must be in the cell's
own values too: half of it at least, on logarithms. That is the same as asking whether the cell has
moved further one way than the control has moved the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

OWN_SHARE = 0.5


def is_own(shift: ArrayLike, own: ArrayLike) -> NDArray[np.bool_]:
    """Whether enough of a *shift* of the ratio is in the cell's *own*; both are of logarithms."""
    whole = np.asarray(shift, dtype=np.float64)
    return np.asarray(np.sign(whole) * np.asarray(own) >= OWN_SHARE * np.abs(whole))
