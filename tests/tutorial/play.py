"""Types the tutorial's commands into one shell, as a reader would, and keeps what they print."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.store import HEADER, LAST
from tests.tutorial.likeness import differences
from tests.tutorial.page import Step, renamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

KEPT = Path(__file__).parents[1] / "data" / "tutorial"
"""The runs of the recording, without what takes much room: the quick steps are played on them."""
LEFT = ("raw", "consoles", "report.html", "junit.xml", "summary.md", "samples.csv")
HERE = "~/kata-lab"
"""What the folder of the recording is called on the page."""


@dataclass
class Shell:
    """A shell that stays the same from command to command."""

    folder: Path
    process: subprocess.Popen[str]
    echo: Callable[[str], None]

    def run(self, command: str) -> tuple[int, list[str]]:
        """The status of *command*, and the lines that it has printed."""
        mark = f"end-{secrets.token_hex(8)}"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        # What reads from its input must not read the commands that follow.
        self.process.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %d\\n' {mark} $?\n")
        self.process.stdin.flush()
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith(f"{mark} "):
                return int(line.split()[1]), self._told(lines)
            lines.append(line.rstrip("\n"))
            self.echo(line)
        raise EOFError(f"the shell ended in: {command}")

    def _told(self, lines: list[str]) -> list[str]:
        told = [line.rstrip().replace(str(self.folder), HERE) for line in lines]
        while told and not told[-1]:
            told.pop()
        return told


@contextmanager
def shell(
    folder: Path, *, env: Mapping[str, str], echo: Callable[[str], None] = lambda _line: None
) -> Iterator[Shell]:
    """A shell in *folder*, ended with all that it has started in the foreground."""
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],  # noqa: S607 - a reader's
        cwd=folder,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    try:
        yield Shell(folder, process, echo)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def surroundings(**others: str) -> dict[str, str]:
    """What a reader's shell has, and nothing of the tests' own environment."""
    names = ("PATH", "HOME", "USER", "LANG", "LAB_HOME", "LAB_LEASES", "TMPDIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    settings = {name: text for name, text in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    return {**kept, **settings, "LANG": "C.UTF-8", "NO_COLOR": "1", **others}


@dataclass
class Played:
    """What came of the steps so far."""

    steps: list[Step] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)
    """By the run's name on the page: what it is called this time."""
    wrong: list[str] = field(default_factory=list)


def play(
    wanted: Sequence[Step],
    typing: Shell,
    *,
    kept: Path | None = None,
    records: bool = False,
    known: Mapping[str, str] | None = None,
) -> Played:
    """
    Type each of the steps that are *wanted*, and compare what it prints with the page.

    With *kept* no slow step is typed, and the run that it would make is taken from there. What is
    loose is compared as strictly as all else then: it is about the same runs. A recording compares
    nothing but how a command ends. Runs that steps before have made are *known*.
    """
    played = Played(runs=dict(known or {}))
    results = typing.folder / "results"
    for step in wanted:
        if step.is_slow and kept is not None:
            if step.makes:
                _lay(kept / step.makes, results)
            played.steps.append(step)
            continue
        before = _runs(results)
        command = renamed(step.command, played.runs)
        status, printed = typing.run(command)
        made = sorted(_runs(results) - before)
        if step.makes and made:
            played.runs[step.makes] = made[-1]
        if status != step.status:
            tail = [f"  {line}" for line in printed[-20:]]
            played.wrong += [f"$ {command}", f"status {status}, not {step.status}", *tail]
        elif not records:
            strict = replace(step, is_loose=step.is_loose and kept is None)
            played.wrong += differences(strict, printed)
        makes = made[-1] if made else step.makes
        played.steps.append(replace(step, command=command, printed=step.cut(printed), makes=makes))
    return played


def keep(results: Path) -> None:
    """Keep the runs in *results* for the quick steps; those of the recording before are gone."""
    shutil.rmtree(KEPT, ignore_errors=True)
    for name in sorted(_runs(results)):
        shutil.copytree(results / name, KEPT / name, ignore=shutil.ignore_patterns(*LEFT))


def _lay(run: Path, results: Path) -> None:
    """Put a run that was kept where the step would have made it."""
    shutil.copytree(run, results / run.name)
    last = results / LAST
    last.unlink(missing_ok=True)
    last.symlink_to(run.name)


def _runs(results: Path) -> set[str]:
    return {path.parent.name for path in results.glob(f"*/{HEADER}")} - {LAST}


def programs(folder: Path) -> Path:
    """Make `lab` and `pytest` in *folder*, for a shell's PATH: with the code of these tests."""
    root = Path(__file__).parents[2]
    for name, module in (("lab", "lab.cli"), ("pytest", "pytest")):
        script = folder / name
        started = f"PYTHONPATH='{root}' exec '{sys.executable}' -m {module}"
        script.write_text(f'#!/bin/sh\n{started} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return folder
