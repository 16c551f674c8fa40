"""What changed from one run to another: found where it is, and told with what it rests on."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.console import Console

from lab.cli import main
from lab.compare import Between, Row, between
from lab.contamination import RULES
from lab.design import comparisons_of
from lab.matrix import Cell
from lab.plan import Design
from lab.report import between as shown
from lab.run import Run
from lab.stats.effect import Flag, Method
from lab.stats.verdict import Verdict
from lab.store import ENVIRONMENT, SAMPLES
from tests.fake_run import METRICS, FakeRun, environment

if TYPE_CHECKING:
    from pathlib import Path

CONTROL = "veth+overlayfs+runc"
CELL = "tcfilter+virtiofs+reference"
OTHER = "macvtap+virtiofs+reference"
CELLS = tuple(map(Cell.parse, (CONTROL, CELL, OTHER)))
PRIMARY = ("tcp_out_goodput", "start_to_answer")
GOODPUT, START = PRIMARY
MEASURED = [fake for fake in METRICS if fake.metric.name in PRIMARY]
CALM = dict.fromkeys((rule.name for rule in RULES), 0.0)


def made(
    root: Path, *, seed: int, cells: tuple[Cell, ...] = CELLS, rounds: int = 10, **factors: float
) -> Run:
    """A run whose values are those of *seed*, some cells' times a factor: by the network's name."""
    design = Design(primary=PRIMARY, comparisons=comparisons_of(cells))
    fake = FakeRun(cells=cells, rounds=rounds, seed=seed, design=design, metrics=MEASURED)
    path = fake.write(root)
    rewrite(path, lambda sample: sample.value * factors.get(sample.cell.partition("+")[0], 1.0))
    return Run.load(path)


def rewrite(path: Path, value: Any) -> None:  # noqa: ANN401 - a function of a sample
    samples = [
        msgspec.structs.replace(sample, value=value(sample), noise=CALM)
        for sample in Run.load(path).samples
    ]
    lines = b"".join(msgspec.json.encode(sample) + b"\n" for sample in samples)
    (path / SAMPLES).write_bytes(lines)


def row(found: Between, cell: str, metric: str) -> Row:
    (one,) = (row for row in found.rows if (row.cell, row.metric.name) == (cell, metric))
    return one


def test_two_runs_of_the_same_do_not_differ(tmp_path: Path) -> None:
    found = between(made(tmp_path, seed=1), made(tmp_path, seed=2))

    assert len(found.rows) == len(CELLS) * len(PRIMARY)
    assert not any(row.p_holm is not None and row.p_holm < 0.05 for row in found.rows)
    assert (found.differing, found.warnings) == ((), ())


def test_a_change_is_found_in_its_direction(tmp_path: Path) -> None:
    """More goodput is better, a longer start is worse."""
    found = between(made(tmp_path, seed=1), made(tmp_path, seed=2, tcfilter=1.3))

    faster, slower = row(found, CELL, GOODPUT), row(found, CELL, START)
    assert (faster.effect.verdict, slower.effect.verdict) == (Verdict.BETTER, Verdict.WORSE)
    assert faster.effect.ratio == pytest.approx(1.3, abs=0.1)
    assert faster.effect.method is Method.WELCH
    assert faster.p_holm is not None
    assert faster.p_holm < 0.001
    assert not row(found, OTHER, GOODPUT).is_left(0.05)


def test_what_moved_the_whole_machine_is_no_change_of_a_cell(tmp_path: Path) -> None:
    after = made(tmp_path, seed=2, veth=1.3, tcfilter=1.3, macvtap=1.3)

    found = between(made(tmp_path, seed=1), after)

    one = row(found, CELL, GOODPUT)
    assert one.control == CONTROL
    assert one.itself.verdict is Verdict.BETTER
    assert not one.effect.verdict.is_difference
    moved = f"{CONTROL} on {GOODPUT}, {CONTROL} on {START}"
    (warning,) = found.warnings
    assert warning == f"Not only the cells changed, but what they are read against: {moved}."


def test_a_control_that_was_disturbed_improves_no_cell(tmp_path: Path) -> None:
    """The ratio doubles although the cell is as it was: that is the control's doing."""
    found = between(made(tmp_path, seed=1), made(tmp_path, seed=2, veth=0.5))

    one = row(found, CELL, GOODPUT)
    assert one.effect.verdict is Verdict.BETTER
    assert one.is_of_its_control
    assert not one.is_left(0.05)
    assert shown._verdict(one, 0.05) == "inconclusive: it is its control that moved"
    assert any("what they are read against" in warning for warning in found.warnings)


