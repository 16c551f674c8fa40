from __future__ import annotations

import pytest

from lab.cluster.kata import RELEASES
from lab.expectations import Expected, load
from lab.judgement import Observed, judge
from lab.matrix import Cell
from lab.outcome import Fact, Outcome

PINNED = {release.runtime: release.version for release in RELEASES}
WORKS = "tcfilter+virtiofs+kata-rs"
FAILS = "none+virtiofs+kata-go"
SILENT = "macvtap+virtiofs+kata-rs"
SLOW = "tcfilter+virtiofs-dax+kata-rs"
SILENT_FACTS = ("kind of tap0_kata", "MAC of tap0_kata", "MAC of eth0", "IPv4 address of eth0")
SLOW_FACTS = ("DAX", "cache-size=256M in QEMU's command line")
EVENTS = """\
Warning  FailedCreatePodSandBox  kubelet  Failed to create pod sandbox:
rpc error: failed to create containerd task: Invalid internetworking model: unknown
Normal   Scheduled               default-scheduler
"""


def expected(cell: str) -> Expected:
    parsed = Cell.parse(cell)
    return load().of(parsed, version=PINNED.get(parsed.runtime))


def fact(subject: str, *, holds: bool) -> Fact:
    observed = "this" if holds else "that"
    return Fact(subject=subject, source="a file", expected="this", observed=observed, holds=holds)


def started(
    *wrong: str, right: tuple[str, ...] = ("root file system",), connects: bool | None = True
) -> Observed:
    facts = (
        *(fact(subject, holds=False) for subject in wrong),
        *(fact(subject, holds=True) for subject in right),
    )
    return Observed(has_started=True, facts=facts, connects=connects)


def failed(said: str) -> Observed:
    return Observed(has_started=False, said=said)


@pytest.mark.parametrize(
    ("cell", "observed", "outcome"),
    [
        (WORKS, started(), Outcome.PASS),
        (WORKS, started(connects=False), Outcome.FAIL),
        (WORKS, started("DAX"), Outcome.INVALID),
        (WORKS, started("DAX", connects=False), Outcome.INVALID),
        (WORKS, failed("no KVM"), Outcome.BLOCKED),
        (WORKS, failed(""), Outcome.BLOCKED),
        (WORKS, started(connects=None), Outcome.INFRA),
        (WORKS, Observed(has_started=True, connects=True), Outcome.INFRA),
        (FAILS, failed(EVENTS), Outcome.UNSUPPORTED),
        (FAILS, failed("no KVM"), Outcome.FAIL),
        (FAILS, failed(""), Outcome.FAIL),
        (FAILS, started(), Outcome.FAIL),
        (FAILS, started("DAX", connects=None), Outcome.FAIL),
        (SILENT, started(*SILENT_FACTS, connects=False), Outcome.UNSUPPORTED),
        (SILENT, started(*SILENT_FACTS, connects=True), Outcome.FAIL),
        (SILENT, started(right=SILENT_FACTS, connects=True), Outcome.FAIL),
        (SILENT, started(*SILENT_FACTS[:2], right=SILENT_FACTS[2:], connects=False), Outcome.FAIL),
        (SILENT, started(*SILENT_FACTS, "root file system", connects=False), Outcome.FAIL),
        (SILENT, started(*SILENT_FACTS[:2], connects=False), Outcome.INFRA),
        (SILENT, started(*SILENT_FACTS, connects=None), Outcome.INFRA),
        (SILENT, failed("no KVM"), Outcome.FAIL),
        (SLOW, started(*SLOW_FACTS), Outcome.UNSUPPORTED),
        (SLOW, started(right=SLOW_FACTS), Outcome.FAIL),
        (SLOW, started(*SLOW_FACTS, connects=False), Outcome.FAIL),
    ],
)
def test_an_observation_comes_to_an_outcome(
    cell: str, observed: Observed, outcome: Outcome
) -> None:
    assert judge(expected(cell), observed).outcome is outcome


def test_an_expected_failure_is_shown_by_the_line_that_was_said() -> None:
    reason = judge(expected(FAILS), failed(EVENTS)).reason

    assert "failed to create containerd task: Invalid internetworking model: unknown" in reason
    assert "FailedCreatePodSandBox" not in reason
    assert "xConnectVMNetwork" in reason


def test_any_of_two_expected_failures_is_one() -> None:
    both = expected("none+virtiofs-dax+kata-go")

    for said in ("Invalid internetworking model", "'vhost-user-fs-pci.cache-size' not found"):
        assert judge(both, failed(said)).outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize(
    ("cell", "observed", "quoted"),
    [
        (FAILS, failed("no KVM here"), "it did not start: no KVM here"),
        (FAILS, started(), "it started; it is reached"),
        (SLOW, started(right=SLOW_FACTS), "it started; it is reached"),
        (
            SILENT,
            started("DAX", right=SILENT_FACTS),
            "it started; DAX: expected this, observed that",
        ),
        (WORKS, failed("no KVM here"), "it did not start: no KVM here"),
        (WORKS, started(connects=False), "it started; it is not reached"),
    ],
)
def test_a_departure_quotes_what_was_expected_and_what_happened(
    cell: str, observed: Observed, quoted: str
) -> None:
    of = expected(cell)

    reason = judge(of, observed).reason

    assert f"expected: {of} ({of.source})" in reason
    assert f"observed: {quoted}" in reason


def test_what_is_not_in_effect_is_shown_as_it_was_observed() -> None:
    reason = judge(expected(SILENT), started(*SILENT_FACTS, connects=False)).reason

    assert "MAC of eth0: expected this, observed that" in reason
    assert "it is not reached" in reason
    assert "#8897" in reason


def test_what_nobody_looked_at_is_named() -> None:
    assert judge(expected(SLOW), started("DAX", connects=None)).reason == (
        "nothing was observed of: cache-size=256M in QEMU's command line, the connection"
    )
