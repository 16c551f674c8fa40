"""One story: a fault in a run, garbage collected, the run resumed; and what must always hold."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.outcome import Outcome
from lab.records import RunStatus
from lab.run import BENCH_FAILED
from tests.chaos.faults import Fault, Place
from tests.chaos.world import COLLECT, RESUME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chaos.world import Ended, World

INTERRUPTED = 130
KILLED = -9
MOST_RESUMES = 4
LOOSES = {Fault.KILL, Fault.REBOOT, Fault.INTERRUPT_TWICE, Fault.LIBVIRT_HANGS}
"""After these alone may something be left on the machine for `lab gc`."""
CUTS = {Fault.SSH_CUT, Fault.NODE_KILLED, Fault.LIBVIRT_HANGS}
KEEPS_NOTHING = {Fault.DISK_FULL, Fault.FOLDER_GONE}
OF_TOOL = {Fault.IPERF3_KILLED: "iperf3", Fault.FIO_KILLED: "fio"}


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a story."""

    fault: Fault
    point: str
    nth: int
    seed: int
    seen: str
    """How the run with the fault ended, in words."""
    kept: int
    """Samples that had been acknowledged when it ended; all were there."""
    left: int
    """Things that were left on the machine until `lab gc`."""
    resumes: int
    ended: str
    """How the run ended at last."""
    wrong: tuple[str, ...]
    """What did not hold that must."""


def choose(seed: int, points: Mapping[str, int]) -> tuple[Fault, Place]:
    """A fault and a place for it, out of the *points* that a run without faults passes."""
    generator = random.Random(seed)  # noqa: S311 - a story that can be told again
    fault = generator.choice([each for each in Fault if each is not Fault.NONE])
    point = OF_TOOL.get(fault) or generator.choice(sorted(points))
    return fault, Place(point, generator.randint(1, points[point]))


def tell(world: World, seed: int, fault: Fault, place: Place, points: Mapping[str, int]) -> Told:
    """Play a story to its end, which is that of its world."""
    wrong: list[str] = []
    generator = random.Random(f"second {seed}")  # noqa: S311
    try:
        first = world.process(world.begin, fault=fault, place=place)
        seen = _seen(world, first)
        wrong += _faults_of(first, fault, world)
        wrong += world.give_back()
        kept = len(world.acknowledged("add_sample"))
        wrong += _lost(world)
        left = len(world.left)
        wrong += _collected(world)
        resumes, ended = 0, first
        while resumes < MOST_RESUMES and _can_go_on(world):
            second, where = Fault.NONE, None
            if resumes == 0 and generator.random() < world.second:
                second, where = Fault.KILL, Place(*_second(generator, points))
            ended = world.process(RESUME, fault=second, place=where)
            resumes += 1
            wrong += _lost(world)
            if ended.hung:
                wrong.append("resume hangs")
            wrong += _collected(world)
            if second is Fault.NONE:
                break
        if world.run is None:
            ended = world.process(world.begin)
            wrong += _collected(world)
        wrong += _unfinished(world, fault, ended)
        return Told(
            fault, place.point, place.nth, seed, seen, kept, left, resumes,
            _ending(world), tuple(dict.fromkeys(wrong)),
        )  # fmt: skip
    finally:
        world.remove()


