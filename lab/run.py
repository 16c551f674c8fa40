"""What the files of ``results/<run>/`` say together, and what of it may be believed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from lab.contamination import to_be_used
from lab.errors import StoreError, UsageError
from lab.outcome import Evidence, Outcome
from lab.plan import Ordering
from lab.records import (
    BootEvent,
    BootRecord,
    Environment,
    Leaks,
    LookRecord,
    OutcomeRecord,
    Resumption,
    RunHeader,
    RunStatus,
    Timeline,
)
from lab.repeats import degradation, repeat, repeats, replaced
from lab.run_files import damaged, decode, read_header, read_lines, read_optional
from lab.sample import Sample
from lab.store import (
    BOOTS,
    CONSOLES,
    ENVIRONMENT,
    EVIDENCE,
    HEADER,
    LAST,
    LEAKS,
    LOOKS,
    OUTCOMES,
    SAMPLES,
    TIMELINE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.plan import Boot

BENCH_FAILED = 3


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as it lies on the disk. Nothing here writes."""

    path: Path
    header: RunHeader
    environment: Environment | None
    """None if the run ended before it was recorded."""
    samples: tuple[Sample, ...]
    """All of them; :attr:`valid_samples` leaves out what is not to be used."""
    recorded: tuple[OutcomeRecord, ...]
    """As the run wrote them; :attr:`outcomes` is the judged form."""
    evidence: Mapping[str, tuple[Evidence, ...]]
    """By boot."""
    consoles: tuple[str, ...]
    """Relative to the run's directory."""
    timeline: Timeline | None
    leaks: Leaks | None = None
    """What it has left behind; None if nobody has looked."""
    journal: tuple[BootRecord, ...] = ()
    """What became of its boots, in the order in which it did; none of older runs."""
    looks: tuple[LookRecord, ...] = ()
    """At its precision, after rounds; none if its number of rounds was fixed."""
    warnings: tuple[str, ...]
    """What reading it had to forgive."""

    @classmethod
    def load(cls, path: Path) -> Run:
        """
        Read the run in the directory *path*.

        Raises:
            StoreError: if it is no run, of another schema, or damaged beyond a torn last line.
        """
        header = read_header(path / HEADER)
        warnings: list[str] = []
        samples = read_lines(path / SAMPLES, Sample, warnings)
        recorded = read_lines(path / OUTCOMES, OutcomeRecord, warnings)
        looks = read_lines(path / LOOKS, LookRecord, warnings)
        journal = read_lines(path / BOOTS, BootRecord, warnings)
        every = (*header.plan.order, *repeats(header.plan), *_again(header, journal))
        planned = {boot.id: boot for boot in every}
        strangers = {s.boot for s in samples} | {o.boot for o in recorded}
        strangers -= planned.keys()
        for sample in samples:
            _check_place(path, sample.cell, planned.get(sample.boot))
        for record in recorded:
            _check_place(path, record.cell, planned.get(record.boot))
        if strangers:
            warnings.append(f"left out, as not in the plan: {', '.join(sorted(strangers))}")
        return cls(
            path=path,
            header=header,
            environment=read_optional(path / ENVIRONMENT, Environment),
            samples=tuple(sample for sample in samples if sample.boot in planned),
            recorded=tuple(record for record in recorded if record.boot in planned),
            evidence={
                file.stem: decode(file, tuple[Evidence, ...])
                for file in sorted((path / EVIDENCE).glob("*.json"))
            },
            consoles=tuple(f"{CONSOLES}/{f.name}" for f in sorted((path / CONSOLES).glob("*.log"))),
            timeline=read_optional(path / TIMELINE, Timeline),
            leaks=read_optional(path / LEAKS, Leaks),
            looks=looks,
            journal=journal,
            warnings=(
                *warnings,
                *map(_went_on, header.resumptions),
                *map(_made_again, replaced(journal, recorded).items()),
            ),
        )

    @property
    def rounds(self) -> int:
        """How many rounds it set out for: fewer than were planned at most, if it was to stop."""
        ended = [look.round for look in self.looks if look.stop]
        return ended[-1] if ended else self.header.plan.rounds

    @cached_property
    def order(self) -> tuple[Boot, ...]:
        """The boots that it set out for, in their order; those made again end their round."""
        plan = self.header.plan
        begun = {s.boot for s in self.samples} | {o.boot for o in self.recorded}
        begun |= {each.boot for each in self.journal}
        known = {boot.id: boot for boot in (*repeats(plan), *_again(self.header, self.journal))}
        again = [boot for boot in known.values() if boot.id in begun - self.superseded.keys()]
        order = [
            boot
            for boot in plan.order
            if boot.round <= self.rounds and boot.id not in self.superseded
        ]
        if plan.ordering is Ordering.SEQUENTIAL:  # its rounds do not follow each other
            return tuple(sorted([*order, *again], key=lambda boot: (boot.position, boot.attempt)))
        return tuple(
            sorted([*order, *again], key=lambda boot: (boot.round, boot.attempt, boot.position))
        )

    @property
    def begun(self) -> tuple[Boot, ...]:
        """Every boot that was begun, as the journal has it: also those that count no more."""
        ids = {each.boot for each in self.journal}
        first = [boot for boot in self.header.plan.order if boot.id in ids]
        return (*first, *_again(self.header, self.journal))

    @cached_property
    def superseded(self) -> Mapping[str, str]:
        """
        By boot that was cut short, or lost by the bench: the attempt that counts in its place.

        What it had measured stays on the disk, and in :attr:`samples`; nothing is made of it.
        """
        cut = {each.instead_of: each.boot for each in self.journal if each.instead_of}
        return {**replaced(self.journal, self.recorded), **cut}

    @property
    def has_leaks(self) -> bool:
        """Whether it is known to have left something behind on its machine."""
        return self.leaks is not None and bool(self.leaks.leaks)

    @cached_property
    def distrusted(self) -> Mapping[str, str]:
        """
        By boot: why nothing measured in it may be used. Boots that may be used are not in it.

        Samples are written before the evidence that may contradict them is read, and are
        never changed: so their validity is not stored but follows from what was stored.
        """
        boots = dict.fromkeys(
            [s.boot for s in self.samples]
            + [o.boot for o in self.recorded if o.outcome is Outcome.PASS]
        )
        boots = {boot: None for boot in boots if boot not in self.superseded}
        reasons = {boot: _doubt(self.evidence.get(boot, ())) for boot in boots}
        return {boot: reason for boot, reason in reasons.items() if reason}

    @cached_property
    def outcomes(self) -> tuple[OutcomeRecord, ...]:
        """What became of each scenario; a PASS in a boot that is not to be trusted is INVALID."""
        return tuple(
            msgspec.structs.replace(
                record, outcome=Outcome.INVALID, reason=self.distrusted[record.boot]
            )
            if record.outcome is Outcome.PASS and record.boot in self.distrusted
            else record
            for record in self.recorded
            if record.boot not in self.superseded
        )

    @cached_property
    def valid_samples(self) -> tuple[Sample, ...]:
        """The samples of proven boots whose scenario was not judged INVALID."""
        invalid = {(o.boot, o.scenario) for o in self.outcomes if o.outcome is Outcome.INVALID}
        return tuple(
            sample
            for sample in self.samples
            if sample.boot not in self.distrusted
            and sample.boot not in self.superseded
            and (sample.boot, sample.scenario) not in invalid
        )

    @cached_property
    def used_samples(self) -> tuple[Sample, ...]:
        """The valid samples of the attempts that count, where a boot was made again."""
        return to_be_used(self.valid_samples)

    @property
    def degradation(self) -> str:
        """What stays contaminated though it was measured again as often as may be; or nothing."""
        return degradation(self.header.plan, self.valid_samples)


