"""What this machine offers, with a QEMU that only says what a test wants to hear."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pytest

from lab import command, host
from lab.errors import HostError
from lab.host import MARKER, check_room, choose_accelerator, facts, kvm_device_problem, kvm_problem
from lab.image.build import NodeImage
from lab.loader import load_topology
from lab.virt.xml import Accelerator
from lab.wait import wait_for
from tests.fakes import Programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = "QEMU emulator version 7.2.15 (Debian 1:7.2+dfsg-7)"
BOOTS = f"echo '[0.1] Linux'; echo '{MARKER}'"
KVM_ERROR = "echo 'KVM internal error. Suberror: 1'; echo 'extra data[0]: 0x0'; exec sleep 60"
DENIED = (
    "echo 'Could not access KVM kernel module: Permission denied' >&2;"
    " echo 'qemu-system-x86_64: -accel kvm: failed to initialize kvm' >&2; exit 1"
)
MSR = "echo 'error: failed to set MSR 0x48f to 0x7fff' >&2; echo 'Aborted' >&2; exit 134"
ENDS = "echo 'qemu-system-x86_64: out of memory' >&2; exit 1"
SILENT = "exit 1"
HANGS = "echo '[0.1] Linux'; exec sleep 60"


@dataclass(frozen=True)
class Machine:
    """A machine with a /dev/kvm that can be opened."""

    qemu: Programs
    home: Path
    image: NodeImage

    def runs(self, script: str, *, version: str = VERSION) -> None:
        """What QEMU does from now on."""
        self.qemu.add(
            "qemu-system-x86_64",
            f"if [ \"$1\" = --version ]; then echo '{version}'; exit; fi\n{script}",
        )

    @property
    def probes(self) -> list[str]:
        """The command lines that QEMU was started with to try KVM."""
        return [line for line in self.qemu.calls("qemu-system-x86_64") if line != "--version"]


def impatient(what: str, probe: Callable[[], str], **how: Any) -> str:  # noqa: ANN401 - wait_for's
    return wait_for(what, probe, **{**how, "every_s": 0.005})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(host, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(host, "wait_for", impatient)
    image = NodeImage(
        digest="d1",
        disk=tmp_path / "disk",
        kernel=tmp_path / "vmlinuz",
        initramfs=tmp_path / "initramfs",
        kernel_release="6.12",
    )
    return Machine(Programs.first_on_path(tmp_path / "bin", monkeypatch), tmp_path / "home", image)


def test_a_kernel_that_comes_up_is_proof(machine: Machine) -> None:
    machine.runs(BOOTS)

    assert kvm_problem(machine.image) == ""
    assert f"-kernel {machine.image.kernel} -initrd {machine.image.initramfs}" in machine.probes[0]
    assert "-accel kvm" in machine.probes[0]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (KVM_ERROR, "does not run under /dev/kvm: KVM internal error. Suberror: 1"),
        (DENIED, "under /dev/kvm: Could not access KVM kernel module: Permission denied"),
        (MSR, "does not run under /dev/kvm: error: failed to set MSR 0x48f to 0x7fff"),
        (ENDS, "does not run under /dev/kvm: qemu-system-x86_64: out of memory"),
        (SILENT, "does not run under /dev/kvm: it said nothing"),
    ],
    ids=["internal error", "denied", "msr", "ends", "silent"],
)
def test_a_kvm_that_cannot_run_the_kernel_is_recognised(
    machine: Machine, script: str, reason: str
) -> None:
    machine.runs(script)

    assert kvm_problem(machine.image).endswith(reason)


def test_a_kvm_that_hangs_is_recognised(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PROBE_DEADLINE_S", 0.1)
    machine.runs(HANGS)

    reason = "the node's kernel hangs under /dev/kvm: no sign of it in 0.1 s"
    assert kvm_problem(machine.image) == reason


def test_a_kernel_that_ends_at_once_is_not_missed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints its marker and powers off between two looks at it."""

    class Quick:
        """A QEMU whose last words come just before its end is seen."""

        def __init__(self, output: IO[str]) -> None:
            self._output = output

        def poll(self) -> int:
            self._output.write(f"{MARKER}\n")
            self._output.flush()
            return 0

    @contextmanager
    def quick(_argv: list[str], *, output: IO[str]) -> Iterator[Quick]:
        yield Quick(output)

    machine.runs(SILENT)
    monkeypatch.setattr(command, "running", quick)

    assert kvm_problem(machine.image) == ""


def test_a_machine_without_kvm_is_not_tried(machine: Machine) -> None:
    machine.runs(BOOTS)
    host.KVM.unlink()

    assert kvm_problem(machine.image) == "this machine has no /dev/kvm"
    assert machine.probes == []


