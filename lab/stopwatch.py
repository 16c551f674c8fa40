"""Where the wall-clock time of a run goes."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from lab.records import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Activity(StrEnum):
    """What the time is spent on; all else is the bench's own cost."""

    BUILDING = "building"
    BOOTING = "booting"
    MEASURING = "measuring"


class Stopwatch:
    """Counts each second once: an activity inside another suspends the outer one."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._earlier: Timeline | None = None
        self._started = self._mark = now()
        self._stack: list[Activity | None] = []
        self._spent: defaultdict[Activity | None, float] = defaultdict(float)
        self.node_ready_s: float | None = None
        """From power-on of the node until it answered ssh; whoever starts it says so."""

    def left_out(self) -> AbstractContextManager[None]:
        """Count the time of the block not at all: the run waits for its turn."""
        return self._counting(None)

    def spending(self, activity: Activity) -> AbstractContextManager[None]:
        """Count the time of the block as *activity*."""
        return self._counting(activity)

    @contextmanager
    def _counting(self, activity: Activity | None) -> Iterator[None]:
        self._account()
        self._stack.append(activity)
        try:
            yield
        finally:
            self._account()
            self._stack.pop()

    @property
    def timeline(self) -> Timeline:
        """The split so far."""
        self._account()
        return self._since_start if self._earlier is None else self._earlier + self._since_start

    def go_on_from(self, earlier: Timeline | None) -> None:
        """Count on from where the time of a run went *earlier*."""
        self._earlier = earlier

    @property
    def _since_start(self) -> Timeline:
        return Timeline(
            building_s=self._spent[Activity.BUILDING],
            booting_s=self._spent[Activity.BOOTING],
            measuring_s=self._spent[Activity.MEASURING],
            total_s=self._mark - self._started - self._spent[None],
            node_ready_s=self.node_ready_s,
        )

    def _account(self) -> None:
        now = self._now()
        if self._stack:
            self._spent[self._stack[-1]] += now - self._mark
        self._mark = now
