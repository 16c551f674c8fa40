"""`lab rerun`, `lab reproduce`, and what a run says to go on from a failure."""

from __future__ import annotations

import shlex
import shutil
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lab import again, campaign, verbs
from lab.cli import main
from lab.comparability import differences_before
from lab.errors import UsageError
from lab.matrix import Cell, select
from lab.outcome import Outcome
from lab.pause import REASON_LINES, told
from lab.planning import plan_of
from lab.profile import PROFILES
from lab.report.onward import onward
from lab.report.verdict import repeat_command
from lab.run import Run
from tests.fake_run import CHECKS, CONSOLE, FakeRun, Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from lab.options import Wishes

CELLS = tuple(
    map(Cell.parse, ("veth+overlayfs+runc", "tcfilter+9p+reference", "none+virtiofs+reference"))
)
FAILED = str(CELLS[1])
TROUBLE = {FAILED: Trouble(Outcome.FAIL, "no answer\nfrom the guest", scenario=CHECKS[0])}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path / "results"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Wishes]:
    """What was to be measured."""
    seen: list[Wishes] = []

    def run_matrix(wishes: Wishes, _console: object) -> int:
        seen.append(wishes)
        return 0

    def reproduce(_run: Run, wishes: Wishes, _console: object, *, is_forced: bool) -> int:
        seen.append(wishes)
        return 7 if is_forced else 0

    monkeypatch.setattr(campaign, "run_matrix", run_matrix)
    monkeypatch.setattr(campaign, "reproduce", reproduce)
    return seen


def test_what_failed_is_run_once_more_as_it_was(results: Path, measured: list[Wishes]) -> None:
    run = Run.load(FakeRun(cells=CELLS, trouble=TROUBLE, seed=9).write(results))

    assert main(["rerun", "last", "--failed"]) == 0

    (wishes,) = measured
    assert run.environment is not None
    assert (wishes.cells, wishes.seed, wishes.profile) == (FAILED, 9, run.header.plan.profile)
    assert (wishes.topology, wishes.controls) == (run.header.topology, "none")
    assert wishes.accel == run.environment.accelerator
    assert wishes.output.resolve() == results.resolve()


