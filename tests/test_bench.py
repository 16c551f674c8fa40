"""The bench at work, with sandboxes that only say that they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from lab import bench as bench_module
from lab.bench import Bench, NotMeasuredError
from lab.cluster.handler import Handler
from lab.cluster.kata import release_of
from lab.command import Completed
from lab.errors import ProvisionError, SandboxError, StoreError
from lab.handicap import TOWARDS_NODE
from lab.matrix import KATA, Cell, Runtime, Storage, cells_of
from lab.outcome import Evidence, Fact, Outcome
from lab.plan import Boot
from lab.runtime import kinds, pods, vmexits
from lab.sample import Better, Metric, Sample
from lab.stopwatch import Stopwatch
from lab.storage.backend import Share
from lab.store import Store
from lab.units import Unit
from tests.fake_run import FakeRun
from tests.runtime.fake_node import FakeNode, completed, gathered, setting
from tests.test_trial import ANSWERED, SILENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.errors import LabError
    from lab.network.pod import Pod
    from lab.node import Node
    from lab.runtime.sandbox import Sandbox
    from lab.runtime.setting import Setting
    from lab.watch import Watch

TCFILTER = "tcfilter+virtiofs+reference"
DEVMAPPER = "tcfilter+devmapper+reference"
SERVED = "$(cat /lab/boot3/virtiofsd.pid)"
DAX = "tcfilter+virtiofs-dax+reference"
RUNC = "veth+overlayfs+runc"
KATA_GO = "tcfilter+virtiofs+kata-go"
REFUSED = "none+virtiofs+kata-go"
CONSOLE = "".join(f"line {number}\n" for number in range(1, 31))


def boot(cell: str = TCFILTER, position: int = 3) -> Boot:
    return Boot(id=cell, cell_name=cell, round=1, position=position)


def fact(*, holds: bool) -> Fact:
    observed = "macvtap" if holds else "absent"
    return Fact(
        subject="kind of tap0_kata",
        source="ip link",
        expected="macvtap",
        observed=observed,
        holds=holds,
    )


@dataclass
class FakeSandbox:
    """Does nothing, notes what it was told, and fails where the test wants it to."""

    name: str
    cell: Cell
    number: int
    calls: list[str]
    fails: dict[str, LabError] = field(default_factory=dict)
    holds: bool = True
    ping: str = SILENT
    told_kata: dict[str, str] = field(default_factory=dict)
    node: Node | None = None

    @property
    def pod(self) -> Pod:
        return pods.custom(self.name, self.number)

    def _told(self, what: str) -> None:
        self.calls.append(f"{self.name} {what}")
        if what in self.fails:
            raise self.fails[what]

    def start(self) -> None:
        self._told("start")

    def restart(self) -> None:
        self._told("restart")

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        self._told("prove")
        return (fact(holds=True), fact(holds=self.holds)), {"ip link": "raw words"}

    def console(self) -> str:
        self._told("console")
        return CONSOLE

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool) -> Completed:
        assert timeout_s > 0
        assert not check
        self._told(argv[0])
        return Completed(tuple(argv), 0, self.ping, "", 0.1)

    def configuration(self) -> dict[str, str]:
        return self.told_kata

    def share(self) -> Share | None:
        is_shared = self.cell.storage is Storage.VIRTIOFS
        return Share(daemon=SERVED, changes="/upper") if is_shared else None

    def stop(self) -> None:
        self._told("stop")


@dataclass
class FakeWatch:
    """Tells of the noise that the test wants."""

    noise: dict[str, float | None] = field(default_factory=dict)
    told: str = ""
    reads: int = 0

    def read(self) -> int:
        self.reads += 1
        return self.reads

    def since(self, before: int) -> tuple[dict[str, float | None], str]:
        assert before == self.reads
        return self.noise, self.told


@dataclass
class Rig:
    """A bench, and what its sandboxes will be like."""

    bench: Bench
    node: FakeNode
    store: Store
    watch: FakeWatch
    calls: list[str] = field(default_factory=list)
    fails: dict[str, LabError] = field(default_factory=dict)
    holds: bool = True
    made: list[FakeSandbox] = field(default_factory=list)
    ping: str = ANSWERED
    told_kata: dict[str, str] = field(default_factory=dict)

    def make(self, _setting: Setting, cell: Cell, *, name: str, number: int) -> Sandbox:
        sandbox = FakeSandbox(
            name, cell, number, self.calls, self.fails, self.holds, self.ping, self.told_kata,
            self.node,
        )  # fmt: skip
        self.made.append(sandbox)
        return cast("Sandbox", sandbox)

    def evidence(self, name: str = TCFILTER) -> list[Evidence]:
        path = self.store.path / "evidence" / f"{name}.json"
        return msgspec.json.decode(path.read_bytes(), type=list[Evidence]) if path.exists() else []

    def phases(self) -> list[str]:
        return [evidence.phase for evidence in self.evidence()]

    def told(self) -> list[str]:
        """What the sandboxes were told since this was last asked."""
        calls = list(self.calls)
        self.calls.clear()
        return calls

    def console(self) -> str:
        return self.store.console_path(TCFILTER).read_text(encoding="utf-8")


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    node = FakeNode(tmp_path)
    store = Store.create(tmp_path / "results", FakeRun().header())
    handlers = {
        cell: Handler(cell=cell, release=release_of(cell.runtime)) for cell in cells_of(KATA)
    }
    watch = FakeWatch()
    bench = Bench(setting(node, handlers), store, Stopwatch(), cast("Watch", watch))
    rig = Rig(bench, node, store, watch)
    monkeypatch.setattr(kinds, "KINDS", dict.fromkeys(Runtime, rig.make))
    return rig


def gone(what: str = "the node is gone") -> ProvisionError:
    return ProvisionError(what, remedy="start the lab again")


def hung() -> SandboxError:
    return SandboxError("the guest's agent does not answer", remedy="read its console")


def test_a_guest_that_the_emulator_lost_is_the_benchs_misfortune(rig: Rig) -> None:
    rig.fails["start"] = hung()
    rig.node.reply("irq_exits", "492886 32124\n525350 32124\n0\n")

    with pytest.raises(NotMeasuredError, match="lost the guest: 32464 exits") as caught:
        rig.bench.open(boot())

    assert caught.value.outcome is Outcome.INFRA
    assert caught.value.console_tail[-1] == "line 30"


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


def test_a_full_disk_is_not_the_sandboxes_fault(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_store: Store, _boot: str, _evidence: Evidence) -> None:
        raise StoreError("cannot write: no space left", remedy="free some")

    monkeypatch.setattr(Store, "add_evidence", refuse)

    with pytest.raises(StoreError):
        rig.bench.open(boot())


def test_a_sandbox_is_proven_again_before_it_ends_and_its_console_is_kept(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.told()

    rig.bench.close()

    assert rig.told() == ["boot3 prove", "boot3 console", "boot3 stop"]
    assert rig.phases() == ["before", "after"]
    assert rig.console() == CONSOLE


def test_a_sandbox_without_a_console_leaves_no_file_for_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeSandbox, "console", lambda _: "")
    rig.bench.open(boot())

    rig.bench.close()

    assert not rig.store.console_path(TCFILTER).exists()


def test_closing_twice_ends_it_once(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.bench.close()
    rig.told()

    rig.bench.close()

    assert rig.told() == []


def test_a_restart_proves_what_was_measured_first_and_that_is_not_proven_again(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.told()

    rig.bench.restart()
    assert rig.told() == ["boot3 prove", "boot3 restart"]
    rig.bench.close()

    assert rig.told() == ["boot3 console", "boot3 stop"]
    assert rig.phases() == ["before", "after"]


def test_a_restart_that_fails_leaves_a_sandbox_that_can_be_closed(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.fails["restart"] = SandboxError("no answer", remedy="read")
    with pytest.raises(SandboxError):
        rig.bench.restart()
    rig.told()

    rig.bench.close()

    assert rig.told() == ["boot3 console", "boot3 stop"]


@pytest.mark.parametrize("step", ["prove", "console"])
def test_a_sandbox_ends_whatever_fails_before_and_that_is_told(step: str, rig: Rig) -> None:
    rig.bench.open(boot())
    rig.fails[step] = gone()
    rig.told()

    with pytest.raises(ProvisionError, match="the node is gone"):
        rig.bench.close()

    assert rig.told() == ["boot3 prove", "boot3 console", "boot3 stop"]
    rig.fails.clear()
    rig.bench.close()
    assert rig.told() == [], "it is over"


def test_what_a_sandbox_leaves_behind_is_told_once(rig: Rig) -> None:
    rig.bench.open(boot())
    rig.fails["stop"] = SandboxError("boot3 left folder", remedy="look")

    with pytest.raises(SandboxError, match="left folder"):
        rig.bench.close()
    rig.bench.close()


def test_nothing_open_cannot_be_proven(rig: Rig) -> None:
    with pytest.raises(RuntimeError, match="no sandbox is open"):
        rig.bench.prove("before")


def test_the_peer_is_a_control_that_is_started_once_out_of_the_way_of_the_boots(rig: Rig) -> None:
    peer = rig.bench.peer

    assert rig.bench.peer is peer
    assert rig.told() == ["peer start"]
    assert str(rig.made[0].cell) == RUNC
    assert rig.made[0].number == 0


def test_the_end_takes_the_open_sandbox_and_the_peer(rig: Rig) -> None:
    rig.bench.open(boot())
    assert str(rig.bench.peer.cell) == RUNC
    rig.told()

    rig.bench.end()

    assert rig.told() == ["boot3 prove", "boot3 console", "boot3 stop", "peer stop"]
    rig.bench.end()
    assert rig.told() == []


def test_the_end_takes_the_peer_even_if_the_sandbox_does_not_go(rig: Rig) -> None:
    rig.bench.open(boot())
    assert str(rig.bench.peer.cell) == RUNC
    rig.made[0].fails = {"stop": gone()}
    rig.told()

    with pytest.raises(ProvisionError):
        rig.bench.end()

    assert rig.told()[-1] == "peer stop"


def test_time_of_starting_restarting_and_ending_counts_as_booting(rig: Rig) -> None:
    now = [0.0]
    rig.bench.stopwatch = Stopwatch(now=lambda: now[0])
    seconds = {"start": 7.0, "prove": 0.25, "restart": 5.0, "console": 0.5, "stop": 2.0}

    def told(sandbox: FakeSandbox, what: str) -> None:
        assert sandbox.name == "boot3"
        now[0] += seconds[what]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FakeSandbox, "_told", told)
        rig.bench.open(boot())
        rig.bench.restart()
        rig.bench.close()

    timeline = rig.bench.stopwatch.timeline
    assert timeline.booting_s == 7 + 5 + 2
    assert timeline.other_s == 2 * 0.25 + 0.5


BURNT: dict[str, float | None] = {"host_foreign_cpu": 1.0}
QUIET: dict[str, float | None] = {"host_foreign_cpu": 0.0, "node_steal": None}


@pytest.mark.parametrize(
    ("noise", "kept"),
    [(BURNT, ["host_foreign_cpu 1 > 0.25\nhost: burner: 5 s\n"]), (QUIET, []), ({}, [])],
)
def test_what_contaminated_a_measurement_is_kept_in_words(
    rig: Rig, noise: dict[str, float | None], kept: list[str]
) -> None:
    rig.bench.open(boot())
    rig.watch.noise, rig.watch.told = noise, "host: burner: 5 s\n"

    assert rig.bench.noise_since(rig.bench.noise()) == noise

    assert [
        path.read_text()
        for path in rig.store.path.glob(f"raw/{TCFILTER}/{bench_module.DISTURBANCES}")
    ] == kept


def test_noise_that_no_sandbox_was_open_for_is_not_kept(rig: Rig) -> None:
    rig.watch.noise = BURNT

    assert rig.bench.noise_since(rig.bench.noise()) == BURNT

    assert not list(rig.store.path.glob("raw/*/*"))


def test_the_noise_around_a_start_is_that_of_the_last_one(rig: Rig) -> None:
    rig.watch.noise = QUIET
    rig.bench.open(boot())
    assert rig.bench.start_noise == QUIET
    rig.bench.close()

    rig.watch.noise = BURNT
    rig.bench.open(boot(position=4))

    assert rig.bench.start_noise == BURNT


HANDICAP = f"{TCFILTER}+handicap"


def show(
    rig: Rig,
    *,
    cell: str = TCFILTER,
    number: int = 1,
    metric: str = "tcp_out_goodput",
    value: float = 100e6,
    attempt: int = 1,
    noise: dict[str, float | None] | None = None,
) -> None:
    """A sample of the plain cell, as a scenario would have recorded it."""
    rig.store.add_sample(
        Sample(
            metric=Metric(metric, Unit.BIT_PER_SECOND, Better.HIGHER, metric),
            value=value, cell=cell, round=number, position=1, boot=cell, scenario="a",
            started="", elapsed_s=1.0, raw=None, noise=noise or {}, attempt=attempt,
        )
    )  # fmt: skip


TBF = '[{"kind": "tbf", "options": {"rate": 11784942, "burst": 131062}}]'


def test_a_handicap_is_held_before_it_is_proven_and_its_limit_is_evidence(rig: Rig) -> None:
    show(rig)
    show(rig, metric="random_read_4k")
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: TBF}))

    sandbox = rig.bench.open(boot(HANDICAP))

    assert sandbox.cell == Cell.parse(TCFILTER), "an ordinary sandbox of its plain cell"
    (evidence,) = rig.evidence(HANDICAP)
    assert evidence.facts[-1].subject == TOWARDS_NODE
    assert evidence.facts[-1].holds
    assert evidence.raw[TOWARDS_NODE].strip() == TBF
    assert any("tbf rate 94279539bit" in line for line in rig.node.ran)
    assert rig.bench.job_limits_iops == {"random-read": 90_000_000}
    rig.bench.close()
    assert rig.bench.job_limits_iops == {}
    assert [each.facts[-1].subject for each in rig.evidence(HANDICAP)] == [TOWARDS_NODE] * 2


def test_a_limit_that_is_not_in_effect_makes_a_handicap_invalid(rig: Rig) -> None:
    show(rig)
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: "[]"}))

    with pytest.raises(NotMeasuredError, match="limit towards the node: expected tbf") as caught:
        rig.bench.open(boot(HANDICAP))

    assert caught.value.outcome is Outcome.INVALID


def test_a_handicap_is_held_to_what_its_cell_has_shown_in_this_round_or_not_run(rig: Rig) -> None:
    show(rig, number=2)
    show(rig, cell=f"{TCFILTER}+twin")

    with pytest.raises(NotMeasuredError, match="has shown nothing in round 1") as caught:
        rig.bench.open(boot(HANDICAP))

    assert caught.value.outcome is Outcome.NOT_RUN
    rig.bench.close()
    assert rig.told()[-1] == "boot3 stop"


def test_a_handicap_is_held_to_the_attempt_that_counts(rig: Rig) -> None:
    show(rig, value=7e6, noise=BURNT)
    show(rig, value=100e6, attempt=2)
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: TBF}))

    rig.bench.open(boot(HANDICAP))

    assert any("tbf rate 94279539bit" in line for line in rig.node.ran)


def test_a_sandbox_that_is_made_again_has_a_name_of_its_own_and_the_same_address(rig: Rig) -> None:
    first = boot()

    rig.bench.open(first)
    rig.bench.close()
    rig.bench.open(msgspec.structs.replace(first, id=f"{first.id}-a2", attempt=2))

    assert [(made.name, made.number) for made in rig.made] == [("boot3", 3), ("boot3-2", 3)]


def test_a_node_that_cannot_hold_a_handicap_is_the_benchs_fault(rig: Rig) -> None:
    show(rig)
    rig.node.reply("qdisc replace", completed(status=2, stderr="Unknown qdisc"))

    with pytest.raises(NotMeasuredError) as caught:
        rig.bench.open(boot(HANDICAP))

    assert caught.value.outcome is Outcome.INFRA


def test_the_sandbox_after_a_handicap_is_not_held(rig: Rig) -> None:
    show(rig)
    rig.node.reply("qdisc show", gathered({TOWARDS_NODE: TBF}))
    rig.bench.open(boot(HANDICAP))
    rig.bench.close()
    rig.node.ran.clear()

    rig.bench.open(boot(f"{TCFILTER}+twin"))

    assert not any("qdisc" in line for line in rig.node.ran)
    (evidence,) = rig.evidence(f"{TCFILTER}+twin")
    assert TOWARDS_NODE not in evidence.raw
