"""What this machine offers and lacks, a fact a line, each with what mends it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import host, system
from lab.errors import LabError
from lab.loader import load_topology
from lab.options import DEFAULT_TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about this machine."""

    subject: str
    fact: str
    is_good: bool
    remedy: str = ""


def examine() -> tuple[Finding, ...]:
    """Look at all that a run of the default topology needs; build and start nothing."""
    return (*_packages(), _room(), _libvirt(), _kvm())


def _packages() -> Iterator[Finding]:
    needs = system.bench_needs(user_is_root=os.geteuid() == 0)
    for need in needs:
        state = "present" if need.is_met else "missing"
        remedy = shlex.join(system.install_command([need]))
        yield Finding(need.package, f"{state}: {need.reason}", need.is_met, remedy)


def _room() -> Finding:
    try:
        host.check_room(load_topology(DEFAULT_TOPOLOGY))
    except LabError as error:
        return Finding("room", error.problem, is_good=False, remedy=error.remedy)
    return Finding("room", f"{host.available_memory_mib()} MiB of memory available", is_good=True)


def _libvirt() -> Finding:
    try:
        from lab.virt.connection import connected, default_uri  # noqa: PLC0415 - may be missing
    except ImportError as error:
        return Finding("libvirt", str(error), is_good=False, remedy="run `nox -s doctor`")
    try:
        with connected(default_uri()) as connection:
            version = connection.call("asking its version", connection.raw.getLibVersion)
    except LabError as error:
        return Finding("libvirt", error.problem, is_good=False, remedy=error.remedy)
    numbers = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
    return Finding("libvirt", f"{default_uri()} answers, version {numbers}", is_good=True)


def _kvm() -> Finding:
    """Not a lack: without it the node runs under emulation."""
    problem = host.kvm_device_problem()
    if problem:
        return Finding("hardware virtualisation", f"{problem}: nodes are emulated", is_good=True)
    return Finding(
        "hardware virtualisation",
        "/dev/kvm can be opened; a run tries the node's own kernel under it",
        is_good=True,
    )
