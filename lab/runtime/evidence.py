"""Facts about the QEMU of a sandbox, whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.outcome import Fact
from lab.storage.backend import QEMU_COMMAND, QEMU_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.network.pod import Pod


def qemu_facts(pod: Pod, answers: Mapping[str, str]) -> Iterator[Fact]:
    """Whether the guest runs on hardware, or what stands for it, and its link is the pod's."""
    command, files = answers[QEMU_COMMAND], answers[QEMU_FILES]
    for subject, needle in (
        ("hardware-assisted guest", "accel=kvm"),
        ("guest's MAC", f"mac={pod.mac}"),
    ):
        yield Fact(
            subject=subject,
            source="/proc/PID/cmdline",
            expected=needle,
            observed=needle if needle in command else "absent",
            holds=needle in command,
        )
    is_open = "/dev/vhost-net" in files.split()
    yield Fact(
        subject="vhost-net",
        source="/proc/PID/fd",
        expected="/dev/vhost-net",
        observed="open" if is_open else "not open",
        holds=is_open,
    )
