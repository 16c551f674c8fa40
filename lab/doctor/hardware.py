"""Whether nodes get this machine's own virtualisation, and whether it can nest."""

from __future__ import annotations

import getpass
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab import hints, host, lease, system
from lab.doctor import image
from lab.doctor.finding import Finding, Fix, State
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.image.build import NodeImage

CPUINFO = Path("/proc/cpuinfo")
MODULES = Path("/sys/module")
MODULE_OF = {"vmx": "kvm_intel", "svm": "kvm_amd"}
"""By the flag of a processor that can virtualise: what of KVM is for it."""
SUBJECT = "hardware virtualisation"
WHY = "runs nodes at the hardware's speed; emulated ones work, and no figure is hardware's"
UNLOCKS = "--accel kvm for every cell, and --profile standard by default"


def findings(*, tries_kvm: bool = False) -> Iterator[Finding]:
    """
    KVM as it was really tried, and its switch for nesting.

    Args:
        tries_kvm: Whether to try it now if that is not known; it takes seconds.
    """
    problem = host.kvm_device_problem()
    if problem:
        yield _no_device(problem)
        return
    yield _tried(_try if tries_kvm else host.known_kvm_problem)
    yield from _nesting()


def _no_device(problem: str) -> Finding:
    if host.KVM.exists():
        mend, fix = f"sudo usermod -aG kvm {getpass.getuser()}, then log in again", None
    elif module := _module():
        mend = f"sudo modprobe {module}"
        fix = Fix(mend, partial(_load, module))
    elif "hypervisor" in _flags():
        mend, fix = "turn nested virtualisation on where this virtual machine is configured", None
    else:
        mend, fix = "turn virtualisation (VT-x, AMD-V) on in the firmware", None
    return _finding(f"{problem.partition(' (')[0]}: nodes are emulated", mend=mend, fix=fix)


def _tried(ask: Callable[[NodeImage], str | None]) -> Finding:
    """What *ask* tells of a trial with the node's own kernel."""
    try:
        images = image.built()
        found = ask(images.node) if images else None
    except LabError as error:
        return _finding(f"whether it works is not known: {error.problem}", mend=error.remedy)
    if found is None:
        when = "`lab doctor --try` or the next run" if images else "the next run"
        fact = f"/dev/kvm can be opened; {when} boots the node's own kernel under it"
        return Finding(subject=SUBJECT, fact=fact, why=WHY, unlocks=UNLOCKS)
    if not found:
        fact = "tried: the node's own kernel comes up under /dev/kvm, and can nest"
        return Finding(subject=SUBJECT, fact=fact, why=WHY, unlocks=UNLOCKS)
    known = " ".join(hint.mend for hint in hints.of(found))
    return _finding(f"tried: {found}; nodes are emulated", mend=known or "use another machine")


def _try(node: NodeImage) -> str:
    """Boot the node's kernel, beside others but not beside one who measures."""
    with lease.leased("trying KVM", is_alone=False, say=lambda _line: None, waits=False):
        return host.kvm_problem(node)


def _nesting() -> Iterator[Finding]:
    """The switch of KVM's own module; where it is built in, or another's, only a trial tells."""
    for path in sorted(MODULES.glob("kvm_*/parameters/nested")):
        is_on = path.read_text(encoding="ascii").strip() in {"1", "Y"}
        yield Finding(
            subject="nesting",
            fact=f"{path.parts[-3]} has it {'on' if is_on else 'off'}",
            state=State.GOOD if is_on else State.LESS,
            why="lets a node run its sandboxes under KVM, too",
            unlocks=UNLOCKS,
            mend="" if is_on else hints.named("nested-off").mend,
        )


def _finding(fact: str, *, mend: str, fix: Fix | None = None) -> Finding:
    return Finding(
        subject=SUBJECT,
        fact=fact,
        state=State.LESS,
        why=WHY,
        unlocks=UNLOCKS,
        mend=mend,
        fix=fix,
    )


def _flags() -> set[str]:
    match = re.search(r"^flags\s*: (.*)$", CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
    return set(match[1].split()) if match else set()


def _module() -> str:
    """What of KVM is for this processor; empty if it offers no virtualisation."""
    return next((module for flag, module in MODULE_OF.items() if flag in _flags()), "")


def _load(module: str, _say: Callable[[str], None]) -> None:
    system.as_root(("modprobe", module))
