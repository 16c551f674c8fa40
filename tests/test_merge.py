"""Runs joined into one: nothing is lost, nothing mixed, and the report works."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lab import report
from lab.analysis import analyse
from lab.design import comparisons_of
from lab.errors import UsageError
from lab.matrix import Cell
from lab.merge import merge
from lab.plan import Design, Role
from lab.records import RunStatus
from lab.run import Run
from lab.stats.effect import Flag
from lab.store import ENVIRONMENT, HEADER, RAW
from tests.fake_run import FakeRun, environment

if TYPE_CHECKING:
    from pathlib import Path

CONTROL = "veth+overlayfs+runc"
ONE = "tcfilter+virtiofs+reference"
OTHER = "macvtap+virtiofs+reference"


def shard(root: Path, *cells: str, rounds: int = 2, seed: int = 1, **changes: Any) -> Run:  # noqa: ANN401 - the fields of Environment
    fake = FakeRun(cells=tuple(map(Cell.parse, cells)), rounds=rounds, seed=seed)
    path = fake.write(root)
    changed = msgspec.structs.replace(environment(is_emulated=True), **changes)
    (path / ENVIRONMENT).write_bytes(msgspec.json.encode(changed))
    return Run.load(path)


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Run, Run]:
    root = tmp_path / "results"
    return shard(root, CONTROL, ONE, seed=1), shard(root, CONTROL, OTHER, rounds=3, seed=2)


@pytest.fixture
def joined(shards: tuple[Run, Run], tmp_path: Path) -> Run:
    return Run.load(merge(shards, tmp_path / "joined"))


def test_nothing_is_lost(shards: tuple[Run, Run], joined: Run) -> None:
    assert len(joined.samples) == sum(len(run.samples) for run in shards)
    assert len(joined.valid_samples) == sum(len(run.valid_samples) for run in shards)
    assert len(joined.recorded) == sum(len(run.recorded) for run in shards)
    assert len(joined.evidence) == sum(len(run.evidence) for run in shards)
    assert len(joined.consoles) == sum(len(run.consoles) for run in shards)
    assert joined.header.merged == tuple(run.header.id for run in shards)
    assert joined.header.plan.cell_names == (CONTROL, ONE, OTHER)
    assert joined.warnings == ()


def test_values_stay_what_they_were(shards: tuple[Run, Run], joined: Run) -> None:
    before = sorted(sample.value for run in shards for sample in run.samples)

    assert sorted(sample.value for sample in joined.samples) == before


def test_no_cell_is_paired_with_a_control_of_another_run(joined: Run) -> None:
    """The rounds go on: a round has boots of one run only."""
    rounds = defaultdict(set)
    for boot in joined.header.plan.order:
        rounds[boot.cell_name].add(boot.round)

    assert rounds == {CONTROL: {1, 2, 3, 4, 5}, ONE: {1, 2}, OTHER: {3, 4, 5}}
    assert joined.header.plan.rounds == 5
    positions = [boot.position for boot in joined.header.plan.order]
    assert positions == list(range(1, 11))
    assert {(s.boot, s.round, s.position) for s in joined.samples} == {
        (boot.id, boot.round, boot.position) for boot in joined.header.plan.order
    }


def test_boots_are_renamed_only_where_names_collide(joined: Run) -> None:
    assert sorted(boot.id for boot in joined.header.plan.order) == sorted(
        [
            *(f"{CONTROL}-r{number}" for number in (1, 2, 3, 4, 5)),
            *(f"{ONE}-r{number}" for number in (1, 2)),
            *(f"{OTHER}-r{number}" for number in (1, 2, 3)),
        ]
    )


def test_a_new_name_is_never_one_that_is_taken(tmp_path: Path) -> None:
    """The first has the rounds 1 and 2; of the second, round 1 becomes 3, and it has a 3."""
    runs = [shard(tmp_path, CONTROL, rounds=rounds) for rounds in (2, 3, 2)]

    joined = Run.load(merge(runs, tmp_path / "joined"))

    names = [boot.id for boot in joined.header.plan.order]
    assert len(set(names)) == 7
    assert all(name == f"{CONTROL}-r{number}" for number, name in enumerate(names, start=1))


def test_a_boot_that_was_made_again_stays_the_repeat_of_its_own(tmp_path: Path) -> None:
    again = f"{CONTROL}-r2-a2"
    runs = []
    for seed, cell in enumerate((ONE, OTHER)):
        path = FakeRun(
            cells=tuple(map(Cell.parse, (CONTROL, cell))),
            rounds=2,
            seed=seed,
            profile="standard",
            design=Design(rules=1),
            again=frozenset({again}),
        ).write(tmp_path)
        runs.append(Run.load(path))
    assert all(any(sample.boot == again for sample in run.samples) for run in runs)

    joined = Run.load(merge(runs, tmp_path / "joined"))

    assert joined.warnings == ()
    assert len(joined.samples) == sum(len(run.samples) for run in runs)
    repeated = {(s.boot, s.round, s.attempt) for s in joined.samples if s.attempt > 1}
    assert repeated == {(again, 2, 2), (f"{CONTROL}-r4-a2", 4, 2)}
    assert len(joined.header.plan.order) == 8
    assert all((joined.path / str(sample.raw)).is_file() for sample in joined.samples)


def test_raw_reports_are_found_where_samples_say(joined: Run) -> None:
    for sample in joined.samples:
        assert sample.raw is not None
        assert (joined.path / sample.raw).is_file()
        assert sample.raw.startswith(f"{RAW}/{sample.boot}/")


def test_consoles_of_nodes_are_all_kept(joined: Run) -> None:
    assert {"consoles/node-1.log", "consoles/node-1-2.log"} <= set(joined.consoles)


def test_what_was_compared_in_a_part_is_compared_in_the_whole(
    shards: tuple[Run, Run], joined: Run
) -> None:
    parts = {each for run in shards for each in map(str, run.header.plan.design.comparisons)}

    assert set(map(str, joined.header.plan.design.comparisons)) == parts


def test_a_cell_is_read_against_the_control_of_its_own_rounds(tmp_path: Path) -> None:
    """The other part's control is no missing round of it, nor the order one that was not kept."""
    runs = [
        shard(tmp_path, CONTROL, cell, rounds=5, seed=seed)
        for seed, cell in enumerate((ONE, OTHER))
    ]
    joined = Run.load(merge(runs, tmp_path / "joined"))
    design = msgspec.structs.replace(
        joined.header.plan.design, comparisons=comparisons_of(joined.header.plan.cells)
    )
    plan = msgspec.structs.replace(joined.header.plan, design=design)

    whole = analyse(replace(joined, header=msgspec.structs.replace(joined.header, plan=plan)))

    to_control = [each.effect for each in whole.effects if each.role is Role.CONTROL]
    assert to_control
    assert all((each.boots, each.baseline_boots) == (5, 5) for each in to_control if each.ratio)
    assert not any(Flag.MISSING_ROUND in each.flags for each in to_control)
    assert not any("Run before" in line for line in whole.departures)


