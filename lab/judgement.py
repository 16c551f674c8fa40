"""Whether what was observed of a sandbox is what was expected of its cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.expectations import Expect
from lab.outcome import Fact, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.expectations import Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What became of the start of a sandbox."""

    has_started: bool
    said: str = ""
    """What to tell of it when it did not start: the error, and the log's end."""
    log: str = ""
    """The whole log: of a busy node, whose last lines may be about something else."""
    facts: tuple[Fact, ...] = ()
    connects: bool | None = None
    """Whether it was reached over its network; None if nobody has tried."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """An outcome, and why."""

    outcome: Outcome
    reason: str = ""


def judge(expected: Expected, observed: Observed) -> Judgement:
    """
    What an observation comes to, given what was *expected*.

    - PASS: it was expected to work, and does.
    - UNSUPPORTED: it does not, just as expected; the reason is what was observed.
    - FAIL: it was not expected to work, and works, or fails in another way; or it was, and is
      not reached. The reason quotes what was expected and what happened.
    - BLOCKED: it was expected to work, and did not start.
    - INVALID: it was expected to work, and its evidence contradicts its cell.
    - INFRA: the bench has not looked at what it would have to see.
    """
    if not observed.has_started:
        return _judge_failure(expected, observed)
    wrong = {fact.subject: fact for fact in observed.facts if not fact.holds}
    if expected.expect is Expect.FAILS:
        return _departure(expected, f"it started; {_effect(wrong.values(), observed)}")
    if unseen := _unseen(expected, observed):
        return Judgement(Outcome.INFRA, f"nothing was observed of: {', '.join(unseen)}")
    as_expected = wrong.keys() == expected.contradicted and observed.connects is expected.connects
    if expected.expect is Expect.WORKS:
        return Judgement(Outcome.PASS) if as_expected else _judge_effect(wrong, expected, observed)
    effect = _effect(wrong.values(), observed)
    if as_expected:
        return Judgement(Outcome.UNSUPPORTED, f"it starts, but {effect} (known: {expected.source})")
    return _departure(expected, f"it started; {effect}")


def _judge_failure(expected: Expected, observed: Observed) -> Judgement:
    said = observed.said.strip() or "nothing was said"
    if expected.expect is Expect.WORKS:
        return Judgement(Outcome.BLOCKED, _both(expected, f"it did not start: {said}"))
    everything = f"{said}\n{observed.log}"
    for text in expected.texts:
        if match := re.search(text, everything):
            line = _line_around(everything, match)
            return Judgement(
                Outcome.UNSUPPORTED, f"it does not start: {line} (known: {expected.source})"
            )
    return _departure(expected, f"it did not start: {said}")


def _judge_effect(wrong: Mapping[str, Fact], expected: Expected, observed: Observed) -> Judgement:
    effect = _effect(wrong.values(), observed)
    if wrong:
        return Judgement(Outcome.INVALID, effect)
    return _departure(expected, f"it started; {effect}")


def _departure(expected: Expected, happened: str) -> Judgement:
    return Judgement(Outcome.FAIL, _both(expected, happened))


def _both(expected: Expected, happened: str) -> str:
    return f"expected: {expected} ({expected.source}); observed: {happened}"


def _unseen(expected: Expected, observed: Observed) -> tuple[str, ...]:
    missing = expected.contradicted - {fact.subject for fact in observed.facts}
    network = () if observed.connects is not None else ("the connection",)
    facts = () if observed.facts else ("its evidence",)
    return (*sorted(missing), *facts, *network)


def _effect(wrong: Iterable[Fact], observed: Observed) -> str:
    """What is really in effect, in words."""
    network = {True: "it is reached", False: "it is not reached", None: ""}[observed.connects]
    said = "; ".join((*map(str, wrong), *filter(None, (network,))))
    return said or "nothing was observed of it"


def _line_around(said: str, match: re.Match[str]) -> str:
    start = said.rfind("\n", 0, match.start()) + 1
    end = said.find("\n", match.end())
    return said[start : end if end >= 0 else None].strip()
