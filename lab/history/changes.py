"""Where the level of a series has changed: a comment beside the alarms, never one itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lab.history.series import controls_of, reading
from lab.stats.changepoint import change_points
from lab.units import format_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.history.night import Entry
    from lab.history.screening import Screened
    from lab.history.series import Series

SEARCHED_NIGHTS = 90
"""Of the history, at most: the search takes the square of them."""
EVERY = 7
"""Nights of an epoch between two searches: each is one more chance to find what is not there."""


def due(screened: Screened) -> tuple[str, ...]:
    """What the search says tonight; nothing in the nights in which it is not made."""
    nights = (*screened.epoch.nights, screened.tonight)
    if len(nights) % EVERY:
        return ()
    return changes(nights, (each.series for each in screened.seen))


def changes(nights: Sequence[Entry], series: Iterable[Series]) -> tuple[str, ...]:
    """The changes of all *series*, and of the controls that they are read against, a line each."""
    followed = tuple(series)
    return tuple(
        line
        for each in (*followed, *controls_of(followed))
        for line in changes_of(nights[-SEARCHED_NIGHTS:], each)
    )


def changes_of(nights: Sequence[Entry], series: Series) -> tuple[str, ...]:
    """The changes of the level of *series* over *nights*, oldest first."""
    read = [(night, found) for night in nights if (found := reading(night, series))]
    points = change_points([found.centre for _, found in read], series=str(series))
    return tuple(
        f"{series}: {format_change(math.exp(point.shift))} from {read[point.index][0].day} on"
        f" (p {point.p:.1g}, {len(read)} nights)"
        for point in points
    )
