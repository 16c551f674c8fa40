"""`lab plan`: the decisions of a run without a run; nothing may be started here."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lab import command, host, preview
from lab.errors import UsageError
from lab.forecast.memory import Memory
from lab.forecast.source import Source
from lab.matrix import DEFAULT_CELLS, Cell
from lab.options import Wishes
from lab.plan import Plan
from tests.fake_run import FakeRun

if TYPE_CHECKING:
    from pathlib import Path

    from lab.forecast.outlook import Forecast


TWO = (Cell.parse("tcfilter+virtiofs+reference"), Cell.parse("macvtap+virtiofs+reference"))


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(command, "run", lambda *_, **__: pytest.fail("it ran a program"))
    monkeypatch.setattr(host, "KVM", tmp_path / "kvm")


def told(root: Path, *, precision: float | None = None, **wished: Any) -> Forecast:  # noqa: ANN401 - the fields of Wishes
    wishes = replace(Wishes.read(lambda _name: None), output=root, **wished)
    return preview.preview(wishes, precision=precision, say=lambda _line: None)


def test_without_a_kvm_to_try_a_run_would_be_emulated_and_smoke(tmp_path: Path) -> None:
    found = told(tmp_path)

    assert found.machine.startswith("node under tcg: this machine has no ")
    assert found.plan.profile == "smoke"
    assert found.plan.cells == DEFAULT_CELLS


def test_with_one_it_would_be_tried_and_is_not_here(tmp_path: Path) -> None:
    (tmp_path / "kvm").touch()

    found = told(tmp_path)

    assert found.machine.startswith("node under kvm, if it works: ")
    assert found.plan.profile == "standard"


@pytest.mark.parametrize(
    ("problem", "profile", "said"),
    [
        ("failed to set MSR 0x10a", "smoke", "tcg, as was tried before: failed to set MSR 0x10a"),
        ("", "standard", "kvm, as was tried before"),
        (None, "standard", "kvm, if it works: "),
    ],
)
def test_what_a_trial_has_found_stands_for_the_machine_until_there_is_a_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: str | None,
    profile: str,
    said: str,
) -> None:
    (tmp_path / "kvm").touch()
    monkeypatch.setattr("lab.image.build.already_built", lambda _lock: SimpleNamespace(node="node"))
    monkeypatch.setattr(host, "known_kvm_problem", lambda node: problem if node == "node" else "no")

    found = told(tmp_path)

    assert found.machine.startswith(f"node under {said}")
    assert found.plan.profile == profile


@pytest.mark.parametrize(("accel", "profile"), [("kvm", "standard"), ("tcg", "smoke")])
def test_what_is_asked_for_is_assumed(tmp_path: Path, accel: str, profile: str) -> None:
    FakeRun(cells=TWO, is_emulated=accel == "kvm").write(tmp_path)

    found = told(tmp_path, accel=accel)

    assert found.machine == f"node under {accel}, as was asked"
    assert found.plan.profile == profile


def test_the_newest_run_stands_for_the_machine_and_its_like_for_the_figures(
    tmp_path: Path,
) -> None:
    """Another profile measures shorter, another machine is another: neither says anything."""
    slow = FakeRun(cells=TWO, is_emulated=True, profile="standard", rounds=2).write(tmp_path)
    quick = FakeRun(cells=TWO, is_emulated=False, profile="smoke").write(tmp_path)
    like = FakeRun(cells=TWO, is_emulated=False, profile="standard", rounds=3).write(tmp_path)
    newest = FakeRun(cells=TWO, is_emulated=False, profile="standard", rounds=2).write(tmp_path)

    found = told(tmp_path, cells=",".join(map(str, TWO)))

    assert found.machine == f"node under kvm, as in {newest.name}"
    assert found.runs == (newest.name, like.name)
    assert not {slow.name, quick.name} & set(found.runs)
    sources = {cost.cell: cost.source for cost in found.costs}
    assert sources.pop("veth+overlayfs+runc") is Source.ASSUMED, "it joined, and was never run"
    assert set(sources.values()) == {Source.MEASURED}
    assert found.metrics[0].typical.source is Source.MEASURED, "tcp_out_goodput is in both"
    assert found.setup_s is not None
    assert found.total_s > 5 * sum(cost.seconds for cost in found.costs)


def test_a_run_that_cannot_be_read_is_said_and_left_out(tmp_path: Path) -> None:
    FakeRun(cells=TWO, is_emulated=True).write(tmp_path)
    broken = tmp_path / "2027-01-01T00-00-00-smoke"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    said: list[str] = []

    runs = list(preview.earlier(tmp_path, say=said.append))

    assert len(runs) == 1
    assert len(said) == 1
    assert said[0].startswith("left out: ")
    assert "is damaged" in said[0]


def test_cells_that_are_known_not_to_work_are_named_with_the_source(tmp_path: Path) -> None:
    found = told(tmp_path, accel="kvm")

    assert {doubt.cell for doubt in found.doubts} == {
        f"{network}+virtiofs-dax+reference" for network in ("tcfilter", "macvtap", "none")
    }
    assert all("has no cache-size property" in doubt.reason for doubt in found.doubts)
    assert found.comparisons == 8 * 6


def test_the_plan_is_the_one_that_a_run_with_that_seed_would_have(tmp_path: Path) -> None:
    found = told(tmp_path, accel="kvm", seed=7, cells="none+9p+reference")

    assert isinstance(found.plan, Plan)
    assert found.plan.seed == 7
    assert [each.cell_name for each in found.plan.added] == [
        "veth+overlayfs+runc",
        "none+9p+reference+twin",
    ]
    seeds = {told(tmp_path, accel="kvm").plan.seed for _ in range(3)}
    assert len(seeds) > 1


def test_what_does_not_exist_is_refused_as_a_run_would(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tcfiltr"):
        told(tmp_path, cells="tcfiltr+9p+reference")


def test_noise_of_earlier_runs_decides_how_many_rounds_are_expected(tmp_path: Path) -> None:
    """Invented boots vary by 4.5 %; nothing is known of metrics that they do not have."""
    cells = (*TWO, Cell.parse("none+9p+reference"))
    FakeRun(cells=cells, is_emulated=False, profile="publish", rounds=10).write(tmp_path)

    found = told(
        tmp_path, cells=",".join(map(str, cells)), accel="kvm", profile="publish", precision=0.1
    )

    known = {each.metric: each for each in found.metrics}
    assert known["tcp_out_goodput"].typical.spread == pytest.approx(0.045 * 2**0.5, rel=0.5)
    assert known["sequential_read"].typical.source is Source.ASSUMED
    assert known["tcp_out_goodput"].worst.spread > known["tcp_out_goodput"].typical.spread
    assert found.rounds == 20


def test_memory_is_that_of_the_topology_and_of_the_largest_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "available_memory_mib", lambda: 9000)
    nothing = told(tmp_path).memory
    assert nothing == Memory(wanted_mib=4096 + 512, available_mib=9000)

    FakeRun(cells=(*TWO, Cell.parse("veth+overlayfs+runc"))).write(tmp_path)
    found = told(tmp_path, cells=str(TWO[1])).memory

    assert found is not None
    assert found.cell == str(TWO[1])
    assert found.sandbox_bytes is not None
    assert found.sandbox_bytes > 0
