"""Stand-ins for the machine: programs that come first on the PATH, and a clock."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.owner import Owner, me
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    import pytest


DEAD = replace(me(), began=me().began + 1)
"""A process that had the number of this one before or after it."""


def unsaid(_text: str) -> None:
    """Stands where somebody would be told."""


def left_by(owner: Owner, among: Path, stem: str) -> Path:
    """A folder in *among* of a process, as :func:`lab.owner.mark` names it, with a file in it."""
    folder = among / f"{stem}-{owner.id}-0a1b2c3d"
    folder.mkdir(parents=True)
    (folder / "half").write_text("half")
    return folder


@dataclass
class Programs:
    """A folder of shell scripts that is first on the PATH."""

    folder: Path

    @classmethod
    def first_on_path(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return cls(folder)

    def add(self, name: str, script: str) -> Path:
        """Add a program; the file beside it, NAME.calls, will hold a line for each call."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "$*" >>"{path}.calls"\n{script}\n')
        path.chmod(0o755)
        return path

    def calls(self, name: str) -> list[str]:
        """The arguments of each call so far."""
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []


def wait_until_marked(pid: int) -> None:
    """Wait until a process that was just started shows its environment: it does not at once."""

    def probe() -> None:
        if not Path(f"/proc/{pid}/environ").read_bytes():
            raise Pending("it is being started")

    wait_for(f"the start of {pid}", probe, timeout_s=5, every_s=0.01, remedy="none")


def wait_until_dead(pid: int) -> None:
    """Wait until a process is gone, or a zombie that its new parent has yet to notice."""

    def probe() -> None:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
            raise Pending("it lives")

    wait_for(f"the end of {pid}", probe, timeout_s=5, every_s=0.01, remedy="none")


@dataclass
class Clock:
    """Stands for the module `time`: nobody sleeps, and yet time goes by."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