def test_a_kvm_of_others_is_not_tried(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.runs(BOOTS)
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert "this user may not open /dev/kvm" in kvm_problem(machine.image)
    assert machine.probes == []


def test_a_kvm_that_can_be_opened_has_no_problem_yet(machine: Machine) -> None:
    assert host.KVM.exists()
    assert kvm_device_problem() == ""
    assert machine.probes == []


@pytest.mark.parametrize("script", [BOOTS, ENDS], ids=["good", "bad"])
def test_an_answer_is_kept(machine: Machine, script: str) -> None:
    machine.runs(script)

    assert kvm_problem(machine.image) == kvm_problem(machine.image)
    assert len(machine.probes) == 1


def test_an_answer_holds_for_one_kernel_one_qemu_and_one_start_of_the_machine(
    machine: Machine,
) -> None:
    machine.runs(ENDS)
    assert kvm_problem(machine.image)

    machine.runs(BOOTS)
    assert kvm_problem(machine.image)
    assert kvm_problem(replace(machine.image, digest="d2")) == ""
    machine.runs(ENDS, version="QEMU emulator version 10.0.6")
    assert kvm_problem(replace(machine.image, digest="d2"))
    record = (machine.home / "probes.json").read_text()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert boot in record
    (machine.home / "probes.json").write_text(record.replace(boot, "another"))
    machine.runs(BOOTS, version="QEMU emulator version 10.0.6")
    assert kvm_problem(replace(machine.image, digest="d2")) == ""


@pytest.mark.parametrize(
    ("wish", "script", "accelerator", "reason"),
    [
        ("auto", BOOTS, Accelerator.KVM, "the node's kernel comes up under /dev/kvm"),
        ("auto", ENDS, Accelerator.TCG, "out of memory"),
        ("kvm", BOOTS, Accelerator.KVM, "the node's kernel comes up under /dev/kvm"),
        ("tcg", BOOTS, Accelerator.TCG, "asked for with --accel tcg"),
    ],
)
def test_hardware_is_used_where_it_works(
    machine: Machine, wish: str, script: str, accelerator: Accelerator, reason: str
) -> None:
    machine.runs(script)

    chosen = choose_accelerator(wish, machine.image)

    assert chosen.accelerator is accelerator
    assert reason in chosen.reason


def test_hardware_that_is_demanded_is_not_replaced(machine: Machine) -> None:
    machine.runs(ENDS)

    with pytest.raises(HostError, match=r"--accel kvm: .*out of memory"):
        choose_accelerator("kvm", machine.image)


def test_who_asks_for_emulation_tries_nothing(machine: Machine) -> None:
    machine.runs(BOOTS)

    choose_accelerator("tcg", machine.image)

    assert machine.probes == []


class Usage(NamedTuple):
    """What shutil.disk_usage answers."""

    total: int
    used: int
    free: int


def room(monkeypatch: pytest.MonkeyPatch, *, memory_mib: int, disk_mib: int) -> None:
    monkeypatch.setattr(host, "available_memory_mib", lambda: memory_mib)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, disk_mib << 20))


def test_a_node_that_fits_just_so_is_let_in(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    room(monkeypatch, memory_mib=4096 + 512, disk_mib=12 * 1024)

    check_room(load_topology("embedded"))

    assert machine.probes == []


def test_too_little_memory_is_said_with_both_numbers(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    room(monkeypatch, memory_mib=4607, disk_mib=1 << 20)

    with pytest.raises(HostError) as caught:
        check_room(load_topology("embedded"))

    assert caught.value.problem == (
        "topology embedded needs 4608 MiB of memory, this machine has 4607 MiB available"
    )
    assert machine.probes == []


def test_too_little_disk_is_said_with_the_folder(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    room(monkeypatch, memory_mib=1 << 20, disk_mib=12287)

    with pytest.raises(HostError) as caught:
        check_room(load_topology("embedded"))

    assert f"needs 12288 MiB of disk, {machine.home} has 12287 MiB free" in caught.value.problem
    assert "LAB_HOME" in caught.value.remedy


def test_a_folder_that_cannot_be_made_is_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    room(monkeypatch, memory_mib=1 << 20, disk_mib=1 << 20)
    (machine.home / "file").touch()
    monkeypatch.setenv("LAB_HOME", str(machine.home / "file" / "below"))

    with pytest.raises(HostError, match="cannot be made: Not a directory") as caught:
        check_room(load_topology("embedded"))

    assert "LAB_HOME" in caught.value.remedy


def test_the_kernel_says_how_much_memory_there_is() -> None:
    assert 0 < host.available_memory_mib() < host._total_memory_mib()


def test_the_machine_is_told_from_others(machine: Machine) -> None:
    machine.runs(SILENT)

    found = facts()

    assert set(found) == {
        *("cpu", "cpus", "memory", "kernel", "distribution", "qemu"),
        *("machine", "microcode", "virtualised", *host.SETTINGS),
    }
    assert found["qemu"] == VERSION
    assert int(found["cpus"]) > 0
    assert all(found.values())


def test_a_machine_is_named_without_telling_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "machine-id"
    monkeypatch.setattr(host, "MACHINE_ID", own)

    assert host._machine() == "unknown"
    own.write_text("")
    assert host._machine() == "unknown"
    own.write_text("0123456789abcdef0123456789abcdef\n")
    name = host._machine()
    own.write_text("1123456789abcdef0123456789abcdef\n")
    assert name != host._machine()
    assert name not in "0123456789abcdef0123456789abcdef"


def test_of_several_choices_the_one_that_is_made_is_told(tmp_path: Path) -> None:
    file = tmp_path / "enabled"
    file.write_text("always [madvise] never\n")

    assert host._setting(file) == "madvise"
    assert host._setting(tmp_path / "absent") == "unknown"


def test_kernel_that_comes_up_but_cannot_nest_is_no_node() -> None:
    problem = host._problem("lab: the kernel is up and cannot nest\n", has_ended=True)

    assert "cannot nest" in problem
    assert "nested=1" in problem


def test_what_was_found_is_told_without_booting(machine: Machine) -> None:
    machine.runs(BOOTS)
    assert host.known_kvm_problem(machine.image) is None
    assert machine.probes == []

    kvm_problem(machine.image)

    assert host.known_kvm_problem(machine.image) == ""
    assert len(machine.probes) == 1
    assert host.known_kvm_problem(replace(machine.image, digest="d2")) is None
