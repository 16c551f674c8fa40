"""How a sandbox comes up on a bench, or why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.bench import NotMeasuredError
from lab.errors import SandboxError
from lab.matrix import Cell
from lab.outcome import Outcome
from lab.runtime import vmexits
from tests.bench.rig import CONSOLE, DAX, DEVMAPPER, RUNC, SERVED, TCFILTER, Rig, boot, hung
from tests.runtime.fake_node import gathered

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_guest_that_the_emulator_lost_is_the_benchs_misfortune(rig: Rig) -> None:
    rig.fails["start"] = hung()
    rig.node.reply("irq_exits", "492886 32124\n525350 32124\n0\n")

    with pytest.raises(NotMeasuredError, match="lost the guest: 32464 exits") as caught:
        rig.bench.open(boot())

    assert caught.value.outcome is Outcome.INFRA
    assert caught.value.console_tail[-1] == "line 30"
    assert [call for call in rig.calls if call.endswith("start")] == ["boot3 start"] * 3


def test_a_guest_that_the_emulator_lost_on_its_way_is_started_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.fails["start"] = hung()
    lost = "492886 32124\n525350 32124\n0\n"

    def look() -> Iterator[str]:
        yield lost
        rig.fails.clear()
        yield lost

    rig.node.reply("irq_exits", look())
    sandbox = rig.bench.open(boot())

    assert sandbox.id == "boot3"
    starts = [call for call in rig.calls if call.split()[1] in {"start", "stop"}]
    assert starts == ["boot3 start", "boot3 stop", "boot3 start", "boot3 stop", "boot3 start"]
    assert "boot3 is started again: the emulator lost the guest: 32464 exits" in caplog.text
    kept = sorted(rig.store.path.rglob("lost-boot3-*.txt"))
    assert len(kept) == 2
    assert kept[0].read_text().endswith("line 30\n")


def test_a_guest_that_was_lost_before_is_not_the_one_that_is_started(rig: Rig) -> None:
    rig.bench.open(boot())

    assert rig.node.ran == [vmexits.FORGET]
    assert vmexits.SCRIPT.endswith(vmexits.FORGET), "each look is at what has come since"


@pytest.mark.parametrize("said", ["492886 32124\n493189 32374\n0\n", "no such file\n"])
def test_a_guest_that_hangs_by_itself_is_blocked(rig: Rig, said: str) -> None:
    rig.fails["start"] = hung()
    rig.node.reply("irq_exits", said)

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot())

    assert caught.value.outcome is Outcome.BLOCKED


def test_a_sandbox_is_started_then_proven_and_handed_out(rig: Rig) -> None:
    sandbox = rig.bench.open(boot(position=3))

    assert str(sandbox.cell) == TCFILTER
    assert rig.told() == ["boot3 start", "boot3 prove"]
    assert rig.made[0].number == 3
    (evidence,) = rig.evidence()
    assert (evidence.phase, evidence.raw) == ("before", {"ip link": "raw words"})
    assert len(evidence.facts) == 2


def test_what_the_node_cannot_do_is_unsupported_and_nothing_is_started(rig: Rig) -> None:
    asked = {"vhost-user-fs-pci's properties": "  tag=<str>\n", "virtiofsd's mapping": "1.13.2\n"}
    rig.node.reply("vhost-user-fs-pci,help", gathered(asked))

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(DAX))
    rig.bench.close()

    assert caught.value.outcome is Outcome.UNSUPPORTED
    assert "no cache-size property and virtiofsd cannot map files (1.13.2)" in caught.value.reason
    assert rig.calls == []


def test_the_node_is_asked_once_for_each_storage(rig: Rig) -> None:
    for network in ("tcfilter", "macvtap", "none"):
        assert not rig.bench.support(Cell.parse(f"{network}+virtiofs-dax+reference")).is_supported
    assert rig.bench.support(Cell.parse(TCFILTER)).is_supported
    assert rig.bench.support(Cell.parse(RUNC)).is_supported

    assert len(rig.node.ran) == 1


def test_a_sandbox_that_does_not_come_up_is_blocked_with_the_end_of_its_console(rig: Rig) -> None:
    rig.fails["start"] = SandboxError("the guest's agent does not answer", remedy="read")

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot())

    assert caught.value.outcome is Outcome.BLOCKED
    assert caught.value.reason == "the guest's agent does not answer\n  remedy: read"
    assert caught.value.console_tail == tuple(f"line {number}" for number in range(11, 31))
    assert rig.console() == CONSOLE


def test_a_sandbox_that_is_given_up_is_proven_before_and_not_after(rig: Rig) -> None:
    sandbox = rig.bench.open(boot())
    rig.told()

    assert rig.bench.give_up() is sandbox
    assert rig.told() == ["boot3 prove"]
    assert rig.phases() == ["before", "after"]

    rig.bench.close()
    assert rig.told() == ["boot3 console", "boot3 stop"]
    assert rig.phases() == ["before", "after"]


def test_a_sandbox_that_was_restarted_is_given_up_as_it_is(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.bench.restart()
    rig.told()

    rig.bench.give_up()

    assert rig.told() == [], "nothing was measured since"


@pytest.mark.parametrize(
    ("cell", "said", "is_lost"),
    [
        (TCFILTER, "gone\n", True),
        (TCFILTER, "", False),
        (TCFILTER, SandboxError("no answer", remedy="look"), False),
        (DEVMAPPER, "gone\n", False),
    ],
    ids=["it has ended", "it serves", "nobody knows", "there is none"],
)
def test_a_root_file_system_that_nobody_serves_any_more_is_noticed(
    rig: Rig, cell: str, said: str | Exception, *, is_lost: bool
) -> None:
    rig.bench.open(boot(cell))
    rig.node.reply(SERVED, said)

    assert rig.bench.has_lost_its_share() is is_lost


def test_without_a_sandbox_nothing_is_lost(rig: Rig) -> None:
    assert not rig.bench.has_lost_its_share()


def test_a_blocked_sandbox_is_still_ended_but_not_proven(rig: Rig) -> None:
    rig.fails["start"] = SandboxError("no answer", remedy="read")
    with pytest.raises(NotMeasuredError):
        rig.bench.open(boot())
    rig.told()

    rig.bench.close()

    assert rig.told() == ["boot3 console", "boot3 stop"]
    assert rig.evidence() == []


def test_a_sandbox_that_cannot_be_asked_for_evidence_is_blocked_not_failed(rig: Rig) -> None:
    rig.fails["prove"] = SandboxError("QEMU ended before the guest answered", remedy="read")

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot())

    assert caught.value.outcome is Outcome.BLOCKED
    assert caught.value.console_tail[-1] == "line 30"


def test_evidence_that_contradicts_the_cell_makes_it_invalid_and_is_kept(rig: Rig) -> None:
    rig.holds = False

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot())

    assert caught.value.outcome is Outcome.INVALID
    assert caught.value.reason == "kind of tap0_kata: expected macvtap, observed absent"
    assert rig.phases() == ["before"]
    rig.told()
    rig.bench.close()
    assert rig.told() == ["boot3 console", "boot3 stop"], "nothing was measured: nothing to prove"
    assert rig.phases() == ["before"]
