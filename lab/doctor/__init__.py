"""
What this machine offers and lacks, a fact a line: why it matters, what it unlocks, what mends it.

One module a subject; each has a function that looks and returns findings. They build, start and
change nothing: whether KVM runs a node is known from the last run that tried, unless it is to be
tried now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.doctor import artefacts, hardware, image, packages, ports, room, virt
from lab.doctor.finding import Finding, Fix, State
from lab.errors import LabError
from lab.units import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Finding", "Fix", "State", "examine", "mend", "summed_up"]


def examine(*, tries_kvm: bool = False) -> tuple[Finding, ...]:
    """
    Look at all that runs need; build nothing, and start nothing that nobody asked for.

    Args:
        tries_kvm: Whether to boot the node's kernel under KVM, for seconds, if no run has yet.
    """
    return (
        *packages.findings(),
        *hardware.findings(tries_kvm=tries_kvm),
        *room.findings(),
        *virt.findings(),
        *image.findings(),
        *ports.findings(),
        *artefacts.findings(),
        *packages.browser(),
    )


def summed_up(findings: Iterable[Finding]) -> str:
    """What *findings* come to: what keeps the lab from running, and what it could do besides."""
    states = [finding.state for finding in findings]
    lacks, less = states.count(State.LACK), states.count(State.LESS)
    told = "nothing is lacking"
    if lacks:
        told = f"{count(lacks, 'thing')} {'is' if lacks == 1 else 'are'} lacking"
    if less:
        could_be = "is less than it could be" if less == 1 else "are less than they could be"
        told += f"; {count(less, 'thing')} {could_be}"
    return told


def mend(findings: Iterable[Finding], *, say: Callable[[str], None]) -> None:
    """
    Apply what is safe of that which mends *findings*, each once; say what, and what failed.

    Safe is what installs, loads or removes only what the lab needs or has left, and what no
    other program of this machine would notice. All else is for its owner to do.
    """
    for fix in dict.fromkeys(finding.fix for finding in findings if finding.fix):
        say(f"mending: {fix.meaning}")
        try:
            fix.apply(say)
        except LabError as error:
            say(f"not mended: {error}")
