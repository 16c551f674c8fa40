from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

import pytest

from lab import hints, host, system
from lab.doctor import hardware, image
from lab.doctor.finding import Finding, State
from lab.errors import ImageError
from tests.test_lease import LAB, other

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import NoReturn


def processor(machine: Path, flags: str) -> None:
    (machine / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")


def only() -> Finding:
    (finding,) = hardware.findings()
    return finding


class Built:
    """As much of the images as is asked for."""

    node = object()


def tried(monkeypatch: pytest.MonkeyPatch, found: str | None) -> Finding:
    host.KVM.touch()
    monkeypatch.setattr(image, "built", Built)
    monkeypatch.setattr(host, "known_kvm_problem", lambda _node: found)
    return only()


@pytest.mark.parametrize(("flag", "module"), [("vmx", "kvm_intel"), ("svm", "kvm_amd")])
def test_a_module_that_is_not_loaded_is_loaded(
    machine: Path, monkeypatch: pytest.MonkeyPatch, flag: str, module: str
) -> None:
    ran: list[Sequence[str]] = []
    monkeypatch.setattr(system, "as_root", ran.append)
    processor(machine, f"fpu {flag} hypervisor")

    finding = only()

    assert finding.fact == "this machine has no /dev/kvm: nodes are emulated"
    assert (finding.state, finding.mend) == (State.LESS, f"sudo modprobe {module}")
    assert finding.fix is not None
    finding.fix.apply(print)
    assert ran == [("modprobe", module)]


@pytest.mark.parametrize(
    ("flags", "where"), [("fpu hypervisor", "configured"), ("fpu", "firmware")]
)
def test_what_no_module_mends_is_its_owners_to_do(machine: Path, flags: str, where: str) -> None:
    processor(machine, flags)

    assert where in only().mend
    assert only().fix is None


def test_rights_are_the_users_to_take(monkeypatch: pytest.MonkeyPatch) -> None:
    host.KVM.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")

    finding = only()

    assert finding.fact == "this user may not open /dev/kvm: nodes are emulated"
    assert finding.mend == "sudo usermod -aG kvm ada, then log in again"
    assert finding.fix is None


def test_a_kvm_that_nobody_has_tried_is_not_yet_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = tried(monkeypatch, None)

    assert finding.state is State.GOOD
    assert finding.fact.endswith(
        "`lab doctor --try` or the next run boots the node's own kernel under it"
    )


def test_a_kvm_before_any_image_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    host.KVM.touch()
    monkeypatch.setattr(image, "built", lambda: None)

    assert "the next run boots" in only().fact


def test_a_kvm_that_ran_a_node_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = tried(monkeypatch, "")

    assert finding.state is State.GOOD
    assert finding.fact.startswith("tried: the node's own kernel comes up")


def test_a_kvm_is_tried_if_it_is_asked_for(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LEASES", str(machine / "leases"))
    host.KVM.touch()
    monkeypatch.setattr(image, "built", Built)
    monkeypatch.setattr(host, "known_kvm_problem", lambda _node: None)
    monkeypatch.setattr(host, "kvm_problem", lambda _node: "it hangs")

    (finding,) = hardware.findings(tries_kvm=True)

    assert finding.fact == "tried: it hangs; nodes are emulated"


def test_kvm_is_not_tried_beside_one_who_measures(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_LEASES", str(machine / "leases"))
    monkeypatch.setenv("PYTHONPATH", str(LAB))
    host.KVM.touch()
    monkeypatch.setattr(image, "built", Built)
    monkeypatch.setattr(host, "kvm_problem", lambda _node: pytest.fail("it was tried"))

    with other("measuring into here", "alone") as first:
        assert first.next_line() == "granted"
        (finding,) = hardware.findings(tries_kvm=True)

    assert finding.state is State.LESS
    assert finding.fact.startswith("whether it works is not known: ")
    assert "in use: measuring into here" in finding.fact


@pytest.mark.parametrize(
    ("found", "mend"),
    [
        ("error: failed to set MSR 0x10a to 0x69", hints.named("kvm-msr").mend),
        ("the node's kernel comes up, but cannot nest", hints.named("nested-off").mend),
        ("the node's kernel hangs", "use another machine"),
    ],
)
def test_a_kvm_that_failed_is_mended_by_what_is_known_of_it(
    monkeypatch: pytest.MonkeyPatch, found: str, mend: str
) -> None:
    finding = tried(monkeypatch, found)

    assert finding.state is State.LESS
    assert finding.fact == f"tried: {found}; nodes are emulated"
    assert finding.mend == mend


def test_images_that_cannot_be_read_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> NoReturn:
        raise ImageError("the lock is wrong", remedy="lock again")

    host.KVM.touch()
    monkeypatch.setattr(image, "built", fails)

    assert only().fact == "whether it works is not known: the lock is wrong"
    assert only().mend == "lock again"


@pytest.mark.parametrize(
    ("text", "is_on"), [("Y\n", True), ("1\n", True), ("N\n", False), ("0", False)]
)
def test_the_switch_for_nesting_is_read(
    machine: Path, monkeypatch: pytest.MonkeyPatch, *, text: str, is_on: bool
) -> None:
    host.KVM.touch()
    monkeypatch.setattr(image, "built", lambda: None)
    folder = machine / "module" / "kvm_intel" / "parameters"
    folder.mkdir(parents=True)
    (folder / "nested").write_text(text)

    _, nesting = hardware.findings()

    assert nesting.fact == f"kvm_intel has it {'on' if is_on else 'off'}"
    assert (nesting.state is State.GOOD) is is_on
    assert (nesting.mend == "") is is_on
