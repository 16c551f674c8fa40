"""How what became of a sandbox of Kata is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from lab import expectations, trial
from lab.errors import CommandError, ToolOutputError
from lab.matrix import Cell
from lab.outcome import Fact, Outcome
from lab.runtime.kata_evidence import HANDLER_FACT, KERNEL_FACT, SHIM_FACT
from tests.runtime.fake_node import completed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.command import Completed
    from lab.expectations import Expected
    from lab.runtime.sandbox import Sandbox

ANSWERED = """\
64 bytes from 198.18.0.1: icmp_seq=2 ttl=64 time=3.1 ms

--- 198.18.0.1 ping statistics ---
3 packets transmitted, 1 received, 66% packet loss, time 400ms
"""
EFFECT = ("DAX", "cache-size=256M in QEMU's command line")
SILENT = """\
--- 198.18.0.1 ping statistics ---
3 packets transmitted, 0 received, 100% packet loss, time 400ms
"""


def expected(cell: str, version: str) -> Expected:
    return expectations.load().of(Cell.parse(cell), version=version)


def fact(subject: str, *, holds: bool) -> Fact:
    return Fact(subject=subject, source="here", expected="this", observed="that", holds=holds)


def facts(*contradicted: str) -> tuple[Fact, ...]:
    subjects = dict.fromkeys((HANDLER_FACT, SHIM_FACT, KERNEL_FACT, *EFFECT, *contradicted))
    return tuple(fact(subject, holds=subject not in contradicted) for subject in subjects)


class Pinger:
    """A sandbox whose ping says what the test wants."""

    def __init__(self, done: Completed) -> None:
        self.done = done
        self.asked: list[str] = []

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool) -> Completed:
        assert timeout_s > 0
        assert not check
        self.asked.append(" ".join(argv))
        return self.done


def connects(done: Completed) -> bool:
    pinger = Pinger(done)
    answer = trial.connects(cast("Sandbox", pinger))
    assert pinger.asked == ["ping -n -c 3 -i 0.2 -W 1 -s 56 198.18.0.1"]
    return answer


def test_one_answer_of_the_node_to_the_guest_is_a_connection() -> None:
    assert connects(completed(stdout=ANSWERED))
    assert not connects(completed(stdout=SILENT, status=1))


def test_a_guest_without_a_route_has_no_connection() -> None:
    assert not connects(completed(stderr="ping: connect: Network is unreachable\n", status=2))


def test_a_ping_that_says_nothing_is_no_observation() -> None:
    with pytest.raises(ToolOutputError):
        connects(completed(stderr="sh: 1: exec: ping: not found\n", status=127))


def test_what_works_as_expected_passes() -> None:
    judged = trial.of_start(expected("tcfilter+9p+kata-go", "3.28.0"), facts(), connects=True)

    assert judged.outcome is Outcome.PASS


def test_what_is_not_in_effect_as_expected_is_unsupported_with_what_was_seen() -> None:
    known = expected("tcfilter+virtiofs-dax+kata-rs", "4.1.0")

    judged = trial.of_start(known, facts(*EFFECT), connects=True)

    assert judged.outcome is Outcome.UNSUPPORTED
    assert "DAX: expected this, observed that" in judged.reason


def test_what_begins_to_work_is_a_failure() -> None:
    known = expected("tcfilter+virtiofs-dax+kata-rs", "4.1.0")

    judged = trial.of_start(known, facts(), connects=True)

    assert judged.outcome is Outcome.FAIL


@pytest.mark.parametrize("subject", [HANDLER_FACT, SHIM_FACT, KERNEL_FACT])
@pytest.mark.parametrize(
    "cell", ["tcfilter+virtiofs+kata-rs", "tcfilter+virtiofs-dax+kata-rs", "bridge+9p+kata-rs"]
)
def test_what_is_not_katas_is_invalid_whatever_is_expected(subject: str, cell: str) -> None:
    judged = trial.of_start(expected(cell, "4.1.0"), facts(subject), connects=True)

    assert judged.outcome is Outcome.INVALID
    assert judged.reason == f"{subject}: expected this, observed that"


def refused(words: str) -> CommandError:
    return CommandError("sh exited with status 1", completed=completed(stderr=words, status=1))


def test_a_refusal_as_expected_is_unsupported_with_the_words_that_were_said() -> None:
    known = expected("none+virtiofs+kata-go", "3.28.0")
    words = "run pod sandbox: desc = Invalid internetworking model: unknown\n"

    judged = trial.of_failure(known, refused(words), log="")

    assert judged.outcome is Outcome.UNSUPPORTED
    assert "run pod sandbox: desc = Invalid internetworking model: unknown" in judged.reason


def test_the_words_may_be_in_the_log_only() -> None:
    known = expected("tcfilter+virtiofs-dax+kata-go", "3.28.0")
    log = "Property 'vhost-user-fs-pci.cache-size' not found\n" + "of another plugin\n" * 50

    assert trial.of_failure(known, refused("x"), log=log).outcome is Outcome.UNSUPPORTED


def test_another_refusal_is_a_failure_that_quotes_both_and_not_the_whole_log() -> None:
    known = expected("none+virtiofs+kata-go", "3.28.0")

    judged = trial.of_failure(known, refused("no space left on device"), log="noise\n" * 5000)

    assert judged.outcome is Outcome.FAIL
    assert "Invalid internetworking model" in judged.reason
    assert "no space left on device" in judged.reason
    assert len(judged.reason) < 2000


def test_what_should_start_and_does_not_is_blocked() -> None:
    known = expected("tcfilter+virtiofs+kata-go", "3.28.0")

    assert trial.of_failure(known, refused("x"), log="").outcome is Outcome.BLOCKED
