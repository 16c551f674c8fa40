"""
`nox -s chaos -- --real --places`: the lab is killed at each point of a run, on a real node.

A story for each point, as those that are played (:mod:`tests.chaos.story`), and as strict. What is
told is kept in `real_places.jsonl`, so that it can go on another day, and put into the page.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lab.units import count
from tests.chaos.faults import Fault, Place
from tests.chaos.real_world import RealWorld
from tests.chaos.story import tell
from tests.chaos.suite import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.chaos.story import Told

TOLD = Path(__file__).with_name("real_places.jsonl")
SEED = 1
HEAD = """\
## The lab killed at each point, on a real node

The same story, but nothing is played: `kill -9` of the lab at each point of a run of one cell
(macvtap+9p+reference; in rows of ten outcomes tcfilter+virtiofs+reference as well), with five of
the lab's scenarios, on a node under emulation; then `lab gc`, and `lab matrix --resume last`. The
emulator itself loses a guest now and then; such a boot is made again.

{points}: {good} as they must be, {bad} not.

| point | time | how the run ended | samples kept | left until gc | resumed | at last |
|---|--:|---|--:|--:|--:|---|
"""


def rehearse(folder: Path) -> tuple[Mapping[str, int], int]:
    """The points that a run without faults passes, and the samples that a boot of it has."""
    world = RealWorld(folder)
    try:
        ended = world.process(world.begin)
        sys.stdout.write(f"rehearsed: status {ended.status}, {ended.seconds:.0f} s\n{ended.said}")
        run = world.run
        if ended.status or run is None:
            raise RuntimeError("a run without faults fails: nothing can be learned from others")
        return dict(sorted(ended.passed.items())), len(run.samples) // world.boots
    finally:
        world.remove()


def play(chosen: Sequence[str]) -> int:
    """Kill the lab at each point that was not told yet, or at those *chosen*; 1 if one is wrong."""
    done = {each.point for each in known()} if not chosen else set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        points, RealWorld.samples_a_boot = rehearse(folder / "rehearsal")
        order = list(enumerate(points.items(), start=1))
        random.Random(SEED).shuffle(order)  # noqa: S311 - so that a part of them is of all kinds
        for number, (point, times) in order:
            if point in done or (chosen and point not in chosen):
                continue
            place = Place(point, (times + 1) // 2)
            told = tell(RealWorld(folder / "world"), number, Fault.KILL, place, points)
            _keep(told)
            sys.stdout.write(json.dumps(asdict(told)) + "\n")
            sys.stdout.flush()
    return int(any(each.wrong for each in known()))


def known() -> list[Told]:
    """What was told, on whatever day."""
    return read_lines(TOLD) if TOLD.exists() else []


def section() -> str:
    """The page's part of it; empty if nothing was told."""
    told = known()
    if not told:
        return ""
    bad = sum(bool(each.wrong) for each in told)
    head = HEAD.format(points=count(len(told), "point"), good=len(told) - bad, bad=bad)
    return head + "\n".join(_rows(told)) + "\n"


def _rows(told: Iterable[Told]) -> Iterable[str]:
    for each in sorted(told, key=lambda one: one.point):
        ended = f"**WRONG** {'; '.join(each.wrong)}" if each.wrong else each.ended
        yield (
            f"| {each.point} | {each.nth} | {each.seen} | {each.kept} | {each.left}"
            f" | {each.resumes} | {ended} |"
        )


def _keep(told: Told) -> None:
    """The last that was told of a point counts."""
    others = [each for each in known() if each.point != told.point]
    lines = [json.dumps(asdict(each)) for each in (*others, told)]
    TOLD.write_text("\n".join(lines) + "\n", encoding="utf-8")
