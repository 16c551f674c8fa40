"""What a run claims, and how far that can be believed: from its analysis, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.contamination import RULES, judge
from lab.plan import Role
from lab.records import RunStatus
from lab.stats.verdict import Verdict
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.analysis.result import Analysis, Control, MetricEffect
    from lab.run import Run

BOTH = "mixed"
NAMES = {Verdict.UNKNOWN.value: "not known"}
"""What is counted under another name than its verdict's."""
_KINDS = (
    Verdict.BETTER.value,
    Verdict.WORSE.value,
    BOTH,
    Verdict.EQUIVALENT.value,
    Verdict.INCONCLUSIVE.value,
    Verdict.UNKNOWN.value,
)
_AGAINST = {
    Role.BASELINE: "against the baseline of its runtime",
    Role.REFERENCE: "against the same cell without Kata's code",
    Role.CONTROL: "against the control without a guest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """One thing that decides how far the numbers can be believed."""

    name: str
    state: str
    """``good``, ``bad`` or ``quiet``: not known, or not asked."""
    text: str


def claim(analysis: Analysis) -> str:
    """
    How many cells differ from what they are judged against, and how many do not.

    Empty if no comparison has an interval: then :func:`unclaimed` says why nothing is claimed.
    """
    role, effects = _judged(analysis)
    by_cell: dict[str, list[MetricEffect]] = defaultdict(list)
    for each in effects:
        by_cell[each.cell].append(each)
    if all(each.effect.verdict is Verdict.UNKNOWN for each in effects):
        return ""
    kinds = Counter(map(_kind, by_cell.values()))
    told = ", ".join(f"{kinds[kind]} {NAMES.get(kind, kind)}" for kind in _KINDS if kinds[kind])
    metrics = count(len({each.metric for each in effects}), "primary metric")
    cells = count(len(by_cell), "cell")
    return f"Of {cells}, each {_AGAINST[role]} on {metrics}: {told}."


def unclaimed(run: Run, analysis: Analysis) -> str:
    """Why nothing is claimed; empty if something is, or if nothing was measured."""
    if claim(analysis) or not run.valid_samples:
        return ""
    if run.rounds == 1:
        return "One round: nothing is claimed about any difference between cells."
    if not _judged(analysis)[1]:
        return "No comparison was declared on a primary metric: nothing is claimed."
    return "No primary comparison has an interval: nothing is claimed."


def trust(run: Run, analysis: Analysis) -> tuple[Trust, ...]:
    """The run's own tests, its noise, and whether it went as planned."""
    return tuple(_trust(run, analysis)) if run.valid_samples else ()


def _judged(analysis: Analysis) -> tuple[Role, Sequence[MetricEffect]]:
    """The primary effects of the first role that has any: the gate's, if it has something."""
    for role in _AGAINST:
        mine = [each for each in analysis.effects if each.is_primary and each.role is role]
        if mine:
            return role, mine
    return Role.BASELINE, []


def _kind(effects: Sequence[MetricEffect]) -> str:
    """
    One cell over the primary metrics: a difference in any is one, if it is left by its family.

    Equivalent is only what is so in all.
    """
    left = {each.effect.verdict for each in effects if each.mark != "none"}
    if len(left) > 1:
        return BOTH
    if left:
        return left.pop().value
    verdicts = {each.effect.verdict for each in effects}
    if verdicts in ({Verdict.EQUIVALENT}, {Verdict.UNKNOWN}):
        return verdicts.pop().value
    return Verdict.INCONCLUSIVE.value


NAMED = 4
"""More than that of what is not told is counted."""


def _undisturbed(run: Run, samples: int) -> str:
    """What can be said where each sample lacks a rule: a virtual machine tells of no heat."""
    untold = [frozenset(judge(sample.noise).unknown) for sample in run.valid_samples]
    always = frozenset.intersection(*untold)
    if len(always) == len(RULES):
        return "not known whether anything was disturbed"
    names = [rule.name.replace("_", " ") for rule in RULES if rule.name in always]
    if len(names) > NAMED:
        names[NAMED:] = [f"{len(names) - NAMED} more"]
    silent = sum(len(each) == len(RULES) for each in untold)
    names += [f"anything of {count(silent, 'sample')}"] if silent else []
    told = f"no sample of {samples} contaminated in what is told"
    return f"{told}; not told: {', '.join(names)}" if names else told


def _trust(run: Run, analysis: Analysis) -> Iterator[Trust]:
    yield _control("twin", analysis.twin, "differs from its cell in")
    yield _control("handicap", analysis.handicap, "is shown to be worse in")
    samples = sum(each.samples for each in analysis.contamination)
    disturbed = sum(each.contaminated for each in analysis.contamination)
    unknown = sum(each.unknown for each in analysis.contamination)
    if disturbed:
        text = f"{disturbed} of {count(samples, 'sample')} contaminated"
    elif unknown == samples:
        text = _undisturbed(run, samples)
    else:
        text = f"no sample of {samples} contaminated"
    quiet = "quiet" if unknown == samples else "good"
    yield Trust(name="noise", state="bad" if disturbed else quiet, text=text)
    ended = run.header.status is RunStatus.COMPLETE
    departures = len(analysis.departures)
    if not ended:
        whole = "not complete"
    elif departures:
        whole = f"complete, with {count(departures, 'departure')} from the plan"
    else:
        whole = "complete, as planned"
    yield Trust(name="run", state="good" if ended and not departures else "bad", text=whole)


def _control(name: str, control: Control, verb: str) -> Trust:
    texts = {
        "ok": ("good", "ok: no difference where there is none"),
        "suspect": ("bad", f"suspect: it {verb} {', '.join(control.differing)}"),
        "found": ("good", f"found: it {verb} {', '.join(control.differing)}"),
        "missed": ("bad", "missed: what was slowed is not shown to be"),
        "unknown": ("quiet", "too few boots to tell"),
        "absent": ("quiet", "not in this run"),
    }
    state, text = texts[control.status]
    return Trust(name=name, state=state, text=text)
