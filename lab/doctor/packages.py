"""What the distribution has to provide, and in which versions it does."""

from __future__ import annotations

import os
import platform
import re
from functools import partial
from typing import TYPE_CHECKING

from lab import host, system
from lab.command import run
from lab.doctor.finding import EVERY_CELL, Finding, Fix, State
from lab.errors import LabError
from lab.image import emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.system import Need

TIMEOUT_S = 20.0
ASKED = {"OpenSSH": ("ssh", "-V"), "mmdebstrap": ("mmdebstrap", "--version")}
"""Tools, and how each is asked for its version: what it says begins with its name or number."""
_NUMBER = re.compile(r"\d+(\.\d+\w*)+")


def findings() -> Iterator[Finding]:
    """The packages of the bench, then the versions of what they hold."""
    needs = system.bench_needs(user_is_root=os.geteuid() == 0)
    lacking = system.missing(needs)
    if met := len(needs) - len(lacking):
        yield Finding(
            subject="packages",
            fact=f"{met} of {len(needs)} that the distribution has to provide are here",
            why="they build the environment and the node's image, and run the nodes",
            unlocks=EVERY_CELL,
        )
    yield from _lacks(lacking)
    yield from _versions()


def browser() -> Iterator[Finding]:
    """Chromium, which only tests of the report want."""
    lacking = [need for need in system.browser_needs() if not need.is_met]
    yield Finding(
        subject="Chromium",
        fact=f"missing: {', '.join(need.package for need in lacking)}" if lacking else "is here",
        state=State.LESS if lacking else State.GOOD,
        why="a headless one shows the report to its tests; nobody else needs it",
        unlocks="no cell: ./run browser",
        mend=system.mend(lacking) if lacking else "",
    )


def _lacks(lacking: Sequence[Need]) -> Iterator[Finding]:
    if not lacking:
        return
    mend = system.mend(lacking)
    fix = Fix(mend, partial(_install, tuple(lacking)))
    for need in lacking:
        yield Finding(
            subject=need.package,
            fact="missing",
            state=State.LACK,
            why=need.reason,
            unlocks=EVERY_CELL,
            mend=mend,
            fix=fix,
        )


def _install(lacking: Sequence[Need], say: object) -> None:
    system.ensure(lacking, say=say, asks=False)  # type: ignore[arg-type] # a Fix is told it


def _versions() -> Iterator[Finding]:
    told = [f"Python {platform.python_version()}", *filter(None, map(_version, ASKED))]
    yield Finding(
        subject="tools",
        fact=", ".join(told),
        why="with them images are built and nodes are reached",
        unlocks=EVERY_CELL,
    )
    try:
        version = host.qemu_version()
    except LabError:
        return  # it is missing, which was said
    is_sound = emulator.is_sound(version)
    yield Finding(
        subject="QEMU",
        fact=version,
        why="runs the nodes"
        if is_sound
        else "runs the nodes under KVM; it would lose emulated ones, which get one from the lock",
        unlocks=EVERY_CELL,
    )


def _version(tool: str) -> str:
    """A tool with its version; empty if it does not tell."""
    try:
        said = run(ASKED[tool], timeout_s=TIMEOUT_S)
    except LabError:
        return ""
    match = _NUMBER.search(f"{said.stdout} {said.stderr}")
    return f"{tool} {match[0]}" if match else ""
