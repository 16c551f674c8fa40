"""A run of pytest inside this one, on a bench that only plays."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

import lab
from lab import pytest_plugin
from lab.outcome import Evidence, Fact, Outcome
from lab.plan import Boot, Plan
from lab.profile import STANDARD, Profile
from lab.pytest_plugin import Handover
from lab.records import OutcomeRecord, RunHeader
from lab.sample import Sample
from lab.session import Session
from lab.stopwatch import Stopwatch
from lab.store import Store
from tests.fake_run import CREATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest

    from lab.launch import Decided
    from lab.lease import Lease
    from lab.matrix import Cell
    from lab.pause import Pauses


Record = TypeVar("Record", OutcomeRecord, Sample)

ORDER = ["none+devmapper+reference", "macvtap+9p+reference", "tcfilter+9p+reference"]
"""Of the plan; that of the matrix is the other way round."""
FIRST = ORDER[0]
PLAN = Plan(
    profile="smoke",
    rounds=1,
    seed=5,
    cell_names=tuple(reversed(ORDER)),
    order=tuple(
        Boot(id=name, cell_name=name, round=1, position=position)
        for position, name in enumerate(ORDER, start=1)
    ),
)
WORKS = "def test_works(sandbox): pass\n"
PROOF = Fact(subject="kind", source="ip link", expected="tun", observed="tun", holds=True)


@dataclass
class FakeBench:
    """Opens what it is asked to, or fails as the test has laid down."""

    store: Store
    calls: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    """Cells that are known not to work."""
    fails: dict[str, Exception] = field(default_factory=dict)
    """By call, e.g. ``open tcfilter+9p+reference`` or ``close``."""
    disturbed: set[str] = field(default_factory=set)
    """Boots beside which somebody else is at work."""
    is_open: str | None = None
    setting: Any = field(
        default_factory=lambda: SimpleNamespace(
            node="the node", nodes=(SimpleNamespace(name="node-1"),)
        )
    )

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if what in self.fails:
            raise self.fails[what]

    def open(self, boot: Boot) -> SimpleNamespace:
        assert self.is_open is None
        self.is_open = boot.id
        self._called(f"open {boot.id}")
        self.store.add_evidence(boot.id, Evidence(phase="before", facts=(PROOF,), raw={}))
        return SimpleNamespace(cell=boot.cell, id=boot.id)

    def restart(self) -> None:
        self._called(f"restart {self.is_open}")

    lost: str = ""
    """What the bench says of a guest that no longer answers, if it is the emulator's fault."""

    def lost_guest(self) -> str:
        return self.lost

    has_no_share: bool = False
    """Whether nobody serves the root file system of the open sandbox any more."""

    def has_lost_its_share(self) -> bool:
        return self.has_no_share

    def may_work(self, cell: Cell) -> bool:
        return str(cell) not in self.doubtful

    diagnosed: list[str] = field(default_factory=list)
    """What was asked to be diagnosed: the boot, and what has failed in it."""

    hangs_when_diagnosed: bool = False
    """Whether the node, which has answered so far, answers no more after that."""

    def diagnose(self, boot: Boot, *, scenario: str, since_s: float) -> Path:
        assert since_s >= 0
        self.diagnosed.append(f"{boot.id} {scenario}")
        if "diagnose" in self.fails:
            raise self.fails["diagnose"]
        if self.hangs_when_diagnosed:
            self.fails["node"] = OSError("it hangs")
        return self.store.path / "diagnosis" / boot.id

    def is_alive(self) -> bool:
        return "node" not in self.fails

    def abandon(self) -> None:
        self.is_open = None
        self._called("abandon")

    def close(self, *, is_lost: bool = False) -> None:
        if self.is_open is not None:
            boot, self.is_open = self.is_open, None
            self._called(f"close {boot}{' lost' if is_lost else ''}")

    @property
    def peer(self) -> str:
        self._called("peer")
        return "the peer"

    @contextmanager
    def lent(self) -> Iterator[None]:
        self.calls.append(f"lend {self.is_open}")
        yield
        self.calls.append(f"have {self.is_open} back")

    def noise(self) -> str:
        return "noise"

    def noise_since(self, before: str) -> dict[str, float | None]:
        assert before == "noise"
        if self.is_open in self.disturbed:
            return {"host_foreign_cpu": 1.0}
        return {"host_stolen": 0.0, "node_stolen": None}