def test_where_nothing_failed_there_is_nothing_to_do(
    results: Path, measured: list[Wishes], capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRun(cells=CELLS).write(results)

    assert main(["rerun", "--failed"]) == 0
    assert capsys.readouterr().out.startswith("nothing to do: nothing failed in ")
    assert measured == []


def test_a_run_is_reproduced_whole_or_in_one_cell(results: Path, measured: list[Wishes]) -> None:
    FakeRun(cells=CELLS).write(results)

    assert main(["reproduce", "last"]) == 0
    assert main(["reproduce", "last", FAILED, "--force"]) == 7
    assert [wishes.cells for wishes in measured] == [",".join(map(str, CELLS)), FAILED]


def test_a_cell_that_the_run_has_not_is_named(
    results: Path, measured: list[Wishes], capsys: pytest.CaptureFixture[str]
) -> None:
    FakeRun(cells=CELLS).write(results)

    assert main(["reproduce", "last", "tcfilter+9p+kata-go"]) == 2
    assert "has no cell 'tcfilter+9p+kata-go'" in capsys.readouterr().err
    assert measured == []


def test_a_handicap_that_failed_takes_its_plain_cell_with_it(results: Path) -> None:
    handicap = Cell.parse(f"{FAILED}+handicap")
    twin = Cell.parse(f"{FAILED}+twin")
    for cell, expected in ((handicap, (FAILED, str(handicap))), (twin, (FAILED,))):
        trouble = {str(cell): Trouble(Outcome.FAIL, "no", scenario=CHECKS[0])}
        run = Run.load(FakeRun(cells=(*CELLS, cell), trouble=trouble).write(results))

        assert again.failed_cells(run) == expected


def test_the_order_is_the_same_again(results: Path) -> None:
    run = Run.load(FakeRun(cells=CELLS, seed=9).write(results))
    wishes = again.wishes(run, again.chosen_cells(run, None))

    plan = plan_of(
        wishes,
        select(wishes.cells),
        profile=PROFILES[run.header.plan.profile],
        seed=wishes.seed or 0,
        has_reference=True,
    )

    assert [b.cell_name for b in plan.order] == [b.cell_name for b in run.header.plan.order]


def test_what_is_known_before_a_run_is_compared_before_it(results: Path) -> None:
    run = Run.load(FakeRun(cells=CELLS).write(results))
    assert run.environment is not None
    name = next(iter(run.environment.images))
    other = msgspec.structs.replace(
        run.environment, images={**run.environment.images, name: "another"}, versions={}
    )

    assert differences_before(run, run.environment, run.header.plan) == ()
    (difference,) = differences_before(run, other, run.header.plan)
    assert difference.name == f"{name} image"


@pytest.mark.parametrize("is_forced", [False, True])
def test_other_conditions_are_refused_unless_they_are_wished(
    results: Path, monkeypatch: pytest.MonkeyPatch, *, is_forced: bool
) -> None:
    run = Run.load(FakeRun(cells=CELLS).write(results))
    assert run.environment is not None
    here = msgspec.structs.replace(run.environment, accelerator="kvm", is_emulated=False)
    said: list[str] = []
    console: Any = SimpleNamespace(print=lambda text, **_: said.append(text))

    def measure(_wishes: Wishes, _console: object, *, check: Any) -> tuple[Run, int]:  # noqa: ANN401
        check(SimpleNamespace(plan=run.header.plan))
        return run, 0

    monkeypatch.setattr(campaign, "known_before", lambda _decided: here)
    monkeypatch.setattr(campaign, "measure", measure)
    wishes = again.wishes(run, [FAILED])

    if is_forced:
        assert campaign.reproduce(run, wishes, console, is_forced=True) == 0
        assert said[0].startswith(f"not as in {run.header.id}: accelerator: ")
        assert said[-1].startswith("to compare: lab compare ")
        return
    with pytest.raises(UsageError, match="cannot be reproduced here: accelerator"):
        campaign.reproduce(run, wishes, console, is_forced=False)


def test_the_screen_ends_with_what_goes_on_from_a_failure(results: Path) -> None:
    run = Run.load(FakeRun(cells=CELLS, trouble=TROUBLE).write(results))

    lines = onward(run)

    assert lines[1] == f"  FAIL {FAILED}, the one boot"
    assert lines[2] == "    no answer"
    assert lines[3] == f"    again: {repeat_command(run.header, FAILED)}"
    assert f"  lab rerun {run.path.name} --failed   all that failed, once more" in lines
    assert any(line.startswith(f"  lab reproduce {run.path.name} ") for line in lines)
    assert f"  lab matrix --cells {FAILED} --pause-on fail" in lines
    commands = ("again: ", "lab ")
    assert all(len(line) <= 80 or any(each in line for each in commands) for line in lines)


def test_what_is_to_be_typed_is_taken_by_the_command_line(results: Path) -> None:
    run = Run.load(FakeRun(cells=CELLS, trouble=TROUBLE).write(results))
    told = [line.strip().removeprefix("again: ") for line in onward(run)]
    commands = [shlex.split(line.split("   ")[0]) for line in told if line.startswith("lab ")]

    assert [words[1] for words in commands] == [
        "matrix", "rerun", "reproduce", "logs", "matrix", "report",
    ]  # fmt: skip
    for words in commands:
        assert verbs.parser().parse_args(words[1:]).verb


def test_who_has_the_lab_in_a_checkout_is_told_its_path(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.load(FakeRun(cells=CELLS, trouble=TROUBLE).write(results))
    programs = results.parent / ".nox" / "run" / "bin"
    programs.mkdir(parents=True)
    (programs / "lab").touch()
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))

    lines = onward(run)

    assert lines[3].startswith("    again: .nox/run/bin/lab matrix --topology embedded ")
    assert any(line.startswith("  .nox/run/bin/lab rerun ") for line in lines)


def test_the_screen_has_what_is_known_of_a_failure(results: Path) -> None:
    trouble = {FAILED: Trouble(Outcome.BLOCKED, "it is silent", console=CONSOLE)}
    lines = onward(Run.load(FakeRun(cells=CELLS, trouble=trouble).write(results)))

    assert lines[2] == "    it is silent"
    assert lines[3].startswith("    hint: A kernel gave up")
    assert any(line.startswith("    mend: `lab logs BOOT") for line in lines)
    assert max(len(line) for line in lines if "again: " not in line and "lab " not in line) <= 80


def test_a_good_run_needs_nothing_to_go_on(results: Path) -> None:
    assert onward(Run.load(FakeRun(cells=CELLS).write(results))) == []


def test_standing_still_is_for_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    assert main(["matrix", "--pause-on", "fail"]) == 2
    said = capsys.readouterr().err
    assert "--pause-on fail: this is no terminal" in said
    assert "--keep failed" in said


def test_a_long_reason_is_cut_where_the_report_has_it_all(results: Path) -> None:
    boot = Run.load(FakeRun(cells=CELLS).write(results)).order[0]

    lines = told(boot, "test_x", Outcome.FAIL, "line\n" * (REASON_LINES + 3), nodes=["node-1"])

    assert lines.count("  line") == REASON_LINES
    assert "  and 3 lines more, in the report" in lines


def test_who_stands_still_is_told_what_is_known(results: Path) -> None:
    boot = Run.load(FakeRun(cells=CELLS).write(results)).order[0]
    reason = "it did not start: Kernel panic - not syncing: VFS"

    lines = told(boot, "test_x", Outcome.BLOCKED, reason, nodes=["node-1"])

    assert lines[4].startswith("  hint: A kernel gave up")
    assert max(map(len, lines)) <= 80
