"""What a sandbox costs before it does anything: time, and memory of the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sample import Better, Metric
from lab.units import Unit

if TYPE_CHECKING:
    from lab.measure import Measure
    from lab.runtime.sandbox import Sandbox

START = Metric("start_to_answer", Unit.SECOND, Better.LOWER, "Start to first answer")
MEMORY = Metric("sandbox_memory", Unit.BYTE, Better.LOWER, "Memory of QEMU and virtiofsd (PSS)")


def test_start_to_first_answer(sandbox: Sandbox, measure: Measure) -> None:
    """From the start of its start until it ran a first command."""
    measure.take_start()
    measure(START, sandbox.ready_s)


def test_memory(sandbox: Sandbox, measure: Measure) -> None:
    """What its processes occupy on the node, pages that several share counted in parts."""
    with measure.watching():
        memory_bytes = sandbox.memory_bytes()
    measure(MEMORY, memory_bytes)
