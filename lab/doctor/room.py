"""Memory and disk: which topologies this machine has room for."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from lab import elsewhere, host
from lab.doctor.finding import EVERY_CELL, Finding, Fix, State
from lab.errors import LabError
from lab.files import state_dir
from lab.loader import load_topology
from lab.options import DEFAULT_TOPOLOGY
from lab.places import TOPOLOGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.topology import Topology


def findings() -> Iterator[Finding]:
    """For memory and for disk: what there is, and each topology that it is not enough for."""
    topologies = []
    for path in sorted(TOPOLOGIES.glob("*.toml")):
        try:
            topology = load_topology(path.stem)
        except LabError as error:
            yield _lack("topology", path.stem, error, why="says what machines a bench has")
            continue
        if elsewhere.may_be_here(topology):
            topologies.append(topology)
    memory = f"{host.available_memory_mib()} MiB are available"
    yield from _enough("memory", memory, host.check_memory, topologies)
    yield from _enough("disk", _free(), host.check_disk, topologies)


def _enough(
    subject: str, have: str, check: Callable[[Topology], None], topologies: list[Topology]
) -> Iterator[Finding]:
    why = {
        "memory": "each node takes all of its own",
        "disk": "images, pools and results lie on it",
    }
    fits = []
    for topology in topologies:
        try:
            check(topology)
        except LabError as error:
            fix = Fix("lab gc", _collect) if subject == "disk" else None
            yield _lack(subject, topology.name, error, why=why[subject], fix=fix)
        else:
            fits.append(topology.name)
    if fits:
        yield Finding(
            subject=subject,
            fact=have,
            why=why[subject],
            unlocks=f"{EVERY_CELL} of --topology {', '.join(fits)}",
        )


def _lack(
    subject: str, topology: str, error: LabError, *, why: str, fix: Fix | None = None
) -> Finding:
    is_default = topology == DEFAULT_TOPOLOGY
    return Finding(
        subject=subject,
        fact=error.problem,
        state=State.LACK if is_default else State.LESS,
        why=why,
        unlocks=f"{EVERY_CELL} of --topology {topology}",
        mend=f"lab gc; {error.remedy}" if fix else error.remedy,
        fix=fix,
    )


def _free() -> str:
    folder = state_dir()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return f"{shutil.disk_usage(there).free >> 30} GiB are free for {folder}"


def _collect(say: Callable[[str], None]) -> None:
    """Remove what dead runs have left, which is nobody's."""
    from lab.gc import collect  # noqa: PLC0415 - it needs libvirt
    from lab.virt.connection import default_uri  # noqa: PLC0415

    found = collect(default_uri(), say=say)
    say(f"freed {found.freed_bytes >> 20} MiB")
