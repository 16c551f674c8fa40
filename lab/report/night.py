"""A night in at most 30 lines of Markdown, for the page of a pipeline's job."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from lab.history.night import Kind
from lab.report.text import markdown
from lab.units import count, format_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from lab.history.night import Event, Night

MAX_LINES = 30
_ALWAYS = (Kind.REGRESSION, Kind.ENVIRONMENT, Kind.IMPROVEMENT, Kind.UNDECIDED)
"""What is told first, the rest as far as there is room."""


def render(night: Night, *, run: str) -> str:
    """
    Write the summary of the night whose first stage is *run*.

    What does not fit is counted, and stands in ``nightly.json``.
    """
    first = [event for kind in _ALWAYS for event in night.events if event.kind is kind]
    rest = [event for event in night.events if event.kind not in _ALWAYS]
    lines = [
        *map(_event, first),
        *(f"- warning: {markdown(warning)}" for warning in night.warnings),
        *(f"- known: {markdown(known)}" for known in night.known),
        *map(_event, rest),
        *(f"- second opinion: {markdown(comment)}" for comment in night.comments),
    ]
    head, foot = _head(night), _foot(night, run)
    room = MAX_LINES - len(head) - len(foot)
    if len(lines) > room:
        left = len(lines) - room + 1
        lines = [*lines[: room - 1], f"- and {left} more, in `nightly.json`"]
    return "\n".join([*head, *lines, *foot]) + "\n"


def acknowledgement(night: Night, *, day: date) -> str:
    """
    Lines for the file of known regressions, one for each confirmed one, to be filled in.

    Without an owner, a reason and a last day that file is refused: nothing is taken on unread.
    """
    entries = [
        f"[[regression]]\ncell = {_toml(event.cell)}\nmetric = {_toml(event.metric)}\n"
        f'owner = ""\nreason = ""\nsince = {day}\nexpires = {day}\n'
        for event in night.events
        if event.kind is Kind.REGRESSION
    ]
    return "\n".join(entries)


def headline(events: Iterable[Event]) -> str:
    """What the night comes to, in one sentence."""
    kinds = [event.kind for event in events]
    parts = [
        count(number, noun)
        for kind, noun in (
            (Kind.REGRESSION, "confirmed regression"),
            (Kind.IMPROVEMENT, "confirmed improvement"),
            (Kind.UNDECIDED, "undecided series"),
        )
        if (number := kinds.count(kind))
    ]
    if Kind.ENVIRONMENT in kinds:
        parts.insert(0, "the machine changed, nobody is blamed")
    return ", ".join(parts) or "nothing has changed"


def _toml(text: str) -> str:
    """A string of TOML; a basic one is written as JSON writes it."""
    return json.dumps(text)


def _head(night: Night) -> list[str]:
    is_bad = any(event.kind is Kind.REGRESSION for event in night.events)
    return [f"# {'✗' if is_bad else '✓'} Night: {headline(night.events)}", ""]


def _foot(night: Night, run: str) -> Sequence[str]:
    screened = f"{night.series - night.learning} series screened"
    learning = f", {night.learning} without a night to compare with" if night.learning else ""
    since = f"{night.epoch_since:%Y-%m-%d} ({markdown(night.epoch_reason)})"
    again = f"; measured again in {night.confirmed_by}" if night.confirmed_by else ""
    return [
        "",
        f"{run}: {screened}{learning}; night {night.epoch_nights} since {since}{again}.",
    ]


def _event(event: Event) -> str:
    against = f" against {event.control}" if event.control else ""
    change = format_change(math.exp(event.shift))
    interval = ""
    if event.low is not None and event.high is not None:
        low, high = (format_change(math.exp(end)) for end in (event.low, event.high))
        interval = f" [{low}, {high}]"
    p = f", p {event.p:.1g}" if event.p is not None else ""
    rounds = f", {count(event.rounds, 'round')}" if event.rounds else ""
    note = f"; {markdown(event.note)}" if event.note else ""
    return (
        f"- **{event.kind}** {markdown(event.cell)}, {markdown(event.metric)}{against}: {change}"
        f"{interval}{p}{rounds}{note}"
    )