def test_a_cell_of_katas_is_divided_by_what_has_no_guest(tmp_path: Path) -> None:
    """Its reference is a guest too, and may itself have changed from run to run."""
    kata = Cell.parse("tcfilter+virtiofs+kata-go")
    cells = (*CELLS, kata)
    found = between(made(tmp_path, seed=1, cells=cells), made(tmp_path, seed=2, cells=cells))

    assert row(found, str(kata), GOODPUT).control == CONTROL


def test_a_control_is_shown_first_and_judged_among_its_like(tmp_path: Path) -> None:
    found = between(made(tmp_path, seed=1), made(tmp_path, seed=2))

    assert row(found, CONTROL, GOODPUT).is_control
    assert row(found, CONTROL, GOODPUT).control == ""
    assert [each.cell for each in found.rows[:2]] == [CONTROL, CONTROL]


def test_a_cell_without_a_control_is_compared_by_itself_and_that_is_said(tmp_path: Path) -> None:
    runs = [made(tmp_path, seed=seed, cells=CELLS[1:]) for seed in (1, 2)]

    found = between(*runs)

    assert row(found, CELL, GOODPUT).effect == row(found, CELL, GOODPUT).itself
    assert row(found, CELL, GOODPUT).p_holm is not None
    assert found.warnings == (
        f"Without a control, so that the machine's own drift is in them: {CELL}, {OTHER}.",
    )


def test_swapping_the_runs_inverts_the_ratio(tmp_path: Path) -> None:
    one, other = made(tmp_path, seed=1), made(tmp_path, seed=2, tcfilter=1.1)

    there = row(between(one, other), CELL, GOODPUT).effect
    back = row(between(other, one), CELL, GOODPUT).effect

    assert there.ratio is not None
    assert back.ratio == pytest.approx(1 / there.ratio, rel=1e-12)
    assert back.p == pytest.approx(there.p, rel=1e-9)


def test_equal_rounds_of_two_runs_are_not_paired(tmp_path: Path) -> None:
    """A run against itself has the interval of two runs, not none at all."""
    run = made(tmp_path, seed=1)

    effect = row(between(run, run), CELL, GOODPUT).effect

    assert effect.ratio == 1.0
    assert effect.half_width is not None
    assert effect.half_width > 0.01


def test_too_few_boots_are_no_number(tmp_path: Path) -> None:
    runs = [made(tmp_path, seed=seed, rounds=4) for seed in (1, 2)]

    effect = row(between(*runs), CELL, GOODPUT).effect

    assert (effect.verdict, effect.ratio) == (Verdict.UNKNOWN, None)
    assert Flag.TOO_FEW_BOOTS in effect.flags


def test_a_cell_of_two_configurations_is_no_number(tmp_path: Path) -> None:
    one, other = made(tmp_path, seed=1), made(tmp_path, seed=2)
    samples = [
        msgspec.structs.replace(sample, conditions={"iperf3": f"3.{sample.round % 2}"})
        if sample.cell == CELL
        else sample
        for sample in other.samples
    ]
    other = dataclasses.replace(other, samples=tuple(samples))

    found = between(one, other)

    assert Flag.MIXED_CONFIGURATIONS in row(found, CELL, GOODPUT).effect.flags
    assert row(found, CELL, GOODPUT).effect.ratio is None
    assert row(found, OTHER, GOODPUT).effect.ratio is not None
    assert found.warnings == (
        f"{other.header.id}: {CELL} varies in iperf3: 3.0 in 5, 3.1 in 5 of its boots",
    )


def test_zero_in_a_control_is_no_number(tmp_path: Path) -> None:
    one, other = made(tmp_path, seed=1), made(tmp_path, seed=2)
    rewrite(other.path, lambda s: 0.0 if s.cell == CONTROL and s.round == 1 else s.value)

    effect = row(between(one, Run.load(other.path)), CELL, GOODPUT).effect

    assert effect.ratio is None
    assert Flag.NOT_A_NUMBER in effect.flags


