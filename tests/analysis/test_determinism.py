"""The same files make the same bytes: goal S10."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import report
from lab.analysis import analyse, from_json, to_json
from lab.matrix import Cell, Variant, select
from lab.plan import Design
from lab.run import Run
from tests.analysis.test_analyse import BASE, GOODPUT, LOSS, OTHER, PRIMARY, noisy, table
from tests.campaigns import campaign
from tests.fake_run import FakeRun

ROOT = Path(__file__).parents[2]
MADE = ("analysis.json", "report.html", "summary.md", "junit.xml")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five rounds of a few cells with a twin, as the bench would leave them."""
    cells = select("veth+*+runc,tcfilter+*+reference,macvtap+virtiofs+reference")
    twin = Cell.parse(BASE).of(Variant.TWIN)
    fake = FakeRun(cells=(*cells, twin), rounds=5, profile="standard", is_emulated=False)
    return fake.write(tmp_path_factory.mktemp("results"))


def made(run_dir: Path) -> dict[str, bytes]:
    return {name: (run_dir / name).read_bytes() for name in MADE}


def test_reports_made_twice_are_the_same_bytes(run_dir: Path) -> None:
    report.write(run_dir)
    first = made(run_dir)

    report.write(run_dir)

    assert made(run_dir) == first


@pytest.mark.program
def test_another_process_that_hashes_otherwise_makes_the_same_bytes(run_dir: Path) -> None:
    report.write(run_dir)
    first = made(run_dir)
    script = "import sys, pathlib; from lab import report; report.write(pathlib.Path(sys.argv[1]))"

    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Kolkata"}
    subprocess.run([sys.executable, "-c", script, run_dir], cwd=ROOT, env=environment, check=True)

    assert made(run_dir) == first


def test_the_file_is_what_the_run_says(run_dir: Path) -> None:
    report.write(run_dir)

    written = (run_dir / "analysis.json").read_bytes()

    assert written == to_json(analyse(Run.load(run_dir)))
    assert to_json(from_json(written)) == written


def test_what_is_not_a_number_is_not_written_as_one() -> None:
    values = {BASE: {LOSS: [0.0] * 6}, OTHER: {LOSS: [0.0] * 6}}

    written = to_json(analyse(campaign(values))).decode()

    assert "NaN" not in written
    assert "Infinity" not in written


def test_the_order_of_samples_decides_nothing_but_the_order_of_metrics() -> None:
    run = campaign(table(), primary=PRIMARY)
    again = campaign(dict(reversed(table().items())), primary=PRIMARY)

    one, other = analyse(run), analyse(again)

    by_name = {(e.cell, e.baseline, e.role, e.metric): e for e in other.effects}
    for effect in one.effects:
        assert by_name[effect.cell, effect.baseline, effect.role, effect.metric] == effect


def test_a_design_that_may_stop_keeps_its_error_rate() -> None:
    """Looking spends some of alpha: what is left is what intervals are made at."""
    values = {BASE: {GOODPUT: noisy(1e9, 1)}, OTHER: {GOODPUT: noisy(1e9, 2)}}
    fixed = analyse(campaign(values, primary=PRIMARY))
    adaptive = analyse(campaign(values, primary=PRIMARY, min_rounds=5))

    assert fixed.alpha == Design().alpha
    assert adaptive.alpha == pytest.approx(0.7 * Design().alpha)
    assert {family.level for family in adaptive.families if family.name == "gate"} == {
        adaptive.alpha
    }
    widths = [analysis.effects[0].effect.half_width for analysis in (fixed, adaptive)]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[0] < widths[1]
