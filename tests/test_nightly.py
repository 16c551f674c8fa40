"""The driver of a night: what is measured when, what is left behind, and what a shell is told."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from rich.console import Console

from lab import campaign, nightly
from lab.cli import main
from lab.contamination import RULES
from lab.design import comparisons_of
from lab.errors import HostError, UsageError
from lab.history.index import NIGHT, read_night
from lab.history.known import load
from lab.history.night import Kind
from lab.matrix import Cell, select
from lab.nightly import ACKNOWLEDGE, REGRESSED, SUMMARY, run_nightly
from lab.options import Wishes
from lab.plan import Design
from lab.records import RunStatus
from lab.run import BENCH_FAILED, Run
from lab.stats.screen import ROUNDS
from lab.store import SAMPLES
from tests.fake_run import CREATED, METRICS, FakeRun

if TYPE_CHECKING:
    from lab.history.night import Night

CONTROL = "veth+overlayfs+runc"
CELL = "tcfilter+virtiofs+reference"
OTHER = "macvtap+virtiofs+reference"
CELLS = ",".join((CONTROL, CELL, OTHER))
PRIMARY = ("tcp_out_goodput", "start_to_answer")
MEASURED = [fake for fake in METRICS if fake.metric.name in PRIMARY]
CALM = dict.fromkeys((rule.name for rule in RULES), 0.0)


@dataclass
class World:
    """Stands for the bench: runs that are made at once, and what was asked of them."""

    root: Path
    factors: dict[str, float] = field(default_factory=dict)
    asked: list[Wishes] = field(default_factory=list)
    status: int = 0
    ends: RunStatus = RunStatus.COMPLETE
    makes_reports: bool = False
    copy_to: Path | None = None
    fails_again: BaseException | None = None
    said: io.StringIO = field(default_factory=io.StringIO)

    def measure(self, wishes: Wishes, _console: Console) -> tuple[Run, int]:
        self.asked.append(wishes)
        is_again = wishes.rounds == ROUNDS
        if is_again and self.fails_again:
            raise self.fails_again
        cells = select(wishes.cells)
        path = FakeRun(
            cells=cells,
            rounds=wishes.rounds or 5,
            seed=len(self.asked),
            profile=wishes.profile or "?",
            created=CREATED + timedelta(hours=12 * len(self.asked)),
            metrics=MEASURED,
            design=Design(primary=PRIMARY, comparisons=comparisons_of(cells)),
            status=self.ends,
        ).write(self.root)
        samples = [
            msgspec.structs.replace(s, value=s.value * self.factors.get(s.cell, 1), noise=CALM)
            for s in Run.load(path).samples
        ]
        (path / SAMPLES).write_bytes(b"".join(msgspec.json.encode(s) + b"\n" for s in samples))
        for name in ("report.html", "junit.xml") if self.makes_reports else ():
            (path / name).write_text("made")
        return Run.load(path), self.status

    def night(self, *, known: Path | None = None, allowed: tuple[str, ...] = ()) -> int:
        wishes = Wishes.read({"lab_cells": CELLS, "lab_output": str(self.root)}.get)
        console = Console(file=self.said, width=200)
        return run_nightly(wishes, console, known_file=known, allowed=allowed, copy_to=self.copy_to)

    @property
    def told(self) -> list[Night]:
        """What all nights so far told."""
        found = [read_night(path.parent) for path in sorted(self.root.glob(f"2*/{NIGHT}"))]
        return [night for night in found if night]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaign, "measure", made.measure)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return made


def regressed(world: World) -> int:
    """Two nights, and a third on which one cell has lost a third."""
    for _ in range(2):
        world.night()
    world.factors[CELL] = 0.66
    return world.night()


def test_a_first_night_is_measured_once_and_told(world: World) -> None:
    assert world.night() == 0

    (asked,) = world.asked
    assert asked.profile == "standard"
    (told,) = world.told
    assert (told.series, told.learning, told.events) == (4, 4, ())
    assert (world.root / "last" / SUMMARY).read_text().startswith("# ✓ Night: nothing has changed")


def test_a_profile_that_was_asked_for_is_kept(world: World) -> None:
    wishes = Wishes.read({"lab_profile": "publish", "lab_output": str(world.root)}.get)

    run_nightly(wishes, Console(file=world.said), known_file=None, allowed=())

    assert world.asked[0].profile == "publish"


def test_a_regression_is_measured_again_with_its_control_and_told(world: World) -> None:
    assert regressed(world) == REGRESSED == 4

    again = world.asked[-1]
    assert again.rounds == ROUNDS
    assert {CONTROL, CELL} <= set(map(str, select(again.cells)))
    told = [event for event in world.told[-1].events if event.kind is Kind.REGRESSION]
    assert (CELL, "tcp_out_goodput") in {(event.cell, event.metric) for event in told}
    assert world.told[-1].confirmed_by
    assert "regression" in world.said.getvalue()


def test_the_re_run_is_no_night_of_the_history(world: World) -> None:
    regressed(world)
    world.factors.clear()
    world.night()

    assert [night.epoch_nights for night in world.told] == [1, 2, 3, 4]


def test_the_re_run_asks_for_nothing_but_what_decides() -> None:
    wishes = Wishes.read(
        {"lab_shard": "1/2", "lab_budget": "1h", "lab_seed": "7", "lab_keep": "failed"}.get
    )
    screened = type("Watched", (), {"cells": (CONTROL, CELL)})()

    again = nightly.again(screened, wishes)

    assert (again.shard, again.budget_s, again.seed, again.rounds) == (None, None, None, ROUNDS)
    assert (again.controls.value, again.order.value, again.keep) == ("none", "shuffled", "failed")
    assert select(again.cells) == (Cell.parse(CONTROL), Cell.parse(CELL))


def test_a_known_regression_does_not_end_in_an_alarm(world: World) -> None:
    first = regressed(world)
    night = world.root / "last"
    lines = next(path for path in world.root.glob(f"2*/{ACKNOWLEDGE}")).read_text()
    Path("known-regressions.toml").write_text(
        lines.replace('owner = ""', 'owner = "ann"')
        .replace('reason = ""', 'reason = "waits"')
        .replace("expires = 2026-11", "expires = 2027-11")
    )

    second = world.night()

    assert (first, second) == (REGRESSED, 0)
    assert night.exists()
    assert all("ann" in line for line in world.told[-1].known)


def test_what_is_to_be_acknowledged_is_refused_unread(world: World) -> None:
    regressed(world)
    (path,) = world.root.glob(f"2*/{ACKNOWLEDGE}")

    with pytest.raises(UsageError, match="owner is empty"):
        load(path)


def test_a_wrong_file_of_known_regressions_stops_the_night_before_it_begins(world: World) -> None:
    Path("known-regressions.toml").write_text("[[regresion]]\n")

    with pytest.raises(UsageError, match="unknown field"):
        world.night()
    with pytest.raises(UsageError, match="No such file"):
        world.night(known=Path("nowhere.toml"))
    assert world.asked == []


def test_a_fact_that_nobody_has_is_not_allowed_to_differ(world: World) -> None:
    with pytest.raises(UsageError, match="there is no fact 'host kernl'"):
        world.night(allowed=("host kernl",))


def test_the_status_of_the_first_stage_is_handed_on(world: World) -> None:
    world.status = BENCH_FAILED

    assert world.night() == BENCH_FAILED
    assert len(world.told) == 1


def test_an_interrupted_run_is_no_night(world: World) -> None:
    world.ends, world.status = RunStatus.INTERRUPTED, 2

    assert world.night() == 2
    assert world.told == []


def test_a_re_run_that_cannot_be_made_decides_nothing(world: World) -> None:
    world.fails_again = HostError("no room", remedy="make some")

    assert regressed(world) == BENCH_FAILED
    kinds = {event.kind for event in world.told[-1].events}
    assert kinds == {Kind.UNDECIDED}
    assert "no room" in world.said.getvalue()


def test_a_re_run_that_is_interrupted_leaves_the_night_behind(world: World) -> None:
    world.fails_again = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        regressed(world)
    assert {event.kind for event in world.told[-1].events} == {Kind.UNDECIDED}


def test_the_summary_is_added_to_the_page_of_the_job(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("what was there\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))

    world.night()

    assert page.read_text() == "what was there\n" + (world.root / "last" / SUMMARY).read_text()


def test_the_reports_are_copied_for_a_pipeline(world: World, tmp_path: Path) -> None:
    world.makes_reports = True
    world.copy_to = tmp_path / "deep" / "night"

    regressed(world)

    assert {path.name for path in world.copy_to.iterdir()} == {
        *("report.html", "junit.xml", "night.md", "nightly.json", "acknowledge.toml"),
        "measured-again-report.html",
    }


def test_the_command_hands_its_options_on(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    argv = ["nightly", "--cells", CELLS, "--output", str(world.root), "--seed", "3"]

    assert main([*argv, "--allow", "host kernel", "--copy", str(tmp_path / "night")]) == 0
    assert world.asked[0].seed == 3
    assert (tmp_path / "night" / "night.md").is_file()
    assert "Night: nothing has changed" in capsys.readouterr().out
