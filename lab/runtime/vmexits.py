"""
Whether a guest that no longer answers was lost by the emulator below its node.

A guest may hang by itself, and that is a result. But whatever it does, the node's own timer
interrupts it some hundred times a second, and KVM counts each as an exit (``irq_exits``). Where
exits go on and none of them is an interrupt, the processor below does not work: QEMU's emulation of
SVM now and then enters a guest, again and again, at an address that is not its own
(docs/design-notes.md).
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTERS = "/sys/kernel/debug/kvm"
"""Of all guests of the node together (Linux, virt/kvm/kvm_main.c); one runs at a time."""
APART_S = 1
LEAST_EXITS = 1000
"""A guest that halts makes fewer in a second, one that is entered in vain thirty times as many."""
SCRIPT = f"""\
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
for reading in before after; do
echo "$(cat {COUNTERS}/exits) $(cat {COUNTERS}/irq_exits)"
[ $reading = after ] || sleep {APART_S}
done
"""


@dataclass(frozen=True, slots=True)
class Exits:
    """What KVM has counted within :data:`APART_S` seconds."""

    all: int
    interrupts: int

    @property
    def are_in_vain(self) -> bool:
        """Whether no processor that works would count like this."""
        return self.all >= LEAST_EXITS and self.interrupts == 0

    def __str__(self) -> str:
        return f"{self.all} exits in {APART_S} s, {self.interrupts} of them by an interrupt"


def parse(text: str) -> Exits | None:
    """Read what :data:`SCRIPT` printed; None if the node could not tell."""
    try:
        (first, first_irq), (last, last_irq) = (
            map(int, line.split()) for line in text.splitlines() if line.strip()
        )
    except ValueError:
        return None
    return Exits(last - first, last_irq - first_irq)
