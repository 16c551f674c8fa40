"""What a run shows while it goes on: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.outcome import Outcome
from lab.text import clean
from lab.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from rich.console import Console

    from lab.plan import Boot

HEARTBEAT_END_S = 5.0
HEARTBEAT_S = 20.0
REFRESHES_PER_S = 4
LINE_MOST = 2
"""How many lines what was said last may take below the table."""
FRAME_LINES = 4
"""Of the live table: its titles, what stands below it, and room for the prompt."""

DURATION, PHASE_LEAST, GAPS = 11, 12, 6
"""Columns: of ``12 min 34 s``, of a phase that says anything, and between the four of them."""
_STYLES = {
    Outcome.PASS: "green",
    Outcome.UNSUPPORTED: "yellow",
    Outcome.NOT_RUN: "dim",
}
_ORDER = list(Outcome)


class Screen(Protocol):
    """Where a run says what it is doing."""

    def say(self, text: str) -> None:
        """Say one thing that is worth a line."""

    def begin(self, boot: Boot) -> None:
        """A boot is at its turn."""

    def phase(self, text: str) -> None:
        """What is going on in it now."""

    def is_up(self, text: str) -> None:
        """The bench is up: the boot at its turn begins only now, with what *text* says."""

    def end(self, boot: Boot, counts: Mapping[Outcome, int]) -> None:
        """A boot is done; what became of its scenarios."""

    def aside(self) -> AbstractContextManager[None]:
        """Leave the terminal to somebody else for the block."""


@dataclass(slots=True)
class _Row:
    """A boot on the screen."""

    boot: Boot
    phase: str = ""
    started: float | None = None
    elapsed_s: float | None = None
    counts: Mapping[Outcome, int] = field(default_factory=dict)


class PlainScreen:
    """One line an event, and one at least every 20 s: for a log that somebody watches."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._began = self._spoke = time.monotonic()
        self._doing = "starting"
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print it, with the time since the start."""
        self._doing = text
        self._print(text)

    def begin(self, boot: Boot) -> None:
        """Print the boot's name and place."""
        self.say(f"{boot.position}/{self._total} {boot.id}")

    def phase(self, text: str) -> None:
        """Remember it for the next heartbeat."""
        self._doing = text

    def is_up(self, text: str) -> None:
        """Print it: what was said last was about the bench."""
        self.say(f"the bench is up: {text}")

    def end(self, boot: Boot, counts: Mapping[Outcome, int]) -> None:
        """Print what became of the boot's scenarios."""
        self.say(f"{boot.position}/{self._total} {boot.id}: {summary(counts)}")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Say nothing until the block has ended."""
        with self._lock:
            yield

    def beat(self) -> None:
        """Say that the run is alive, whenever nothing else was said for a while."""
        while not self._stopped.wait(1.0):
            if time.monotonic() - self._spoke >= HEARTBEAT_S:
                self._print(f"still at it: {self._doing}")

    def stop(self) -> None:
        """End the heartbeat."""
        self._stopped.set()

    def _print(self, text: str) -> None:
        with self._lock:
            self._spoke = time.monotonic()
            elapsed = format_duration(self._spoke - self._began)
            # A file keeps each event on a line; a terminal would break one in the midst of a word.
            is_file = not self._console.is_terminal
            self._console.print(Text(f"[{elapsed:>11}] {clean(text)}"), soft_wrap=is_file)


class LiveScreen:
    """A table that redraws itself: each boot's phase, its time, and what it usually takes."""

    def __init__(
        self, console: Console, order: tuple[Boot, ...], expected_s: Mapping[str, float]
    ) -> None:
        self._console = console
        self._rows = {boot.id: _Row(boot) for boot in order}
        self._expected_s = expected_s
        self._current: _Row | None = None
        self._line = ""
        self._began = time.monotonic()
        self.live = Live(
            get_renderable=self._draw, console=console, refresh_per_second=REFRESHES_PER_S
        )

    def say(self, text: str) -> None:
        """Put it below the table."""
        self._line = text

    def begin(self, boot: Boot) -> None:
        """Start the clock of the boot's row."""
        if boot.id not in self._rows:  # one that is made again
            self._insert(_Row(boot))
        self._current = self._rows[boot.id]
        self._current.started = time.monotonic()
        self._current.phase = "starting"

    def phase(self, text: str) -> None:
        """Put it in the current row."""
        if self._current is not None:
            self._current.phase = text

    def is_up(self, text: str) -> None:
        """Start the clock of the current row anew."""
        if self._current is not None:
            self._current.started = time.monotonic()
        self._line = ""  # that was about the bench
        self.phase(text)

    def end(self, boot: Boot, counts: Mapping[Outcome, int]) -> None:
        """Stop the clock of the boot's row and sum it up."""
        row = self._rows[boot.id]
        row.counts = counts
        row.phase = ""
        row.elapsed_s = time.monotonic() - (row.started or time.monotonic())
        self._current = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the table as it stands, and draw it anew below what was said meanwhile."""
        self.live.stop()
        try:
            yield
        finally:
            self.live.start(refresh=True)

    def _insert(self, row: _Row) -> None:
        """Put a row after those that are done: it is its turn."""
        rows = list(self._rows.values())
        rows.insert(sum(each.started is not None for each in rows), row)
        self._rows = {each.boot.id: each for each in rows}

    def _visible(self) -> list[_Row]:
        """The rows that fit the screen: those around the boot that is at its turn."""
        rows = list(self._rows.values())
        height = max(1, self._console.height - FRAME_LINES)
        done = sum(row.elapsed_s is not None for row in rows)
        first = max(0, min(done - height // 2, len(rows) - height))
        return rows[first : first + height]

    def _draw(self) -> Group:
        """The table, and below it the last line: a caption would be as narrow as the table."""
        elapsed = format_duration(time.monotonic() - self._began)
        table = Table(box=None, pad_edge=False)
        # On a narrow screen the phase gives way: half a cell's name is another cell, and half a
        # duration another one.
        widest = max((len(name) for name in self._rows), default=0)
        left = self._console.width - widest - DURATION - GAPS
        has_room = left >= PHASE_LEAST + DURATION
        room = max(1, left - DURATION if has_room else left)
        table.add_column("cell", no_wrap=True, min_width=widest)
        table.add_column("phase", no_wrap=True, max_width=room)
        table.add_column("elapsed", justify="right", no_wrap=True, min_width=DURATION)
        if has_room:
            table.add_column(
                "expected", justify="right", no_wrap=True, min_width=DURATION, style="dim"
            )
        for row in self._visible():
            expected = self._expected_s.get(row.boot.cell_name)
            table.add_row(
                row.boot.id,
                Text(clean(row.phase)) if row.elapsed_s is None else styled(row.counts),
                _elapsed(row),
                *(["" if expected is None else format_duration(expected)] if has_room else []),
                style=None if row.started is not None else "dim",
            )
        return Group(table, *self._below(f"{elapsed}  {clean(self._line)}"))

    def _below(self, text: str) -> list[Text]:
        """As much of *text* as there is room for, in lines that end between words."""
        width = self._console.width
        lines = list(Text(text).wrap(self._console, width))
        shown = lines[:LINE_MOST]
        if len(lines) > LINE_MOST:
            cut = shown[-1].plain.rstrip()[: width - 2].rpartition(" ")[0]
            shown[-1] = Text(f"{cut} …")
        return shown


@contextmanager
def plain(console: Console, total: int) -> Iterator[PlainScreen]:
    """A plain screen with its heartbeat."""
    screen = PlainScreen(console, total)
    thread = threading.Thread(target=screen.beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield screen
    finally:
        screen.stop()
        thread.join(HEARTBEAT_END_S)


@contextmanager
def live(
    console: Console, order: tuple[Boot, ...], expected_s: Mapping[str, float]
) -> Iterator[LiveScreen]:
    """A live table."""
    screen = LiveScreen(console, order, expected_s)
    with screen.live:
        yield screen


def summary(counts: Mapping[Outcome, int]) -> str:
    """The outcomes of a boot in a few words, always in the same order."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in _ORDER if counts.get(outcome))


def styled(counts: Mapping[Outcome, int]) -> Text:
    """The same in colour; the words carry the meaning without it."""
    text = Text()
    for outcome in _ORDER:
        if counts.get(outcome):
            text.append(", " if text else "")
            text.append(f"{counts[outcome]} {outcome}", style=_STYLES.get(outcome, "red"))
    return text


def _elapsed(row: _Row) -> str:
    if row.elapsed_s is not None:
        return format_duration(row.elapsed_s)
    return "" if row.started is None else format_duration(time.monotonic() - row.started)
