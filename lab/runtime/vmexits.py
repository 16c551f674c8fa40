"""
Whether a guest that no longer answers was lost by the emulator below its node.

A guest may hang by itself, and that is a result. But whatever it does, the node's own timer
interrupts it some hundred times a second, and KVM counts each as an exit (``irq_exits``). Where
exits go on and none of them is an interrupt, the processor below does not work: QEMU's emulation of
SVM now and then enters a guest, again and again, at an address that is not its own.

Or it finds none of the guest's memory any more, not even the handler of that fault: the guest ends
by a triple fault, in silence. No kernel does so by itself. KVM tells of it by a tracepoint alone.
What was seen of either is in docs/design-notes.md.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTERS = "/sys/kernel/debug/kvm"
"""Of all guests of the node together (Linux, virt/kvm/kvm_main.c); one runs at a time."""
APART_S = 1
LEAST_EXITS = 1000
"""A guest that halts makes fewer in a second, one that is entered in vain thirty times as many."""
TRACING = "/sys/kernel/tracing"
EVENT = f"{TRACING}/events/kvm/kvm_userspace_exit"
TRIPLE_FAULT = "KVM_EXIT_SHUTDOWN"
WATCH = f"""\
modprobe kvm
mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}
echo 'reason == 8' >{EVENT}/filter
echo 1 >{EVENT}/enable
"""
"""
Lets a node keep record of the guests that end by a triple fault.

8 is KVM_EXIT_SHUTDOWN (linux/kvm.h).
"""
FORGET = f"[ ! -e {TRACING}/trace ] || echo >{TRACING}/trace\n"
"""Forgets the guests that have ended so far: they are not the one that is started next."""
SCRIPT = f"""\
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
for reading in before after; do
echo "$(cat {COUNTERS}/exits) $(cat {COUNTERS}/irq_exits)"
[ $reading = after ] || sleep {APART_S}
done
ended=$(grep -cs {TRIPLE_FAULT} {TRACING}/trace) || true
echo "${{ended:-0}}"
{FORGET}"""
"""Reads the counters twice, and how many guests a triple fault has ended since the last look."""


@dataclass(frozen=True, slots=True)
class Exits:
    """What KVM has counted within :data:`APART_S` seconds."""

    all: int
    interrupts: int
    triple_faults: int = 0
    """Of guests that have ended since the last look."""

    @property
    def blame_emulator(self) -> bool:
        """Whether no processor that works would count like this."""
        return self.triple_faults > 0 or (self.all >= LEAST_EXITS and self.interrupts == 0)

    def __str__(self) -> str:
        if self.triple_faults:
            return "its processor shut down by a triple fault"
        return f"{self.all} exits in {APART_S} s, {self.interrupts} of them by an interrupt"


def parse(text: str) -> Exits | None:
    """Read what :data:`SCRIPT` printed; None if the node could not tell."""
    try:
        (first, first_irq), (last, last_irq), (triple_faults,) = (
            map(int, line.split()) for line in text.splitlines() if line.strip()
        )
    except ValueError:
        return None
    return Exits(last - first, last_irq - first_irq, triple_faults)
