"""What is decided before anything starts, and that everything ends again; no node in it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import ANY

import pytest

from lab import (
    audit,
    diagnosis,
    extensions,
    host,
    labs,
    launch,
    lease,
    prepare,
    takedown,
    this_machine,
)
from lab.audit import Snapshot
from lab.disks import Disks
from lab.errors import ArtefactError, HostError, ProvisionError, UsageError, told
from lab.extensions import Extension, Group
from lab.host import Chosen
from lab.image import emulator
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.inventory import Inventory, Sort, Thing
from lab.labs import Hands
from lab.launch import Decided, decide, finish, open_store, running
from lab.matrix import DEFAULT_CELLS, KATA, Runtime, select
from lab.options import Wishes
from lab.outcome import Outcome
from lab.owner import me
from lab.records import Leaks, RunStatus
from lab.run import Run, exit_status
from lab.stopwatch import Activity, Stopwatch
from lab.virt import domain
from lab.virt.xml import Accelerator
from tests.cluster import built
from tests.fake_run import CREATED, FakeRun, Trouble
from tests.fakes import Clock, unsaid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.machine import Start
    from lab.store import Store
    from lab.topology import Topology

NOWHERE = Path("/nowhere")
IMAGES = Images(
    node=NodeImage("d1", NOWHERE, NOWHERE, NOWHERE, "6.12"),
    guest=GuestImage("d2", NOWHERE, NOWHERE),
    workload=WorkloadImage("d3", NOWHERE, "lab.local/workload", "sha256:1"),
)


@dataclass
class World:
    """What launch leans on, and what it did there."""

    done: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    accelerator: Accelerator = Accelerator.TCG
    fails_at: str = ""
    is_built: bool = True
    looked: list[str] = field(default_factory=list)
    """What had been done last whenever the machine was looked at."""
    left: list[str] = field(default_factory=list)
    """The domains that are there, and should not be."""
    starts: list[Start] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    """The machines that are the lab's own."""

    def do(self, what: str, seconds: float = 0) -> None:
        if what == self.fails_at:
            raise ProvisionError(f"{what} fails", remedy="none")
        self.done.append(what)
        self.clock.now += seconds

    def build(self, _lock: object, *, say: object) -> Images:
        assert say
        self.do("build", 30)
        return IMAGES

    def choose_accelerator(self, wish: str, image: NodeImage) -> Chosen:
        assert image is IMAGES.node
        return Chosen(self.accelerator, f"{wish} was wished")

    def bring_up(self, start: Start) -> SimpleNamespace:
        self.do("up", 14)
        self.starts.append(start)
        record = SimpleNamespace(
            id="lab-embedded-1",
            ways_in="`lab shell node-1`",
            nodes=[
                SimpleNamespace(domain=f"lab-embedded-1-{n.name}") for n in start.topology.nodes
            ],
        )
        return SimpleNamespace(record=record, folder=Path("/labs/lab-embedded-1"))

    def gather(self, questions: Mapping[str, str], **_: float) -> dict[str, str]:
        self.do("versions")
        return {name: f" 1.0, answer to {line}\n" for name, line in questions.items()}

    def look(self) -> Snapshot:
        self.looked.append((self.done or ["nothing"])[-1])
        left = [
            Thing(sort=Sort.DOMAIN, name=name, hands=Hands.ALIVE, owner=me()) for name in self.left
        ]
        return Snapshot(Inventory(tuple(left)), {})

    def take_down(self, folder: Path) -> None:
        self.do(f"down {folder.name}")

    def prepared(self, topology: Topology, *_: object, **__: object) -> dict[str, Disks]:
        self.do("prepare", 60)
        return {node.name: Disks.of(node.name, Path("/prepared")) for node in topology.nodes}

    def setting(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(node=SimpleNamespace(gather=self.gather))

    def bench(
        self,
        _setting: object,
        _store: object,
        _stopwatch: object,
        watched: list[str],
        *,
        make: object,
    ) -> SimpleNamespace:
        assert make
        self.watched = watched
        return SimpleNamespace(end=lambda: self.do("end"))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    world = World()
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(this_machine, "load", lambda: "the lock")
    monkeypatch.setattr(this_machine, "build", world.build)
    monkeypatch.setattr(audit, "snapshot", lambda *_, **__: world.look())
    monkeypatch.setattr(this_machine, "is_built", lambda _lock: world.is_built)
    monkeypatch.setattr(host, "check_room", lambda topology: world.do(f"room for {topology.name}"))
    monkeypatch.setattr(host, "choose_accelerator", world.choose_accelerator)
    monkeypatch.setattr(host, "qemu_version", lambda *_: "QEMU emulator version 10.2.0")
    monkeypatch.setattr(host, "facts", lambda: {"cpus": "2"})
    monkeypatch.setattr(prepare, "prepared", world.prepared)
    monkeypatch.setattr(prepare, "activate", lambda *_: world.do("activate", 6))
    monkeypatch.setattr(prepare, "setting", world.setting)
    monkeypatch.setattr(launch, "bring_up", world.bring_up)
    for module in (launch, takedown):
        monkeypatch.setattr(module, "take_down", world.take_down)
    monkeypatch.setattr(labs, "keep", lambda _record: world.do("keep"))
    monkeypatch.setattr(launch, "Bench", world.bench)
    monkeypatch.setattr(this_machine, "Watch", lambda _node, domains: domains)
    monkeypatch.setattr(launch, "time", world.clock)
    return world


@pytest.fixture
def wishes(tmp_path: Path) -> Wishes:
    return replace(Wishes.read(lambda _name: None), output=tmp_path / "results")


def decided(wishes: Wishes, **changes: Any) -> Decided:  # noqa: ANN401 - the fields of Wishes
    return decide(replace(wishes, **changes), say=lambda _text: None, stopwatch=Stopwatch())


@pytest.mark.parametrize(
    ("accelerator", "profile", "rounds"),
    [(Accelerator.TCG, "smoke", 1), (Accelerator.KVM, "standard", 5)],
)
def test_who_asks_for_nothing_gets_what_the_machine_is_good_for(
    world: World, wishes: Wishes, accelerator: Accelerator, profile: str, rounds: int
) -> None:
    world.accelerator = accelerator

    it = decided(wishes)

    assert (it.profile.name, it.plan.profile, it.plan.rounds) == (profile, profile, rounds)
    assert it.plan.plain_cells == DEFAULT_CELLS
    assert it.chosen == Chosen(accelerator, "auto was wished")
    assert it.images is IMAGES


def test_what_is_wished_is_had(world: World, wishes: Wishes) -> None:
    it = decided(wishes, cells="none+*+*", profile="publish", rounds=2, seed=9, accel="tcg")

    assert it.plan.cells == select("none+*+*")
    assert (it.profile.name, it.plan.rounds, it.plan.seed, it.profile.seed) == ("publish", 2, 9, 9)
    assert it.chosen.reason == "tcg was wished"
    assert world.done == ["room for embedded", "build"]


def test_the_seed_zero_is_a_seed(world: World, wishes: Wishes) -> None:
    assert decided(wishes, seed=0).plan.seed == 0
    assert world.done


def test_a_seed_that_nobody_wished_is_new_and_the_same_all_over(
    world: World, wishes: Wishes
) -> None:
    seeds = {decided(wishes).plan.seed for _ in range(5)}

    assert len(seeds) > 1
    it = decided(wishes)
    assert it.profile.seed == it.plan.seed
    assert world.done


@pytest.mark.parametrize(
    "wrong", [{"topology": "embeded"}, {"cells": "tcfiltr+9p+reference"}], ids=str
)
def test_what_does_not_exist_is_found_before_anything_is_done(
    world: World, wishes: Wishes, wrong: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"embeded|tcfiltr"):
        decided(wishes, **wrong)

    assert world.done == []


def test_a_topology_without_room_is_said_before_anything_is_built(
    world: World, wishes: Wishes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_topology: object) -> NoReturn:
        raise HostError("no room", remedy="make some")

    monkeypatch.setattr(host, "check_room", none)

    with pytest.raises(HostError, match="no room"):
        decided(wishes)

    assert world.done == []


def test_building_is_counted_and_the_accelerator_is_said(world: World, wishes: Wishes) -> None:
    said: list[str] = []
    stopwatch = Stopwatch(world.clock.monotonic)

    decide(wishes, say=said.append, stopwatch=stopwatch)

    assert stopwatch.timeline.building_s == 30
    assert said == ["node under tcg: auto was wished"]


def test_the_plan_is_on_disk_before_the_first_sample(
    world: World, wishes: Wishes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["lab", "matrix", "--seed", "9"])
    it = decided(wishes, seed=9)

    run = Run.load(open_store(it).path)

    assert run.header.plan == it.plan
    assert run.header.command_line == ("lab", "matrix", "--seed", "9")
    assert (run.header.topology, run.header.status) == ("embedded", RunStatus.RUNNING)
    assert run.header.created > CREATED.replace(year=2000)
    assert run.samples == ()
    assert world.done


@dataclass
class Campaign:
    """A run that is about to start its node."""

    world: World
    decided: Decided
    store: Store
    stopwatch: Stopwatch
    said: list[str] = field(default_factory=list)

    def keeping(self, keep: str) -> Campaign:
        wishes = replace(self.decided.wishes, keep=keep)
        return replace(self, decided=replace(self.decided, wishes=wishes))

    @contextmanager
    def running(self) -> Iterator[None]:
        self.world.done.clear()
        with running(self.decided, self.store, say=self.said.append, stopwatch=self.stopwatch):
            self.world.do("measure")
            yield


@pytest.fixture
def campaign(world: World, wishes: Wishes) -> Campaign:
    it = decided(wishes, cells="*+9p+*")
    return Campaign(world, it, open_store(it), Stopwatch(world.clock.monotonic))


def test_a_bench_is_up_for_its_block_and_then_taken_down(campaign: Campaign) -> None:
    with campaign.running():
        pass

    assert campaign.world.done == [
        "prepare", "up", "activate", "versions", "measure", "end", "down lab-embedded-1"
    ]  # fmt: skip


def test_the_node_is_started_as_decided(campaign: Campaign) -> None:
    with campaign.running():
        pass

    (start,) = campaign.world.starts
    assert (start.topology, start.accelerator) == (campaign.decided.topology, Accelerator.TCG)
    assert start.disks == {"node-1": Disks.of("node-1", Path("/prepared"))}
    assert start.console("node-1") == campaign.store.console_path("node-1")
    assert not start.keeps_disks


def test_a_topology_of_two_nodes_is_started_whole(
    world: World, wishes: Wishes, tmp_path: Path
) -> None:
    lock = built.fill_cluster(tmp_path / "built")
    it = decided(wishes, topology="k8s-calico-kata", artefacts=tmp_path / "built", lock=lock)
    campaign = Campaign(world, it, open_store(it), Stopwatch(world.clock.monotonic))

    with campaign.running():
        pass

    (start,) = world.starts
    assert list(start.disks) == ["control-1", "worker-1"]
    assert world.watched == ["lab-embedded-1-control-1", "lab-embedded-1-worker-1"]
    assert start.console("worker-1") == campaign.store.console_path("worker-1")
    assert "ssh answers on control-1, worker-1 after 14 s" in campaign.said
    environment = Run.load(campaign.store.path).environment
    assert environment is not None
    assert environment.knobs["nodes"] == "2"
    assert environment.knobs["control plane memory"] == "4096 MiB"


def test_preparing_is_building_and_starting_is_booting(campaign: Campaign) -> None:
    with campaign.running():
        pass

    line = campaign.stopwatch.timeline
    assert (line.building_s, line.booting_s, line.node_ready_s) == (60, 20, 14)
    assert "ssh answers on node-1 after 14 s" in campaign.said


def test_what_was_measured_on_is_on_record(campaign: Campaign) -> None:
    with campaign.running():
        pass

    environment = Run.load(campaign.store.path).environment
    assert environment is not None
    assert (environment.accelerator, environment.is_emulated) == ("tcg", True)
    assert environment.accelerator_reason == "auto was wished"
    assert environment.host == {"cpus": "2"}
    assert environment.images == {"node": "d1", "guest": "d2", "workload": "d3"}
    assert environment.versions["node kernel"] == "1.0, answer to uname -r"
    assert environment.knobs["node memory"] == "4096 MiB"
    assert "nodes" not in environment.knobs


def test_what_extends_the_lab_is_on_record(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Extension(
        group=Group.SCENARIOS, name="own", place="tests.installed", distribution="own-backend 1.0"
    )
    monkeypatch.setattr(extensions, "that_measure", lambda: (own,))
    with campaign.running():
        pass

    environment = Run.load(campaign.store.path).environment
    assert environment is not None
    assert environment.versions["own-backend"] == "1.0"


def test_a_run_of_kata_is_told_from_which_artefacts_it_is(
    world: World, wishes: Wishes, tmp_path: Path
) -> None:
    lock = built.fill(tmp_path / "built")
    it = decided(wishes, cells="none+9p+*", artefacts=tmp_path / "built", lock=lock)
    campaign = Campaign(world, it, open_store(it), Stopwatch(world.clock.monotonic))

    with campaign.running():
        pass

    run = Run.load(campaign.store.path)
    assert {cell.runtime for cell in it.plan.cells} == {Runtime.REFERENCE, *KATA}
    assert run.header.options == (
        "--artefacts", str(tmp_path / "built"), "--lock", str(lock)
    )  # fmt: skip
    assert run.environment is not None
    assert run.environment.local_artefacts.startswith("kata-go 3.28.0, kata-rs 4.1.0, ")
    assert run.environment.versions["kata-go"] == "3.28.0"
    assert run.environment.images["artefacts"]


def test_a_run_without_kata_needs_no_artefacts(campaign: Campaign) -> None:
    with campaign.running():
        pass

    run = Run.load(campaign.store.path)
    assert campaign.decided.kit is None
    assert run.environment is not None
    assert run.environment.local_artefacts == ""
    assert run.header.options == ()


def test_artefacts_that_are_missing_are_said_before_anything_is_done(
    world: World, wishes: Wishes, tmp_path: Path
) -> None:
    with pytest.raises(ArtefactError, match="there is no lock"):
        decided(wishes, cells="none+9p+kata-go", lock=tmp_path / "none.toml")

    assert world.done == []


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_an_exception_inside_takes_everything_down(
    campaign: Campaign, error: BaseException
) -> None:
    def fail() -> None:
        with campaign.running():
            raise error

    with pytest.raises(type(error)):
        fail()

    assert campaign.world.done[-2:] == ["end", "down lab-embedded-1"]


@pytest.mark.parametrize("step", ["activate", "versions", "end"])
def test_a_node_that_cannot_be_made_ready_or_left_is_taken_down(
    campaign: Campaign, step: str
) -> None:
    campaign.world.fails_at = step

    with pytest.raises(ProvisionError, match=f"{step} fails"), campaign.running():
        pass

    assert campaign.world.done[-1] == "down lab-embedded-1"


def test_a_screen_that_fails_does_not_leave_the_lab_up(campaign: Campaign) -> None:
    def say(text: str) -> None:
        if "ssh answers" in text:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        running(campaign.decided, campaign.store, say=say, stopwatch=campaign.stopwatch).__enter__()

    assert campaign.world.done[-1] == "down lab-embedded-1"


def test_what_qemu_said_of_a_node_that_never_came_up_is_kept(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "qemu").mkdir()
    monkeypatch.setattr(diagnosis, "QEMU_LOGS", (tmp_path / "qemu",))
    for name, age_s in (("lab-old-node-1", 60), ("lab-embedded-1-node-1", 0), ("somebodys", 0)):
        log = tmp_path / "qemu" / f"{name}.log"
        log.write_text(f"{name}: cannot set up guest memory")
        os.utime(log, (then := time.time() + 60 - 2 * age_s, then))
    campaign.world.fails_at = "up"

    with pytest.raises(ProvisionError) as caught, campaign.running():
        pass

    folder = campaign.store.path / "diagnosis" / "bench"
    assert [path.name for path in folder.iterdir()] == ["lab-embedded-1-node-1-qemu.txt"]
    assert f"what QEMU has said is in {folder}" in told(caught.value)


@pytest.mark.parametrize("step", ["prepare", "up"])
def test_a_node_that_never_came_up_is_not_taken_down_twice(campaign: Campaign, step: str) -> None:
    """Whoever brings it up takes it down if that fails."""
    campaign.world.fails_at = step

    with pytest.raises(ProvisionError, match=f"{step} fails"), campaign.running():
        pass

    assert not [what for what in campaign.world.done if what.startswith("down")]


@pytest.mark.parametrize(
    ("keep", "is_good", "stays"),
    [
        ("never", True, False),
        ("never", False, False),
        ("failed", True, False),
        ("failed", False, True),
        ("always", True, True),
        ("always", False, True),
    ],
)
def test_the_user_says_whether_the_lab_stays_up(
    campaign: Campaign, tmp_path: Path, *, keep: str, is_good: bool, stays: bool
) -> None:
    bad = {str(cell): Trouble(Outcome.FAIL, "because") for cell in DEFAULT_CELLS}
    path = FakeRun(trouble={} if is_good else bad).write(tmp_path / "runs")
    mine = replace(campaign.keeping(keep), store=replace(campaign.store, path=path))

    with mine.running():
        pass

    assert ("down lab-embedded-1" in mine.world.done) != stays
    assert ("end" in mine.world.done) != stays
    assert any("lab-embedded-1 stays up" in text for text in mine.said) == stays


@pytest.mark.parametrize(
    ("is_complete", "status"), [(True, RunStatus.COMPLETE), (False, RunStatus.INTERRUPTED)]
)
def test_how_a_run_ended_is_on_record(
    campaign: Campaign, *, is_complete: bool, status: RunStatus
) -> None:
    with campaign.stopwatch.spending(Activity.MEASURING):
        campaign.world.clock.now += 5

    run = finish(campaign.store, campaign.stopwatch, is_complete=is_complete)

    assert run.header.status is status
    assert run.timeline is not None
    assert (run.timeline.measuring_s, run.timeline.total_s) == (5, 5)


@pytest.fixture
def old_qemu(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine whose own QEMU may lose a node; what libvirt says of ours, empty if it is fine."""
    assert not world.done
    said = [""]
    monkeypatch.setattr(host, "qemu_version", lambda *_: "QEMU emulator version 7.2.22")
    monkeypatch.setattr(emulator, "build", lambda *_, **__: Path("/images/emulator/qemu"))
    monkeypatch.setattr(this_machine, "connected", lambda _uri: nullcontext("connection"))
    monkeypatch.setattr(domain, "emulator_problem", lambda *_: said[0])
    return said


@pytest.mark.usefixtures("old_qemu")
def test_an_emulated_node_is_run_by_a_qemu_that_keeps_it(world: World, wishes: Wishes) -> None:
    decided = decide(wishes, say=lambda _: None, stopwatch=Stopwatch())

    assert world.done
    assert decided.chosen.emulator == Path("/images/emulator/qemu")


@pytest.mark.usefixtures("old_qemu")
def test_hardware_needs_no_emulator(world: World, wishes: Wishes) -> None:
    world.accelerator = Accelerator.KVM

    assert decide(wishes, say=lambda _: None, stopwatch=Stopwatch()).chosen.emulator is None


def test_a_machine_with_a_sound_qemu_uses_it(world: World, wishes: Wishes) -> None:
    assert decide(wishes, say=lambda _: None, stopwatch=Stopwatch()).chosen.emulator is None
    assert world.done


def test_where_libvirt_cannot_start_ours_the_machines_own_runs_and_the_risk_is_said(
    world: World, wishes: Wishes, old_qemu: list[str]
) -> None:
    old_qemu[0] = "Permission denied"
    said: list[str] = []

    decided = decide(wishes, say=said.append, stopwatch=Stopwatch())

    assert world.done
    assert decided.chosen.emulator is None
    assert any("may lose the node" in line and "Permission denied" in line for line in said)


def test_images_are_built_beside_others_that_do_not_measure(
    world: World, wishes: Wishes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.is_built = False
    stopwatch = Stopwatch(world.clock.monotonic)

    @contextmanager
    def waiting(doing: str, *, is_alone: bool, **_: object) -> Iterator[None]:
        world.do(f"{doing}: {is_alone}", 1000)
        yield

    monkeypatch.setattr(lease, "leased", waiting)

    decide(wishes, say=lambda _: None, stopwatch=stopwatch)

    assert world.done == ["room for embedded", "building images: False", "build"]
    assert (stopwatch.timeline.building_s, stopwatch.timeline.total_s) == (30, 30)


def test_room_that_a_run_takes_is_looked_for_once_it_has_ended(
    world: World, wishes: Wishes
) -> None:
    with lease.leased("measuring", is_alone=True, say=unsaid):
        it = decided(wishes)
        assert world.done == ["build"]

    stopwatch = Stopwatch(world.clock.monotonic)
    with launch.leased(it, "measuring", is_alone=True, say=unsaid, stopwatch=stopwatch) as mine:
        assert mine.claim.is_alone
        assert world.done == ["build", "room for embedded"]
    assert lease.queue() == ()


def test_a_machine_that_has_no_room_is_given_back(
    world: World, wishes: Wishes, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = decided(wishes)
    monkeypatch.setattr(world, "fails_at", "room for embedded")

    with pytest.raises(ProvisionError):
        launch.leased(it, "measuring", is_alone=True, say=unsaid, stopwatch=Stopwatch()).__enter__()

    assert lease.queue() == ()


def test_the_machine_is_looked_at_before_anything_starts_and_when_all_is_down(
    campaign: Campaign,
) -> None:
    with campaign.running():
        assert campaign.world.looked == ["nothing"]

    assert campaign.world.looked == ["nothing", "down lab-embedded-1"]
    assert Run.load(campaign.store.path).leaks == Leaks(elapsed_s=ANY)


def test_what_is_left_behind_is_said_and_a_fault_of_the_bench(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SETTLE_S", 0.0)
    campaign.world.left = ["lab-embedded-1-node-1"]

    with campaign.running():
        pass

    run = Run.load(campaign.store.path)
    assert run.leaks
    assert run.leaks.leaks == ("domain lab-embedded-1-node-1",)
    assert exit_status(run) == 3
    assert campaign.said[-1] == "left behind: domain lab-embedded-1-node-1"


def test_a_look_that_fails_does_not_hide_the_first_error(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.world.fails_at = "up"
    monkeypatch.setattr(
        type(campaign.store),
        "set_leaks",
        lambda *_: campaign.world.do("up"),  # fails as well
    )

    with pytest.raises(ProvisionError, match="up fails") as caught, campaign.running():
        pass

    assert caught.value.__notes__ == ["up fails\n  remedy: none"]
