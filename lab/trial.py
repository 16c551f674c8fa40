"""A sandbox of Kata as it came up, or did not: judged by what is expected of its cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import told
from lab.judgement import Judgement, Observed, judge
from lab.node import NODE_ADDRESS
from lab.outcome import Outcome
from lab.runtime.kata_evidence import IDENTITY
from lab.tools import ping

if TYPE_CHECKING:
    from lab.errors import LabError
    from lab.expectations import Expected
    from lab.outcome import Fact
    from lab.runtime.sandbox import Sandbox

PINGS = 3
"""The first may be lost while addresses are looked up."""
PING_TIMEOUT_S = 30.0
SAID_LINES = 20


def connects(sandbox: Sandbox) -> bool:
    """
    Whether the node answers the sandbox.

    Asked from inside: where a model leaves the pod's interface alone, the namespace answers in
    the guest's place.
    """
    argv = ping.ping(NODE_ADDRESS, count=PINGS)
    done = sandbox.run(argv, timeout_s=PING_TIMEOUT_S, check=False)
    if done.returncode and "unreachable" in done.stderr.lower():
        return False  # not even a route
    return ping.parse(done.stdout, stderr=done.stderr).received > 0


def of_failure(expected: Expected, error: LabError, *, log: str) -> Judgement:
    """Judge a sandbox that did not start, by the *error* and what Kata and others logged."""
    lines = log.splitlines()[-SAID_LINES:]
    said = "\n".join((told(error), *lines))
    return judge(expected, Observed(has_started=False, said=said, log=log))


def of_start(expected: Expected, facts: tuple[Fact, ...], *, connects: bool) -> Judgement:
    """
    Judge a sandbox that started, by its evidence.

    One that is not Kata's is INVALID whatever is expected: it says nothing of Kata.
    """
    for fact in facts:
        if fact.subject in IDENTITY and not fact.holds:
            return Judgement(Outcome.INVALID, str(fact))
    return judge(expected, Observed(has_started=True, facts=facts, connects=connects))