@dataclass
class FakeScreen:
    """Remembers what it was told."""

    told: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.told.append(text)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.told.append("stood aside")
        yield

    def begin(self, boot: Boot) -> None:
        self.told.append(f"begin {boot.id}")

    def phase(self, text: str) -> None:
        self.told.append(text)

    def is_up(self, text: str) -> None:
        self.told.append(f"up: {text}")

    def end(self, boot: Boot, counts: Mapping[Outcome, int]) -> None:
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        self.told.append(f"end {boot.id}: {summary}")


@dataclass
class Finished:
    """A run that is over."""

    status: int
    records: list[OutcomeRecord]
    samples: list[Sample]
    bench: FakeBench
    screen: FakeScreen
    store: Store
    timeline: Any

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        """The boot and outcome of each scenario, in order."""
        return [(record.boot, record.outcome) for record in self.records]

    def of(self, boot: str) -> list[OutcomeRecord]:
        return [record for record in self.records if record.boot == boot]


class Runner:
    """Runs scenarios on a fake bench."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self.profile: Profile = STANDARD
        self.plan_anew(PLAN)
        self.bring_up_fails: Exception | None = None
        self.take_down_fails: Exception | None = None
        self.is_cluster = False
        self.has_leaks = False
        self.pauses: Pauses | None = None
        self.doing: list[str] = []
        fake = SimpleNamespace(running=self._running, finish=self._finish, leased=self._leased)
        monkeypatch.setitem(sys.modules, "lab.launch", cast("Any", fake))
        monkeypatch.setattr(lab, "launch", fake, raising=False)

    def plan_anew(self, plan: Plan) -> None:
        self.plan = plan
        header = RunHeader(created=CREATED, command_line=("lab",), topology="embedded", plan=plan)
        self.store = Store.create(self._pytester.path / "results", header)
        self.bench = FakeBench(self.store)

    def decided(self) -> SimpleNamespace:
        return SimpleNamespace(
            plan=self.plan,
            profile=self.profile,
            topology=SimpleNamespace(is_cluster=self.is_cluster),
        )

    @contextmanager
    def _leased(self, _decided: Decided, doing: str, **how: Any) -> Iterator[str]:  # noqa: ANN401
        assert doing == f"measuring into {self.store.path}"
        assert how["is_alone"]
        how["say"]("waiting for this machine")
        self.bench.calls.append("leased")
        yield "the lease"
        self.bench.calls.append("lease given back")

    @contextmanager
    def _running(
        self, _decided: Decided, store: Store, *, say: Callable[[str], None], stopwatch: Stopwatch
    ) -> Iterator[FakeBench]:
        assert store is self.store
        assert stopwatch.timeline.measuring_s == 0
        say("starting node-1")
        if self.bring_up_fails is not None:
            raise self.bring_up_fails
        self.bench.calls.append("up")
        try:
            yield self.bench
        finally:
            self.bench.close()
            self.bench.calls.append("down")
            if self.take_down_fails is not None:
                raise self.take_down_fails

    def _finish(
        self, _store: Store, _stopwatch: Stopwatch, *, is_complete: bool
    ) -> SimpleNamespace:
        self.bench.calls.append(f"finish {is_complete}")
        return SimpleNamespace(has_leaks=self.has_leaks)

    def run(self, scenario: str, *arguments: str, **files: str) -> Finished:
        """Run the text of one scenario file, and of others by name, as `lab matrix` would."""
        for name, text in {"test_a": scenario, **files}.items():
            path = self._pytester.path / "scenarios" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"import pytest\n{text}", encoding="utf-8")
        screen = FakeScreen()
        session = Session(
            decided=cast("Decided", self.decided()),
            store=self.store,
            stopwatch=Stopwatch(),
            lease=cast("Lease", SimpleNamespace(tell=self.doing.append)),
            screen=screen,
            pauses=self.pauses,
        )
        status = self._pytester.inline_run(
            "scenarios",
            "-p",
            "no:cacheprovider",
            *arguments,
            plugins=[pytest_plugin, Handover(session)],
        ).ret
        assert status is not None
        return Finished(
            status=int(status),
            records=_read(self.store, "outcomes.jsonl", OutcomeRecord),
            samples=_read(self.store, "samples.jsonl", Sample),
            bench=self.bench,
            screen=screen,
            store=self.store,
            timeline=session.stopwatch.timeline,
        )


def _read(store: Store, name: str, kind: type[Record]) -> list[Record]:
    path = store.path / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=kind) for line in lines]


IMPORTS = """\
from lab.command import Completed
from lab.errors import *
from lab.bench import NotMeasuredError
from lab.outcome import Outcome
FAILED = Completed(("ping",), 1, "", "the guest's last words", 0.1)
"""