def _second(generator: random.Random, points: Mapping[str, int]) -> tuple[str, int]:
    point = generator.choice(sorted(points))
    return point, generator.randint(1, max(1, points[point] // 2))


def _can_go_on(world: World) -> bool:
    return world.run is not None


def _faults_of(ended: Ended, fault: Fault, world: World) -> list[str]:
    """What was wrong with how the process with the *fault* ended."""
    wrong = []
    if ended.hung:
        wrong.append("it hangs")
    if "Traceback" in ended.said or "INTERNALERROR" in ended.said:
        wrong.append("a traceback")
    if fault not in LOOSES and world.left:
        wrong.append(f"left behind: {', '.join(world.left)}")
    run = world.run
    outcomes = Counter(record.outcome for record in run.outcomes) if run else Counter()
    if fault not in OF_TOOL and outcomes[Outcome.FAIL] + outcomes[Outcome.INVALID]:
        wrong.append("blamed on a cell")
    wrong += _status(ended, fault, outcomes)
    return wrong


def _status(ended: Ended, fault: Fault, outcomes: Counter[Outcome]) -> list[str]:
    """Whether the exit status is one that the fault can have."""
    bench = {0} if not outcomes[Outcome.INFRA] else {BENCH_FAILED}
    may = {
        Fault.KILL: {KILLED},
        Fault.REBOOT: {KILLED},
        Fault.INTERRUPT: {INTERRUPTED},
        Fault.INTERRUPT_TWICE: {INTERRUPTED},
        Fault.DISK_FULL: {1, 2, *bench},
        Fault.FOLDER_GONE: {0, 1, 2},
        Fault.CLOCK_STEP: {0},
        Fault.SSH_CUT: bench,
        Fault.NODE_KILLED: bench,
        Fault.LIBVIRT_HANGS: {BENCH_FAILED, *bench},
        Fault.IPERF3_KILLED: {1},
        Fault.FIO_KILLED: {1},
    }[fault]
    return [] if ended.status in may else [f"status {ended.status}"]


def _lost(world: World) -> list[str]:
    """What the store had said that it keeps, and is not there."""
    run = world.run
    wrong = []
    samples = (
        Counter((s.boot, s.scenario, s.metric.name) for s in run.samples) if run else Counter()
    )
    said = Counter(
        (s["boot"], s["scenario"], s["metric"]) for s in world.acknowledged("add_sample")
    )
    if said - samples:
        wrong.append(f"{(said - samples).total()} samples lost")
    outcomes = Counter((o.boot, o.scenario) for o in run.recorded) if run else Counter()
    noted = Counter((o["boot"], o["scenario"]) for o in world.acknowledged("add_outcome"))
    if noted - outcomes:
        wrong.append(f"{(noted - outcomes).total()} outcomes lost")
    return wrong


def _collected(world: World) -> list[str]:
    """What `lab gc` does not do."""
    done = world.process(COLLECT)
    wrong = [] if done.status == 0 else [f"gc ends with {done.status}"]
    if world.left:
        wrong.append(f"gc leaves {', '.join(world.left)}")
    return wrong


def _unfinished(world: World, fault: Fault, ended: Ended) -> list[str]:
    """What the run lacks at last that a run without a fault has."""
    run = world.run
    if run is None:
        return ["no run"]
    wrong = []
    if run.header.status is not RunStatus.COMPLETE:
        wrong.append(f"at last the run is {run.header.status}")
    counts = Counter(record.outcome for record in run.outcomes)
    whole = world.boots * world.scenarios_a_boot
    aside = sum("set aside" in record.reason for record in run.outcomes)
    boots_aside = {record.boot for record in run.outcomes if "set aside" in record.reason}
    if counts.total() != whole:
        wrong.append(f"{counts.total()} outcomes instead of {whole}")
    failed = 1 if fault in OF_TOOL else 0
    if counts[Outcome.PASS] + counts[Outcome.NOT_RUN] + failed < whole - aside:
        wrong.append(f"at last {_words(counts)}")
    few = (world.boots - len(boots_aside)) * world.samples_a_boot - 2 * failed
    if len(run.valid_samples) < few:
        wrong.append(f"{len(run.valid_samples)} samples instead of {few}")
    if not (run.path / "report.html").exists():
        wrong.append("no report")
    if aside and ended.status != BENCH_FAILED:
        wrong.append(f"set aside, and yet status {ended.status}")
    return wrong


def _seen(world: World, ended: Ended) -> str:
    """How a process and its run look, in words."""
    how = {KILLED: "killed", INTERRUPTED: "interrupted"}.get(ended.status, f"status {ended.status}")
    run = world.run
    if run is None:
        return f"{how}, no run yet"
    counts = Counter(record.outcome for record in run.outcomes)
    return f"{how}, {run.header.status}: {_words(counts) or 'no outcome yet'}"


def _ending(world: World) -> str:
    run = world.run
    if run is None:
        return "no run"
    return f"{run.header.status}: {_words(Counter(r.outcome for r in run.outcomes))}"


def _words(counts: Counter[Outcome]) -> str:
    return ", ".join(f"{counts[each]} {each}" for each in Outcome if counts[each])