def exit_status(run: Run) -> int:
    """
    What a run means to a shell: 0, 1, or 3.

    0 only if something was measured and nothing is FAIL, BLOCKED, INVALID or INFRA; 3 if the
    bench itself failed (INFRA), so that the run says nothing of Kata and may be made again, or if
    it has left something behind on this machine.
    """
    if run.has_leaks or any(record.outcome is Outcome.INFRA for record in run.outcomes):
        return BENCH_FAILED
    is_bad = bool(run.distrusted) or any(record.outcome.is_bad for record in run.outcomes)
    return 1 if is_bad or not run.valid_samples else 0


def find_run(root: Path, name: str) -> Path:
    """
    The directory of the run that a user calls *name*: a path, a run's id, or ``last``.

    Where no link of that name leads to the last one made, it is the newest.

    Raises:
        UsageError: if there is none, with the nearest known.
    """
    for path in (root / name, root.cwd() / name):
        if (path / HEADER).is_file():
            return path.resolve()
    known = sorted(path.parent.name for path in root.glob(f"*/{HEADER}"))
    known = [each for each in known if each != LAST]
    if not known:
        raise UsageError(f"there are no runs in {root}", remedy="make one: `lab matrix`")
    if name == LAST:  # results that were copied have no such link
        return (root / _newest(root, known)).resolve()
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"there is no run {name!r} in {root}",
        remedy=f"{hint}the newest is {_newest(root, known)!r}; `{LAST}` is the one made last",
    )


