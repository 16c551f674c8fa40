"""Many stories, and the page that is made of them: docs/reliability.md."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.faults import Fault, Place
from tests.chaos.story import Told, choose, tell
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
REAL = Path(__file__).with_name("real.md")
"""What `nox -s chaos -- --real` has seen on a real node, and written; a part of the page."""
AT_EACH = (Fault.KILL, Fault.INTERRUPT, Fault.INTERRUPT_TWICE)
"""The faults that are tried at each point."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a world is private to its story


INTRODUCTION = """\
# What happens when something dies

Written by `nox -s chaos`, never by hand. Each story is a run of the whole harness, from command
line to the report, on a machine that is only played (`tests/chaos/host.py`): its QEMUs are files,
all else is the lab's own code in processes of its own, which are really killed. It has two cells,
two rounds, four scenarios in each boot. After the fault `lab gc` collects what is left, and `lab
matrix --resume` goes on; in every fourth story that is killed, too, and goes on once more.

What must hold in each: no hang; no traceback; nothing left on the machine but after kill -9, Ctrl-C
twice, a reset, or a libvirt that hangs; an exit status that the fault can have; no cell blamed for
what the bench did; every sample and outcome that was acknowledged is there, readable; `lab gc`
leaves nothing; the run is complete at last, with its report.
"""
SAMPLES = """
Samples kept: at the least and at the most, of 12 in a whole run. Stories in which one of them was
lost: {lost}. A tool that is killed is its scenario's FAIL, which stays: what a cell came to is not
tried again.
"""


def rehearse() -> Mapping[str, int]:
    """The points that a run without faults passes, and how often."""
    with _place() as folder:
        world = World(Path(folder) / "world")
        try:
            return dict(sorted(world.process(world.begin).passed.items()))
        finally:
            world.remove()


def systematic(points: Mapping[str, int]) -> Iterator[tuple[int, Fault, Place]]:
    """Each of some faults at each point, in the middle of how often that is passed."""
    for fault in AT_EACH:
        for point, times in points.items():
            yield 0, fault, Place(point, (times + 1) // 2)


def random_ones(
    points: Mapping[str, int], seeds: Iterable[int]
) -> Iterator[tuple[int, Fault, Place]]:
    """Any fault at any point, by seeds."""
    for seed in seeds:
        yield seed, *choose(seed, points)


def play(
    stories: Iterable[tuple[int, Fault, Place]],
    points: Mapping[str, int],
    *,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Iterator[Told]:
    """Play *stories*, one after the other, for as long as one may."""
    with _place() as folder:
        for seed, fault, place in stories:
            if not may_go_on():
                return
            yield tell(World(Path(folder) / "world"), seed, fault, place, points)


def _place() -> tempfile.TemporaryDirectory[str]:
    """A folder for worlds: in memory, where there is room for it, since each story syncs a lot."""
    return tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)


def page(told: Sequence[Told], real: str = "") -> str:
    """What was seen, by fault and place: the same stories make the same page."""
    faults = list(Fault)
    told = sorted(told, key=lambda each: (each.seed, faults.index(each.fault), each.point))
    at_random = [each for each in told if each.seed]
    at_each = [each for each in told if not each.seed]
    wrong = [each for each in told if each.wrong]
    counted = (
        f"{len(told)} stories: {len(told) - len(wrong)} as they must be, {len(wrong)} not."
        f" {len(at_random)} of them with a fault and a place by a seed, 1 and up."
    )
    lines = [
        INTRODUCTION,
        counted,
        "\n## By fault\n",
        "| fault | stories | places | how the run ended | samples kept | left until gc | at last |",
        "|---|--:|--:|---|--:|--:|---|",
        *(_by_fault(fault, told) for fault in Fault if any(each.fault is fault for each in told)),
        SAMPLES.format(lost=sum("lost" in reason for each in told for reason in each.wrong)),
        "## Each of these faults at each point\n",
        *_matrix(at_each),
    ]
    if wrong:
        lines += ["", "## What was not as it must be", ""]
        lines += [
            f"- {each.fault} at `{each.point}`, time {each.nth}"
            f"{f', seed {each.seed}' if each.seed else ''}: {'; '.join(each.wrong)}"
            for each in wrong
        ]
    lines += ["", real.rstrip()] if real else []
    return "\n".join(lines) + "\n"


def _by_fault(fault: Fault, told: Sequence[Told]) -> str:
    mine = [each for each in told if each.fault is fault]
    ends = sorted({each.seen.partition(":")[0] for each in mine})
    last = sorted({each.ended for each in mine})
    kept = [each.kept for each in mine]
    left = [each.left for each in mine]
    places = {(each.point, each.nth) for each in mine}
    return (
        f"| {fault} | {len(mine)} | {len(places)} | {'; '.join(ends)} | {min(kept)} to {max(kept)}"
        f" | {min(left)} to {max(left)} | {'; '.join(last)} |"
    )


def _matrix(told: Sequence[Told]) -> Iterator[str]:
    yield "| point | time | " + " | ".join(AT_EACH) + " |"
    yield "|---|--:|" + "---|" * len(AT_EACH)
    by_point: dict[tuple[str, int], dict[Fault, Told]] = defaultdict(dict)
    for each in told:
        by_point[each.point, each.nth][each.fault] = each
    for (point, nth), found in sorted(by_point.items()):
        cells = " | ".join(_cell(found[fault]) if fault in found else "" for fault in AT_EACH)
        yield f"| {point} | {nth} | {cells} |"


def _cell(told: Told) -> str:
    mark = "" if not told.wrong else "**WRONG** "
    return f"{mark}{told.seen}; kept {told.kept}, left {told.left}; at last {told.ended}"


def read_lines(path: Path) -> list[Told]:
    """The stories that were told, a line each."""
    return [
        Told(**{**found, "fault": Fault(found["fault"]), "wrong": tuple(found["wrong"])})
        for found in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]
