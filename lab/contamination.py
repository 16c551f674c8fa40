"""
What disturbed a sample: decided by rules with a version, from its noise alone.

Never from the value: who leaves out what does not fit finds what he looked for. A contaminated
sample stays in the store; it is measured again within a limit, and results are shown with and
without it. What a machine does not tell is unknown, which is neither clean nor contaminated.

The names are those of :func:`lab.noise.between`. The limits are the start values of
docs/design-notes.md; another set of limits is another :data:`RULES_VERSION`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.sample import Sample

RULES_VERSION = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """More than *limit* of the noise of this *name* contaminates a sample."""

    name: str
    limit: float
    source: str
    """Where the figure was read, and why that much of it is too much."""


@dataclass(frozen=True, slots=True)
class Chatter:
    """A message of a kernel that says nothing about how well it could work."""

    pattern: re.Pattern[str]
    reason: str


def _on_both(name: str, limit: float, source: str) -> tuple[Rule, ...]:
    return tuple(Rule(f"{where}_{name}", limit, source) for where in ("host", "node"))


RULES: tuple[Rule, ...] = (
    *_on_both(
        "steal",
        0.02,
        "/proc/stat, steal over all CPU time: the processors were somebody else's for so long",
    ),
    *_on_both(
        "foreign_cpu",
        0.25,
        "/proc/PID/stat of all processes that are not the lab's: a quarter of a processor",
    ),
    *_on_both(
        "memory_pressure_full",
        0.005,
        "/proc/pressure/memory, full: everything stood still for want of memory",
    ),
    *_on_both("swapped_in_pages", 0, "/proc/vmstat, pswpin: something waited for a disk"),
    *_on_both("oom_kills", 0, "/proc/vmstat, oom_kill"),
    *_on_both("cgroup_throttles", 0, "cpu.stat, nr_throttled: a quota held something back"),
    *_on_both("clocksource_changed", 0, "current_clocksource: what is measured with has changed"),
    *_on_both("clock_step_s", 0, "/proc/stat, btime: the wall clock was set"),
    *_on_both("kernel_messages", 0, "dmesg, warnings and worse that are no chatter"),
    Rule(
        "host_thermal_throttles",
        0,
        "thermal_throttle/*_throttle_count: the processor was too hot. A node has no such count",
    ),
    Rule(
        "node_pool_used",
        0.8,
        "dmsetup status: a thin pool that is nearly full has other costs than one that is not",
    ),
)
"""
Without a rule, though read: pressure of CPU and of I/O, which a measurement makes by itself;
load, for the same reason; frequency, which at the moment of reading is that of a machine at rest.
"""

CHATTER: tuple[Chatter, ...] = (
    Chatter(
        re.compile(r"kvm.*: vcpu\d+.*(?:Unhandled|[Ii]gnored) (?:RD|WR|rd|wr)(?:MSR|msr)"),
        "a guest's kernel tries what KVM does not have, at each boot",
    ),
    Chatter(
        re.compile(r"Buffer I/O error on dev dm-\d+, logical block 0, async page read"),
        "a snapshot of a sandbox that has ended is taken away while udev looks what is on it",
    ),
    Chatter(
        re.compile(r"overlayfs: "), "how the root file system of some container was put together"
    ),
    Chatter(
        re.compile(r"TCP: \S+: Driver has suspect GRO implementation"),
        "said once of a device that merges packets in an unusual way, whatever else happens",
    ),
    Chatter(
        re.compile(r"\[UFW [A-Z]+\]"), "a firewall's log of packets that it let through or not"
    ),
)
"""Messages of level warning and worse that do not count."""


class Flag(msgspec.Struct, frozen=True):
    """One disturbance: what was measured of it, and how much is allowed."""

    name: str
    """Of the noise, and of the rule."""
    value: float
    limit: float

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3g} > {self.limit:g}"


class Contamination(msgspec.Struct, frozen=True):
    """What disturbed a sample, and of what nobody knows."""

    flags: tuple[Flag, ...]
    unknown: tuple[str, ...]
    """The rules whose noise was not told."""

    @property
    def is_contaminated(self) -> bool:
        """Whether anything is known to have disturbed it."""
        return bool(self.flags)

    def __str__(self) -> str:
        return ", ".join(map(str, self.flags))


def judge(noise: Mapping[str, float | None]) -> Contamination:
    """Apply every rule to the noise of one sample."""
    flags, unknown = [], []
    for rule in RULES:
        value = noise.get(rule.name)
        if value is None or math.isnan(value):
            unknown.append(rule.name)
        elif value > rule.limit:
            flags.append(Flag(rule.name, value, rule.limit))
    return Contamination(tuple(flags), tuple(unknown))


def is_chatter(message: str) -> bool:
    """Whether a kernel's *message* says nothing about how well it could work."""
    return any(chatter.pattern.search(message) for chatter in CHATTER)


def to_be_used(
    samples: Iterable[Sample], judged: Sequence[Contamination] | None = None
) -> tuple[Sample, ...]:
    """
    Of each cell, round and metric the samples of the attempt that counts, in the given order.

    That is the last one with nothing known against any of its samples; if there is none, the
    last of all. *judged* is what :func:`judge` says of each, if it was asked already.
    """
    attempts: dict[tuple[str, int, str], dict[int, bool]] = defaultdict(dict)
    everything: Sequence[Sample] = tuple(samples)
    if judged is None:
        judged = [judge(sample.noise) for sample in everything]
    for sample, contamination in zip(everything, judged, strict=True):
        clean = attempts[_what(sample)]
        is_clean = not contamination.is_contaminated
        clean[sample.attempt] = clean.get(sample.attempt, True) and is_clean
    used = {
        what: max((number for number, is_clean in clean.items() if is_clean), default=max(clean))
        for what, clean in attempts.items()
    }
    return tuple(sample for sample in everything if sample.attempt == used[_what(sample)])


def _what(sample: Sample) -> tuple[str, int, str]:
    return sample.cell, sample.round, sample.metric.name
