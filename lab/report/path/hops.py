"""How hops are made of what was seen, and how facts that do not hold find theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.report.path.graph import Hop, Lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.report.path.graph import Zone


@dataclass(frozen=True, slots=True)
class Draft:
    """A hop, and what the facts about it are called."""

    zone: Zone
    name: str
    details: Sequence[str] = ()
    is_read: bool = True
    is_on_path: bool = True
    about: str = ""
    """A regular expression that matches the subjects of the facts about it."""

    def hop(self, alarms: Iterable[str]) -> Hop:
        """The finished hop."""
        return Hop(
            zone=self.zone,
            name=self.name,
            details=tuple(detail for detail in self.details if detail),
            is_read=self.is_read,
            is_on_path=self.is_on_path,
            alarms=tuple(alarms),
        )


def unread(zone: Zone, name: str, *details: str, about: str = "") -> Draft:
    """A hop that nothing that was read tells of."""
    return Draft(zone, name, details, is_read=False, about=about)


@dataclass(slots=True)
class Alarms:
    """The facts that do not hold: each goes to the first hop that it is about."""

    texts: Mapping[str, Sequence[str]]
    """By subject."""
    _placed: set[str] = field(default_factory=set)

    def lane(self, title: str, drafts: Iterable[Draft]) -> Lane:
        """The lane of *drafts*, each with the facts about it."""
        return Lane(
            title=title, hops=tuple(draft.hop(self._about(draft.about)) for draft in drafts)
        )

    @property
    def left(self) -> tuple[str, ...]:
        """Those that are about no hop so far."""
        return tuple(
            text
            for subject, texts in self.texts.items()
            if subject not in self._placed
            for text in texts
        )

    def _about(self, pattern: str) -> list[str]:
        found = [
            subject
            for subject in self.texts
            if subject not in self._placed and re.fullmatch(pattern, subject)
        ]
        self._placed.update(found)
        return [text for subject in found for text in self.texts[subject]]
