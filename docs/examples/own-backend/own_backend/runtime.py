"""pinned: the reference runtime, with all threads of QEMU on one processor of the node."""

from __future__ import annotations

from lab.outcome import Fact
from lab.runtime.reference import ReferenceSandbox

PROCESSOR = 0
ALLOWED = "processors that QEMU's threads may use"
TIMEOUT_S = 60.0


class PinnedSandbox(ReferenceSandbox):
    """As the reference's, but for where its threads run."""

    EXPECTATIONS = """
    [[expectation]]
    runtime = "pinned"
    network = ["tcfilter", "macvtap", "none", "bridge", "l3forwarding"]
    expect = "works"
    source = "own_backend/runtime.py"

    [[expectation]]
    runtime = "pinned"
    storage = ["virtiofs", "9p", "devmapper", "devmapper-blk", "pmem-dax"]
    expect = "works"
    source = "own_backend/runtime.py"

    [[expectation]]
    runtime = "pinned"
    storage = ["virtiofs-dax"]
    expect = "fails"
    text = "has no cache-size property"
    source = "as with the reference runtime"
    """

    def start(self, *, is_restart: bool = False) -> None:
        """Start it, then bind every thread that it has by then, and all that those will start."""
        super().start(is_restart=is_restart)
        self.node.script(f"taskset -a -p -c {PROCESSOR} {self._pid}", timeout_s=TIMEOUT_S)

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """What the reference proves, and where the threads may run."""
        facts, answers = super().prove()
        question = f"cat /proc/{self._pid}/task/*/status | sed -n 's/^Cpus_allowed_list:\\t//p'"
        said = self.node.gather({ALLOWED: question}, timeout_s=TIMEOUT_S)
        allowed = sorted(set(said[ALLOWED].split()))
        fact = Fact(
            subject=ALLOWED,
            source="/proc/PID/task/*/status",
            expected=str(PROCESSOR),
            observed=" ".join(allowed) or "none",
            holds=allowed == [str(PROCESSOR)],
        )
        return (*facts, fact), {**answers, **said}

    @property
    def _pid(self) -> str:
        return f"$(cat {self.pod.folder}/qemu.pid)"