def test_its_report_works(joined: Run) -> None:
    report.write(joined.path)

    text = (joined.path / "report.html").read_text()
    assert ONE in text
    assert OTHER in text


def test_the_parts_stay_as_they_are(shards: tuple[Run, Run], joined: Run) -> None:
    for run in shards:
        assert Run.load(run.path) == run
    assert joined.path.parent != shards[0].path.parent


def test_shards_may_run_on_several_machines_of_one_kind(tmp_path: Path) -> None:
    host = environment(is_emulated=True).host
    runs = [
        shard(tmp_path, CONTROL, cell, host=host | {"machine": machine})
        for cell, machine in ((ONE, "m2"), (OTHER, "m1"))
    ]

    joined = Run.load(merge(runs, tmp_path / "joined"))

    assert joined.environment is not None
    assert joined.environment.host["machine"] == "m1, m2"


def test_what_must_not_differ_is_refused_by_name(tmp_path: Path) -> None:
    host = environment(is_emulated=True).host
    runs = [
        shard(tmp_path, CONTROL, ONE),
        shard(tmp_path, CONTROL, OTHER, host=host | {"kernel": "6.99"}),
    ]

    with pytest.raises(UsageError, match=r"host kernel: 6\.1\.0 / 6\.99"):
        merge(runs, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()
    assert merge(runs, tmp_path / "joined", allowed=["host kernel"]).is_dir()


def test_other_claims_are_refused(shards: tuple[Run, Run], tmp_path: Path) -> None:
    header = shards[1].header
    design = msgspec.structs.replace(header.plan.design, margin=0.1)
    plan = msgspec.structs.replace(header.plan, design=design)
    changed = msgspec.structs.replace(header, plan=plan)
    (shards[1].path / HEADER).write_bytes(msgspec.json.encode(changed))

    with pytest.raises(UsageError, match="do not declare the same"):
        merge([shards[0], Run.load(shards[1].path)], tmp_path / "joined")


def test_one_run_or_the_same_twice_is_nothing_to_merge(
    shards: tuple[Run, Run], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nothing to merge"):
        merge(shards[:1], tmp_path / "joined")
    with pytest.raises(UsageError, match="with itself"):
        merge([shards[0], shards[0]], tmp_path / "joined")


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.INTERRUPTED])
def test_a_part_that_did_not_end_is_refused_or_told(
    shards: tuple[Run, Run], tmp_path: Path, status: RunStatus
) -> None:
    header = msgspec.structs.replace(shards[1].header, status=status)
    (shards[1].path / HEADER).write_bytes(msgspec.json.encode(header))
    runs = [shards[0], Run.load(shards[1].path)]

    if status is RunStatus.RUNNING:
        with pytest.raises(UsageError, match="did not end"):
            merge(runs, tmp_path / "joined")
    else:
        joined = Run.load(merge(runs, tmp_path / "joined"))
        assert joined.header.status is RunStatus.INTERRUPTED
