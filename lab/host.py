"""What this machine offers: found by trying, not by reading flags."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab import command
from lab.decode import DecodeError, json_as
from lab.errors import HostError, NotReadyError
from lab.files import state_dir, write_atomic
from lab.scratch import scratch
from lab.virt.xml import Accelerator
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from lab.image.build import NodeImage
    from lab.topology import Topology

KVM = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
PROBE_DEADLINE_S = 20.0
PROBE_MEMORY_MIB = 512
MARKER = "lab: the kernel is up and can nest"
"""What the node's first process prints when it is told ``lab.probe``; see node-init.sh."""
CANNOT_NEST = "lab: the kernel is up and cannot nest"
KVM_BROKEN = re.compile(r"KVM internal error.*|error: failed to .*|.*Could not access KVM.*")
PROBES = "probes.json"
MACHINE_ID = Path("/etc/machine-id")
MACHINE_ID_DIGITS = 12
MEMORY_RESERVE_MIB = 512
IMAGES_MIB = 4 * 1024
"""Packages, images, the prepared disks' own part, and what one run writes besides its pool."""
VERSION_TIMEOUT_S = 20.0
UNKNOWN = "unknown"
_CPU = Path("/sys/devices/system/cpu")
SETTINGS = {
    "smt active": _CPU / "smt/active",
    "frequency governor": _CPU / "cpu0/cpufreq/scaling_governor",
    "no turbo": _CPU / "intel_pstate/no_turbo",
    "boost": _CPU / "cpufreq/boost",
    "huge pages": Path("/sys/kernel/mm/transparent_hugepage/enabled"),
    "clock source": Path("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
}
"""What of this machine's settings moves every figure, by name."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The accelerator of a run, and why it is that one."""

    accelerator: Accelerator
    reason: str
    emulator: Path | None = None
    """The QEMU that runs the node; None is the machine's own."""


class _Probe(msgspec.Struct, frozen=True):
    """What a probe found, and of what: it holds for this start of this machine."""

    key: str
    problem: str
    """Empty if the kernel came up."""


def check_room(topology: Topology) -> None:
    """
    Refuse a topology that this machine has no room for, before anything is built.

    Raises:
        HostError: with what is wanted and what there is.
    """
    check_memory(topology)
    check_disk(topology)


def check_memory(topology: Topology) -> None:
    """
    Refuse a topology that this machine has no memory for.

    Raises:
        HostError: with what is wanted and what there is.
    """
    wanted_mib = memory_wanted_mib(topology)
    free_mib = available_memory_mib()
    if wanted_mib > free_mib:
        raise HostError(
            f"topology {topology.name} needs {wanted_mib} MiB of memory,"
            f" this machine has {free_mib} MiB available",
            remedy="end what uses the memory, or choose a smaller topology with --topology",
        )


def memory_wanted_mib(topology: Topology) -> int:
    """What the nodes of *topology* take together, and what this machine needs beside them."""
    return sum(node.memory_mib for node in topology.nodes) + MEMORY_RESERVE_MIB


def check_disk(topology: Topology) -> None:
    """
    Refuse a topology that this machine has no disk for.

    Raises:
        HostError: with what is wanted and what there is, or where there may be nothing.
    """
    folder = state_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(
            f"{folder} cannot be made: {error.strerror}",
            remedy="set LAB_HOME to a folder that can",
        ) from error
    free_disk_mib = shutil.disk_usage(folder).free >> 20
    needed_mib = IMAGES_MIB + 1024 * sum(node.pool_gib for node in topology.nodes)
    if free_disk_mib < needed_mib:
        raise HostError(
            f"topology {topology.name} needs {needed_mib} MiB of disk,"
            f" {folder} has {free_disk_mib} MiB free",
            remedy="free some, or set LAB_HOME to a folder on a larger disk",
        )


def available_memory_mib() -> int:
    """What the kernel would give without swapping (proc(5), MemAvailable)."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) >> 10 if match else 0


def choose_accelerator(wish: str, image: NodeImage) -> Chosen:
    """
    Choose what runs the node: *wish* is auto, kvm or tcg.

    Raises:
        HostError: if KVM is demanded and does not run the node's kernel.
    """
    if wish == Accelerator.TCG:
        return Chosen(Accelerator.TCG, "emulation was asked for with --accel tcg")
    problem = kvm_problem(image)
    if not problem:
        return Chosen(Accelerator.KVM, "the node's kernel comes up under /dev/kvm")
    if wish == Accelerator.KVM:
        raise HostError(
            f"--accel kvm: {problem}",
            remedy="enable virtualisation in the firmware, or leave --accel at auto",
        )
    return Chosen(Accelerator.TCG, problem)


def kvm_problem(image: NodeImage) -> str:
    """
    Why KVM cannot run the node's own kernel; empty if it can.

    A /dev/kvm proves nothing: one of a nested or paravirtual kind may refuse, fail in the
    middle of the kernel or hang. So the kernel is booted, to a marker, with a deadline. The
    answer is kept for as long as the machine is up and QEMU and the kernel are the same.
    """
    known = known_kvm_problem(image)
    if known is not None:
        return known
    problem = _boot_to_marker(image)
    probe = _Probe(_probe_key(image), problem)
    write_atomic(state_dir() / PROBES, msgspec.json.encode(probe))
    return problem


def known_kvm_problem(image: NodeImage) -> str | None:
    """The answer of :func:`kvm_problem` without booting anything; None if none is kept."""
    if problem := kvm_device_problem():
        return problem
    known = _known_probe(state_dir() / PROBES)
    return known.problem if known and known.key == _probe_key(image) else None


def _known_probe(path: Path) -> _Probe | None:
    """What was found before; a note of it that is damaged is none."""
    try:
        return json_as(path.read_bytes(), _Probe)
    except (FileNotFoundError, DecodeError):
        return None


def kvm_device_problem() -> str:
    """Why /dev/kvm cannot even be opened; empty if it can."""
    if not KVM.exists():
        return "this machine has no /dev/kvm"
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "this user may not open /dev/kvm (`sudo usermod -aG kvm $USER`, then log in again)"
    return ""


def facts() -> dict[str, str]:
    """What tells this machine from others, for the record."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    release = platform.freedesktop_os_release()
    return {
        "cpu": _field(info, "model name"),
        "cpus": str(os.cpu_count()),
        "memory": f"{_total_memory_mib()} MiB",
        "kernel": platform.release(),
        "distribution": release.get("PRETTY_NAME", "unknown"),
        "qemu": qemu_version(),
        "machine": _machine(),
        "microcode": _field(info, "microcode"),
        "virtualised": "yes" if "hypervisor" in _field(info, "flags").split() else "no",
        **{name: _setting(path) for name, path in SETTINGS.items()},
    }


def qemu_version(program: str | Path = QEMU) -> str:
    """The first line of what a QEMU, the machine's own by default, says of itself."""
    return _first_line(command.run([program, "--version"], timeout_s=VERSION_TIMEOUT_S).stdout)


def _field(info: str, name: str) -> str:
    """A line of /proc/cpuinfo, of the first processor."""
    match = re.search(rf"^{name}\s*: (.*)$", info, re.MULTILINE)
    return match[1] if match else UNKNOWN


def _setting(path: Path) -> str:
    """What a file of the kernel says; of several choices, the one in brackets."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN
    chosen = re.search(r"\[(.+?)\]", text)
    return (chosen[1] if chosen else text) or UNKNOWN


def _machine() -> str:
    """
    A name for this installation, which tells it from another of the same kind.

    Not the machine's own id, which machine-id(5) wants kept from others: a digest of it.
    """
    own = _setting(MACHINE_ID)
    if own == UNKNOWN:
        return UNKNOWN
    return hashlib.sha256(f"kata-lab {own}".encode()).hexdigest()[:MACHINE_ID_DIGITS]


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0]


def _total_memory_mib() -> int:
    return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 20


def _probe_key(image: NodeImage) -> str:
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot_id} {qemu_version()} {image.digest}"


def _boot_to_marker(image: NodeImage) -> str:
    with scratch("probe") as folder:
        return _boots(image, folder / "console.log")


def _boots(image: NodeImage, said: Path) -> str:
    argv = [
        QEMU, "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", str(PROBE_MEMORY_MIB),
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-kernel", str(image.kernel), "-initrd", str(image.initramfs),
        "-append", "console=ttyS0 quiet panic=-1 lab.probe",
    ]  # fmt: skip
    with said.open("w") as output, command.running(argv, output=output) as process:

        def probe() -> str:
            has_ended = process.poll() is not None  # asked first: it may speak until its end
            return _problem(said.read_text(errors="replace"), has_ended=has_ended)

        try:
            return wait_for(
                "the node's kernel",
                probe,
                timeout_s=PROBE_DEADLINE_S,
                every_s=0.1,
                remedy="use emulation",
            )
        except NotReadyError:
            return (
                f"the node's kernel hangs under /dev/kvm: no sign of it in {PROBE_DEADLINE_S:g} s"
            )


def _problem(said: str, *, has_ended: bool) -> str:
    """What QEMU and the kernel have *said* so far, as the problem that it is, or none."""
    if MARKER in said:
        return ""
    if CANNOT_NEST in said:
        return (
            "the node's kernel comes up under /dev/kvm, but cannot nest:"
            " load kvm_intel or kvm_amd with nested=1"
        )
    if match := KVM_BROKEN.search(said):
        return f"the node's kernel does not run under /dev/kvm: {match[0].strip()}"
    if has_ended:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        return f"the node's kernel does not run under /dev/kvm: {last[0]}"
    raise Pending("no marker yet")