def _newest(root: Path, names: Sequence[str]) -> str:
    """By what the runs say themselves; one that is damaged is older than any that is not."""

    def age(name: str) -> tuple[str, str]:
        try:
            return read_header(root / name / HEADER).created.isoformat(), name
        except StoreError:
            return "", name

    return max(names, key=age)


def _again(header: RunHeader, journal: tuple[BootRecord, ...]) -> tuple[Boot, ...]:
    """The boots that were begun once more; those that the plan has no word of too."""
    first = {boot.id: boot for boot in header.plan.order}
    found = {
        each.boot: repeat(first[each.first], each.attempt)
        for each in journal
        if each.attempt > 1 and each.event is BootEvent.BEGUN and each.first in first
    }
    return tuple(found.values())


def _went_on(resumption: Resumption) -> str:
    """That a run went on, and what was not as it had been."""
    how = {
        RunStatus.RUNNING: "it had crashed",
        RunStatus.INTERRUPTED: "it had been interrupted",
        RunStatus.COMPLETE: "its bench had failed",
    }
    told = f"The run went on at {resumption.at:%Y-%m-%d %H:%M} UTC, after {how[resumption.found]}"
    if resumption.cut:
        told += f"; the last line of {', '.join(resumption.cut)} was torn and is lost"
    if resumption.differences:
        told += f"; by force, though not all was as before: {'; '.join(resumption.differences)}"
    return f"{told}."


def _made_again(pair: tuple[str, str]) -> str:
    lost, instead = pair
    return f"The bench lost {lost}; {instead} was made in its place."


def _doubt(kept: tuple[Evidence, ...]) -> str:
    for evidence in kept:
        for fact in evidence.contradictions:
            return f"evidence {evidence.phase} the measurements: {fact}"
    if not any(evidence.phase == "before" and evidence.facts for evidence in kept):
        return "no evidence was read before the measurements"
    return _standstill(kept)


def _standstill(kept: tuple[Evidence, ...]) -> str:
    """Which counter the measurements have not moved: they went another way then."""
    counted = {
        phase: {
            fact.subject: fact.count
            for evidence in kept
            if evidence.phase == phase
            for fact in evidence.facts
            if fact.count is not None
        }
        for phase in ("before", "after")
    }
    for subject, count in counted["after"].items():
        if count <= counted["before"].get(subject, count - 1):
            return f"evidence after the measurements: {subject}: still at {count}, as before"
    return ""


def _check_place(path: Path, cell: str, boot: Boot | None) -> None:
    """A record is of the *cell* that its boot was planned for."""
    if boot is not None and cell != boot.cell_name:
        raise damaged(path, ValueError(f"boot {boot.id} is not of cell {cell!r}"))
