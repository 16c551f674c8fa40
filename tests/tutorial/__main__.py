"""
`python -m tests.tutorial`: plays the tutorial in a fresh clone of HEAD, slow steps and all.

Compares each command's output with the page, but for times, ids and numbers; 1 if something else
differs. With --record the page gets what was printed instead, and tests/data/tutorial the runs.
With --quick nothing slow is typed: the other commands are played on the runs that were kept.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.units import format_duration
from tests.tutorial.page import PAGE, steps, written
from tests.tutorial.play import KEPT, Played, keep, play, programs, shell, surroundings

ROOT = Path(__file__).parents[2]
CLONE = "kata-lab"
TOOK = re.compile(r"took \*\*[^*]+\*\*")
NOT_RECORDED = re.compile(r"\*\*Not recorded yet\.\*\*.*?\n\n", re.DOTALL)


def main() -> int:
    """Play, and say what came of it."""
    parser = argparse.ArgumentParser(prog="tutorial", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write what was printed to the page")
    parser.add_argument("--quick", action="store_true", help="leave out what boots a node")
    arguments = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="kata-lab-tutorial-") as scratch:
        played_by = _quick if arguments.quick else _whole
        played, text = played_by(text, Path(scratch), records=arguments.record)
        for line in played.wrong:
            _echo(f"{line}\n")
        if arguments.record and not played.wrong:
            PAGE.write_text(written(text, played.steps, runs=played.runs), encoding="utf-8")
            if not arguments.quick:
                keep(Path(scratch) / CLONE / "results")
    return int(bool(played.wrong))


def _whole(text: str, place: Path, *, records: bool) -> tuple[Played, str]:
    """Play all of it in a clone; what the page says of the time to the first report is renewed."""
    clone = place / CLONE
    wanted = list(steps(text))
    first = next(number for number, step in enumerate(wanted, start=1) if step.is_slow)
    began = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)  # noqa: S607
    with shell(clone, env=surroundings(), echo=_echo) as typing:
        played = play(wanted[:first], typing, records=records)
        took = format_duration(time.monotonic() - began)
        _echo(f"from the clone to the first report: {took}\n")
        if not played.wrong:
            rest = play(wanted[first:], typing, records=records, known=played.runs)
            played = Played([*played.steps, *rest.steps], rest.runs, rest.wrong)
    return played, NOT_RECORDED.sub("", TOOK.sub(f"took **{took}**", text))


def _quick(text: str, place: Path, *, records: bool) -> tuple[Played, str]:
    for folder in ("bin", CLONE):
        (place / folder).mkdir()
    path = f"{programs(place / 'bin')}:{os.environ['PATH']}"
    env = surroundings(PATH=path, LAB_HOME=str(place / "home"))
    with shell(place / CLONE, env=env, echo=_echo) as typing:
        return play(list(steps(text)), typing, kept=KEPT, records=records), text


def _echo(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
