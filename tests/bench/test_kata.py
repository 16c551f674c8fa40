"""Cells of Kata: what is known to fail is started all the same, and judged by what is seen."""

from __future__ import annotations

import pytest

from lab.bench import NotMeasuredError
from lab.errors import SandboxError
from lab.matrix import Cell
from lab.outcome import Outcome
from lab.runtime import vmexits
from tests.bench.rig import DAX, KATA_GO, REFUSED, RUNC, TCFILTER, Rig, boot
from tests.test_trial import SILENT


def test_a_sandbox_of_kata_is_reached_before_it_is_proven(rig: Rig) -> None:
    """So that there are packages for the evidence to count."""
    sandbox = rig.bench.open(boot(KATA_GO))

    assert str(sandbox.cell) == KATA_GO
    assert rig.told() == ["boot3 start", "boot3 ping", "boot3 prove"]
    assert rig.node.ran == [vmexits.FORGET], "nobody was asked whether it can run"


def test_what_kata_is_known_to_refuse_is_started_all_the_same(rig: Rig) -> None:
    words = "run pod sandbox: rpc error: desc = Invalid internetworking model: unknown"
    rig.fails["start"] = SandboxError(words, remedy="read")

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(REFUSED))
    rig.told()
    rig.bench.close()

    assert caught.value.outcome is Outcome.UNSUPPORTED
    assert words in caught.value.reason
    assert rig.told() == ["boot3 console", "boot3 stop"]


def test_what_kata_is_known_to_refuse_and_starts_is_a_failure_with_its_evidence(rig: Rig) -> None:
    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(REFUSED))

    assert caught.value.outcome is Outcome.FAIL
    assert "Invalid internetworking model" in caught.value.reason
    assert len(rig.evidence(REFUSED)) == 1


def test_a_guest_of_kata_that_nobody_reaches_is_a_failure(rig: Rig) -> None:
    rig.ping = SILENT

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(KATA_GO))

    assert caught.value.outcome is Outcome.FAIL
    assert "it is not reached" in caught.value.reason


def test_a_contradiction_of_kata_is_invalid(rig: Rig) -> None:
    rig.holds = False

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(KATA_GO))

    assert caught.value.outcome is Outcome.INVALID


def test_a_kata_that_should_start_and_does_not_is_blocked(rig: Rig) -> None:
    rig.fails["start"] = SandboxError("no KVM", remedy="read")

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(KATA_GO))

    assert caught.value.outcome is Outcome.BLOCKED
    assert "no KVM" in caught.value.reason
    assert caught.value.console_tail[-1] == "line 30"


def test_what_is_known_of_a_cell_is_known_beforehand(rig: Rig) -> None:
    cells = (TCFILTER, DAX, RUNC, KATA_GO, REFUSED)

    assert [rig.bench.may_work(Cell.parse(cell)) for cell in cells] == [True] * 4 + [False]


def test_what_kata_was_told_is_kept_once_whatever_became_of_it(rig: Rig) -> None:
    rig.told_kata = {"configuration.toml": "the release's\n"}
    for position in (3, 4):
        rig.bench.open(boot(KATA_GO, position))
        rig.bench.close()
    rig.fails["start"] = SandboxError("Invalid internetworking model", remedy="read")
    with pytest.raises(NotMeasuredError):
        rig.bench.open(boot(REFUSED))

    raw = rig.store.path / "raw"
    assert [path.name for path in (raw / KATA_GO).iterdir()] == ["configuration.toml"]
    assert (raw / REFUSED / "configuration.toml").read_text() == "the release's\n"
