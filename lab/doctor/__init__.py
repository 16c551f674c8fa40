"""
What this machine offers and lacks, a fact a line: why it matters, what it unlocks, what mends it.

One module a subject; each has a function that looks and returns findings. They build, start and
change nothing, and boot no node: whether KVM runs one is known from the last run that tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.doctor import artefacts, hardware, image, packages, ports, room, virt
from lab.doctor.finding import Finding, Fix, State
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Finding", "Fix", "State", "examine", "mend"]

_SUBJECTS = (packages, hardware, room, virt, image, ports, artefacts)


def examine() -> tuple[Finding, ...]:
    """Look at all that runs need; build and start nothing."""
    return (*_every(), *packages.browser())


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


def _every() -> Iterator[Finding]:
    for subject in _SUBJECTS:
        yield from subject.findings()
