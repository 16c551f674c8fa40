"""
virtiofs-uncached: virtio-fs as Kata starts it, but for the guest's cache, which is off.

What differs is the daemon's ``--cache=never``: every read of the guest is one of the node
(virtiofsd's README, "--cache").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.outcome import Fact
from lab.storage import virtiofs
from lab.storage.backend import Snapshotter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.storage.backend import Volume
    from lab.topology import Topology

MEANING = "shared directory, never cached"
EXPECTATIONS = """
[[expectation]]
runtime = "reference"
storage = ["virtiofs-uncached"]
expect = "works"
source = "own_backend/storage.py"
"""

SNAPSHOTTER = Snapshotter.OVERLAYFS
MODULES = virtiofs.MODULES
CACHE = "--cache=never"

# All else is as the backend does it that this one is a variant of.
requirements = virtiofs.requirements
support = virtiofs.support
detach = virtiofs.detach
forget = virtiofs.forget
qemu = virtiofs.qemu
mount = virtiofs.mount
node_questions = virtiofs.node_questions


def attach(volume: Volume, topology: Topology) -> tuple[str, ...]:
    """Start the daemon without a cache."""
    lines = virtiofs.attach(volume, topology)
    return tuple(line.replace("--cache=auto", CACHE) for line in lines)


def facts(volume: Volume, answers: Mapping[str, str]) -> Iterator[Fact]:
    """All that proves virtiofs, and what the daemon was really told about its cache."""
    yield from virtiofs.facts(volume, answers)
    words = [word for word in answers[virtiofs.DAEMON].split() if word.startswith("--cache=")]
    yield Fact(
        subject="cache of virtiofsd",
        source="/proc/PID/cmdline",
        expected=CACHE,
        observed=" ".join(words) or "none",
        holds=words == [CACHE],
    )
