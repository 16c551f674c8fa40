"""`python -m tests.chaos`: plays stories in this process's children; nox -s chaos calls it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import scipy.stats  # noqa: F401 - loaded once, for all the processes that are forked

import lab.analysis
import lab.report.html  # noqa: F401 - likewise
from tests.chaos import real_places
from tests.chaos.suite import (
    PAGE,
    REAL,
    page,
    play,
    random_ones,
    read_lines,
    rehearse,
    systematic,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.story import Told


def main() -> int:
    """Play what is asked for; 1 if a story was not as it must be."""
    arguments = _parser().parse_args()
    told = [each for path in arguments.told for each in read_lines(path)]
    if not told:
        for each in _played(arguments):
            sys.stdout.write(json.dumps(asdict(each)) + "\n")
            sys.stdout.flush()
            told.append(each)
    if arguments.write:
        real = REAL.read_text(encoding="utf-8") if REAL.exists() else ""
        parts = [part.rstrip() for part in (real, real_places.section()) if part]
        PAGE.write_text(page(told, "\n\n".join(parts)), encoding="utf-8")
    return int(any(each.wrong for each in told))


def _played(arguments: argparse.Namespace) -> Iterator[Told]:
    points = rehearse()
    first, last = arguments.seeds
    seeds = [seed for seed in range(first, last + 1) if seed % arguments.of == arguments.part]
    stories = random_ones(points, seeds)
    if arguments.each:
        stories = chain(systematic(points), stories)

    def may_go_on() -> bool:
        return arguments.yield_to is None or not arguments.yield_to.exists()

    return play(stories, points, may_go_on=may_go_on)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seeds", nargs=2, type=int, default=(1, 1000), metavar=("FIRST", "LAST"))
    parser.add_argument("--each", action="store_true", help="some faults at each point as well")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    parser.add_argument("--of", type=int, default=1, help="play one part of so many")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--yield-to", type=Path, metavar="FILE", help="end when that file is there")
    parser.add_argument(
        "--told", type=Path, nargs="+", default=(), help="play none: they were, these are the lines"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
