"""A folder of the node in two sandboxes: what one does there holds for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import posix
from lab.bench import NotMeasuredError
from lab.outcome import Outcome

if TYPE_CHECKING:
    from lab.runtime.pod import PodSandbox

TIMEOUT_S = 60.0


def test_lock_keeps_another_sandbox_out(sharers: tuple[PodSandbox, PodSandbox]) -> None:
    """The second does not get the lock that the first one holds (#3408)."""
    first, second = sharers
    question = {posix.LOCKED_ELSEWHERE.name: posix.LOCKED_ELSEWHERE.script}
    with first.background(["sh", "-c", posix.HOLD_LOCK]):
        first.run(["sh", "-c", posix.UNTIL_LOCKED], timeout_s=TIMEOUT_S)
        (said,) = second.gather(question, timeout_s=TIMEOUT_S).values()
    share = posix.share_of(second.cell)
    outcome, reason = posix.judge(posix.LOCKED_ELSEWHERE, share, said)
    if outcome is not Outcome.PASS:
        raise NotMeasuredError(outcome, reason)