def test_other_cells_and_other_claims_are_said(tmp_path: Path) -> None:
    one = made(tmp_path, seed=1)
    other = made(tmp_path, seed=2, cells=CELLS[:2])
    plan = msgspec.structs.replace(
        other.header.plan, design=msgspec.structs.replace(other.header.plan.design, primary=())
    )
    undeclared = dataclasses.replace(other, header=msgspec.structs.replace(other.header, plan=plan))

    assert between(one, undeclared).warnings == (
        f"{other.header.id} declared other primary metrics; those of {one.header.id} count.",
        f"Only in one of the runs: {OTHER}.",
    )
    assert between(undeclared, one).warnings[0] == (
        f"{other.header.id} declared no primary metrics; the lab's own are taken."
    )


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def test_the_command_shows_a_table(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = made(results, seed=1), made(results, seed=2, tcfilter=1.3)

    assert main(["compare", one.header.id, other.header.id]) == 0

    said = capsys.readouterr().out
    assert f"{other.header.id} against {one.header.id}" in said
    assert CELL in said
    assert "better" in said


def test_the_command_writes_markdown(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = made(results, seed=1), made(results, seed=2, tcfilter=1.3)

    assert main(["compare", "--markdown", one.header.id, other.header.id]) == 0

    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(CELLS) * len(PRIMARY)
    assert all(line.count("|") == len(shown.HEADINGS) + 1 for line in rows)


def test_the_command_writes_a_page(results: Path, tmp_path: Path) -> None:
    one, other = made(results, seed=1), made(results, seed=2, tcfilter=1.3)
    file = tmp_path / "two.html"

    assert main(["compare", "--html", str(file), one.header.id, other.header.id]) == 0

    assert other.header.id in file.read_text()


def elsewhere(run: Run) -> None:
    """Let the run have been made on another machine."""
    changed = environment(is_emulated=False)
    host = changed.host | {"cpu": "another"}
    changed = msgspec.structs.replace(changed, host=host)
    (run.path / ENVIRONMENT).write_bytes(msgspec.json.encode(changed))


def test_the_command_refuses_what_is_not_comparable(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(results, seed=1), made(results, seed=2)
    elsewhere(other)

    assert main(["compare", one.header.id, other.header.id]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert "must not be compared: accelerator: tcg / kvm; emulated: yes / no; host cpu:" in said.err
    assert "--force" in said.err


@pytest.mark.parametrize("options", [[], ["--markdown"]])
def test_forced_it_says_on_its_face_what_differs(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    one, other = made(results, seed=1), made(results, seed=2)
    elsewhere(other)

    assert main(["compare", "--force", *options, one.header.id, other.header.id]) == 0

    head = capsys.readouterr().out.splitlines()[:8]
    assert any("NOT COMPARABLE" in line for line in head)
    assert any("host cpu: 2 x86" in line for line in head)


def test_what_may_differ_can_be_allowed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = made(results, seed=1), made(results, seed=2)
    elsewhere(other)
    allowed = [f"--allow={name}" for name in ("accelerator", "emulated", "host cpu")]

    assert main(["compare", *allowed, one.header.id, other.header.id]) == 0
    assert "NOT COMPARABLE" not in capsys.readouterr().out
    assert main(["compare", "--allow", "host cpus", *allowed, one.header.id, other.header.id]) == 2


def test_a_difference_that_does_not_stand_among_all_is_not_claimed(tmp_path: Path) -> None:
    found = between(made(tmp_path, seed=1), made(tmp_path, seed=2, tcfilter=1.3))
    doubtful = dataclasses.replace(row(found, CELL, GOODPUT), p_holm=0.2)

    assert shown._verdict(doubtful, 0.05) == "inconclusive among so many"
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(shown.table(dataclasses.replace(found, rows=(doubtful,)), width=200))
    assert "inconclusive among so many" in console.export_text()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_cells_whose_names_begin_alike_can_be_told_apart(tmp_path: Path, width: int) -> None:
    longest = "l3forwarding+virtiofs-dax+reference+handicap"
    cells = tuple(map(Cell.parse, (CONTROL, CELL, "tcfilter+virtiofs-dax+reference")))
    one = made(tmp_path, seed=1, cells=cells)
    found = between(one, made(tmp_path, seed=2, cells=cells, tcfilter=1.3))
    long = dataclasses.replace(found.rows[-1], cell=longest)
    console = Console(record=True, width=width, file=io.StringIO())

    every = dataclasses.replace(found, rows=(*found.rows, long))
    console.print(shown.table(every, width=width))

    lines = console.export_text().splitlines()
    names = [line.strip() for line in lines if "+" in line and "[" not in line and "%" not in line]
    assert names == [*map(str, cells), longest]
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "\u2026" not in console.export_text()
