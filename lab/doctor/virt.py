"""Whether libvirt answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.doctor.finding import EVERY_CELL, Finding, State
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

WHY = "starts and stops the nodes; of its networks and pools the lab uses none"


def findings() -> Iterator[Finding]:
    """The daemon of this user, asked for its version."""
    try:
        from lab.virt.connection import connected, default_uri  # noqa: PLC0415 - may be missing
    except ImportError as error:
        yield _lack(str(error), "build the environment anew: rm -r .nox/run, then ./run doctor")
        return
    try:
        with connected(default_uri()) as connection:
            version = connection.call("asking its version", connection.raw.getLibVersion)
    except LabError as error:
        yield _lack(error.problem, error.remedy)
        return
    numbers = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
    yield Finding(
        subject="libvirt",
        fact=f"{default_uri()} answers, version {numbers}",
        why=WHY,
        unlocks=EVERY_CELL,
    )


def _lack(fact: str, mend: str) -> Finding:
    return Finding(
        subject="libvirt", fact=fact, state=State.LACK, why=WHY, unlocks=EVERY_CELL, mend=mend
    )
