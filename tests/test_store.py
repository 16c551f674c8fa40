from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lab.design import comparisons_of
from lab.errors import StoreError, UsageError
from lab.matrix import CONTROL_CELLS, DEFAULT_CELLS, Cell
from lab.outcome import Evidence, Outcome
from lab.plan import Ordering
from lab.records import SCHEMA_VERSION, RunStatus
from lab.run import BENCH_FAILED, Run, exit_status, find_run
from lab.store import Store, checked_name, write_report
from tests.fake_run import CHECKS, FakeRun, Trouble, evidence, repeated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CELLS = (*CONTROL_CELLS, Cell.parse("tcfilter+virtiofs+reference"))
GUEST = str(CELLS[2])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path, FakeRun(cells=CELLS).header())


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return FakeRun(cells=CELLS).write(tmp_path)


def test_the_plan_is_on_the_disk_before_anything_else(store: Store) -> None:
    run = Run.load(store.path)

    assert run.header.plan == store.header.plan
    assert run.header.status is RunStatus.RUNNING
    assert (run.samples, run.recorded, run.environment, run.timeline) == ((), (), None, None)


def test_a_run_reads_back_as_it_was_written(finished: Path) -> None:
    run = Run.load(finished)

    assert run.header.id == finished.name == "2026-11-23T18-05-12-smoke"
    assert run.header.status is RunStatus.COMPLETE
    assert len(run.samples) == 2 * 12 + 13
    assert len(run.outcomes) == 2 * 18 + 19
    assert set(run.evidence) == {str(cell) for cell in CELLS}
    assert [each.phase for each in run.evidence[GUEST]] == ["before", "after"]
    assert f"consoles/{GUEST}.log" in run.consoles
    assert run.timeline is not None
    assert run.timeline.other_s > 0
    assert run.warnings == ()
    assert all((finished / (sample.raw or "none")).is_file() for sample in run.samples)


def test_a_second_run_of_the_same_second_gets_a_number(tmp_path: Path) -> None:
    names = [Store.create(tmp_path, FakeRun(cells=CELLS).header()).path.name for _ in range(3)]

    assert names == [f"2026-11-23T18-05-12-smoke{end}" for end in ("", "-2", "-3")]


def test_last_leads_to_the_newest(tmp_path: Path) -> None:
    Store.create(tmp_path, FakeRun(cells=CELLS).header())
    newest = Store.create(tmp_path, FakeRun(cells=CELLS).header())

    assert find_run(tmp_path, "last") == newest.path.resolve()


def test_without_a_link_the_last_is_the_newest_by_what_it_says(tmp_path: Path) -> None:
    """Copied results have no link, and perhaps other names."""
    header = FakeRun(cells=CELLS).header()
    later = msgspec.structs.replace(header, created=header.created + timedelta(hours=1))
    newest = Store.create(tmp_path, later).path.rename(tmp_path / "a-copy")
    for _ in range(2):
        Store.create(tmp_path, header)
    damaged = Store.create(tmp_path, later).path.rename(tmp_path / "z-damaged")
    (damaged / "run.json").write_text("{")
    (tmp_path / "last").unlink()

    assert find_run(tmp_path, "last") == newest.resolve()
    with pytest.raises(UsageError, match="no run 'qqq'") as caught:
        find_run(tmp_path, "qqq")
    assert "the newest is 'a-copy'" in caught.value.remedy


def test_runs_are_found_by_id_and_by_path(finished: Path) -> None:
    assert find_run(finished.parent, finished.name) == finished.resolve()
    assert find_run(finished.parent, str(finished)) == finished.resolve()


def test_an_unknown_run_names_the_nearest(finished: Path) -> None:
    with pytest.raises(UsageError, match="no run '2026-11-23T18-05-12-smok'") as caught:
        find_run(finished.parent, "2026-11-23T18-05-12-smok")

    assert finished.name in caught.value.remedy


def test_no_runs_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs") as caught:
        find_run(tmp_path, "last")

    assert caught.value.remedy == "make one: `lab matrix`"


def test_every_sample_is_on_the_disk_when_add_returns(
    store: Store, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sample = Run.load(finished).samples[0]

    store.add_sample(sample)

    assert len(synced) == 2, "the file, and the folder that has its name"
    assert Run.load(store.path).samples == (sample,)


@pytest.mark.parametrize("name", ["samples.jsonl", "outcomes.jsonl"])
def test_a_torn_last_line_is_left_out_and_said(finished: Path, name: str) -> None:
    path = finished / name
    before = len(path.read_bytes().splitlines())
    path.write_bytes(path.read_bytes()[:-20])

    run = Run.load(finished)

    assert len(run.samples if name == "samples.jsonl" else run.recorded) == before - 1
    assert [warning for warning in run.warnings if name in warning and "torn" in warning]


def test_damage_elsewhere_is_an_error_with_the_line(finished: Path) -> None:
    path = finished / "samples.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:30], *lines[2:]]) + "\n")

    with pytest.raises(StoreError, match=r"samples.jsonl, line 2 is damaged"):
        Run.load(finished)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', "null"])
def test_a_broken_header_is_an_error(finished: Path, text: str) -> None:
    (finished / "run.json").write_text(text)

    with pytest.raises(StoreError, match="damaged"):
        Run.load(finished)


def test_a_directory_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        Run.load(tmp_path)


def test_a_plan_with_an_unknown_cell_is_damage(finished: Path) -> None:
    _edit_header(finished, lambda header: header["plan"]["cells"].append("<b>+9p+reference"))

    with pytest.raises(StoreError, match="unknown cell"):
        Run.load(finished)


def test_a_newer_schema_is_refused_with_the_version_that_wrote_it(finished: Path) -> None:
    _edit_header(finished, lambda header: header.update(schema=SCHEMA_VERSION + 1))

    with pytest.raises(StoreError, match=f"schema {SCHEMA_VERSION + 1}") as caught:
        Run.load(finished)

    assert "0.1.0" in caught.value.remedy


def test_an_older_schema_without_a_migration_is_refused(finished: Path) -> None:
    _edit_header(finished, lambda header: header.update(schema=0))

    with pytest.raises(StoreError, match="schema 0"):
        Run.load(finished)


def test_a_run_of_schema_1_declared_no_metric(finished: Path) -> None:
    """It had no design: its cells can be compared all the same, and the gate judges nothing."""
    _edit_header(finished, lambda h: (h.update(schema=1), h["plan"].pop("design")))

    header = Run.load(finished).header

    assert header.schema == SCHEMA_VERSION
    assert header.plan.design.primary == ()
    assert header.plan.design.comparisons == comparisons_of(CELLS)
    assert (header.plan.design.min_rounds, header.plan.design.max_rounds) == (1, 1)


def test_records_of_unplanned_boots_are_left_out_and_said(finished: Path) -> None:
    path = finished / "outcomes.jsonl"
    line = json.loads(path.read_text().splitlines()[0]) | {"boot": "somebody+elses+boot"}
    with path.open("a") as stream:
        stream.write(json.dumps(line) + "\n")

    run = Run.load(finished)

    assert "somebody+elses+boot" not in {record.boot for record in run.outcomes}
    assert "somebody+elses+boot" in run.warnings[0]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "/etc/passwd", "-rf", ".hidden", "a\nb", "a b", "x" * 201],
)
def test_names_that_are_no_file_names_are_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        checked_name(name)
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.add_raw(name, "x.json", "")
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.add_raw(GUEST, name, "")
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.console_path(name)
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.add_evidence(name, evidence(CELLS[2], "before"))


@pytest.mark.parametrize("cell", DEFAULT_CELLS, ids=str)
def test_every_cell_is_a_file_name(cell: Cell) -> None:
    assert checked_name(f"{cell}-r10") == f"{cell}-r10"


def test_a_raw_report_is_never_overwritten(store: Store) -> None:
    paths = [store.add_raw(GUEST, "fio.json", text) for text in ("one", "two", "three")]

    assert paths == [f"raw/{GUEST}/fio{end}.json" for end in ("", "-2", "-3")]
    assert [(store.path / path).read_text() for path in paths] == ["one", "two", "three"]
    assert store.add_raw(GUEST, "notes", "a") == f"raw/{GUEST}/notes"
    assert store.add_raw(GUEST, "notes", "b") == f"raw/{GUEST}/notes-2"


def test_a_full_disk_is_one_message_and_leaves_no_half_line(
    store: Store, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Run.load(finished).samples[:2]
    store.add_sample(first)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match="No space left") as caught:
            store.add_sample(second)

    assert "free some space" in caught.value.remedy
    assert Run.load(store.path).samples == (first,)
    store.add_sample(second)
    assert Run.load(store.path).samples == (first, second)


def test_a_really_full_disk_is_a_store_error(store: Store) -> None:
    (store.path / "samples.jsonl").symlink_to("/dev/full")
    sample = FakeRun(cells=CELLS[2:]).write(store.path.parent)

    with pytest.raises(StoreError, match="No space left"):
        store.add_sample(Run.load(sample).samples[0])


def test_a_vanished_directory_is_not_made_anew(store: Store) -> None:
    shutil.rmtree(store.path)

    with pytest.raises(StoreError, match="gone"):
        store.add_raw(GUEST, "x.json", "{}")
    with pytest.raises(StoreError, match="gone"):
        store.finish(RunStatus.COMPLETE)
    assert not store.path.exists()


def test_a_root_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot write"):
        Store.create(tmp_path / "file", FakeRun(cells=CELLS).header())


def test_a_good_run_exits_with_zero(finished: Path) -> None:
    assert exit_status(Run.load(finished)) == 0


@pytest.mark.parametrize("outcome", [o for o in Outcome if o.is_bad])
def test_one_bad_outcome_is_enough(tmp_path: Path, outcome: Outcome) -> None:
    trouble = {GUEST: Trouble(outcome, "because", scenario=CHECKS[0])}

    status = exit_status(Run.load(FakeRun(cells=CELLS, trouble=trouble).write(tmp_path)))
    assert status == (BENCH_FAILED if outcome is Outcome.INFRA else 1)


@pytest.mark.parametrize("outcome", [Outcome.UNSUPPORTED, Outcome.NOT_RUN])
def test_an_unsupported_cell_beside_measured_ones_is_no_failure(
    tmp_path: Path, outcome: Outcome
) -> None:
    trouble = {GUEST: Trouble(outcome, "no such device")}

    assert exit_status(Run.load(FakeRun(cells=CELLS, trouble=trouble).write(tmp_path))) == 0


def test_nothing_measured_is_a_failure(tmp_path: Path) -> None:
    trouble = {str(cell): Trouble(Outcome.UNSUPPORTED, "no such device") for cell in CELLS}

    assert exit_status(Run.load(FakeRun(cells=CELLS, trouble=trouble).write(tmp_path))) == 1
    assert exit_status(Run.load(FakeRun(cells=()).write(tmp_path))) == 1


@pytest.mark.parametrize(("before", "after", "moved"), [(12, 80412, True), (12, 12, False)])
def test_a_counter_that_the_measurements_have_not_moved_makes_its_boot_invalid(
    finished: Path,
    before: int,
    after: int,
    moved: bool,  # noqa: FBT001
) -> None:
    run = Run.load(finished)
    counts = {"before": before, "after": after}
    kept = tuple(
        msgspec.structs.replace(
            each,
            facts=(msgspec.structs.replace(each.facts[0], count=counts[each.phase]),),
        )
        for each in run.evidence[GUEST]
    )

    distrusted = replace(run, evidence={**run.evidence, GUEST: kept}).distrusted

    assert (GUEST in distrusted) is not moved
    assert moved or "still at 12, as before" in distrusted[GUEST]


def test_evidence_that_contradicts_the_cell_makes_its_boot_invalid(tmp_path: Path) -> None:
    fake = FakeRun(cells=CELLS, rounds=2, contradicted=frozenset({f"{GUEST}-r2"}))

    run = Run.load(fake.write(tmp_path))

    assert set(run.distrusted) == {f"{GUEST}-r2"}
    assert "vhost-net: expected vhost=on, observed overlay" in run.distrusted[f"{GUEST}-r2"]
    assert {s.boot for s in run.samples} - {s.boot for s in run.valid_samples} == {f"{GUEST}-r2"}
    assert {o.outcome for o in run.outcomes if o.boot == f"{GUEST}-r2"} == {Outcome.INVALID}
    assert {o.outcome for o in run.recorded} == {Outcome.PASS}
    assert exit_status(run) == 1


@pytest.mark.parametrize("kept", [[], [Evidence(phase="before", facts=(), raw={})]])
def test_what_was_never_proven_is_not_used(finished: Path, kept: list[Evidence]) -> None:
    (finished / "evidence" / f"{GUEST}.json").write_bytes(msgspec.json.encode(kept))

    run = Run.load(finished)

    assert run.distrusted == {GUEST: "no evidence was read before the measurements"}


def test_a_boot_cut_short_before_its_last_evidence_keeps_its_samples(finished: Path) -> None:
    before = [evidence(CELLS[2], "before")]
    (finished / "evidence" / f"{GUEST}.json").write_bytes(msgspec.json.encode(before))

    assert Run.load(finished).distrusted == {}


def test_samples_of_an_invalid_scenario_are_not_used(finished: Path) -> None:
    path = finished / "outcomes.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["boot"] == GUEST and line["scenario"].endswith("udp_loss"):
            line.update(outcome="INVALID", reason="more came in than went out")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    run = Run.load(finished)

    mine = {s.metric.name for s in run.valid_samples if s.boot == GUEST}
    assert "udp_loss" not in mine
    assert "tcp_out_goodput" in mine


def _edit_header(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    header = json.loads((path / "run.json").read_text())
    edit(header)
    (path / "run.json").write_text(json.dumps(header))


@pytest.fixture
def again(tmp_path: Path) -> Run:
    return Run.load(repeated().write(tmp_path))


def test_repeats_stand_at_the_end_of_their_round(again: Run) -> None:
    first = [boot.id for boot in again.header.plan.order if boot.round == 1]

    assert [boot.id for boot in again.order if boot.round == 1] == [
        *first, "tcfilter+9p+reference-r1-a2",
    ]  # fmt: skip
    assert again.warnings == ()


def test_where_rounds_do_not_follow_each_other_a_repeat_follows_its_boot(again: Run) -> None:
    plan = msgspec.structs.replace(again.header.plan, ordering=Ordering.SEQUENTIAL)
    run = replace(again, header=msgspec.structs.replace(again.header, plan=plan))

    ids = [boot.id for boot in run.order]

    place = ids.index("tcfilter+9p+reference-r1")
    assert ids[place + 1] == "tcfilter+9p+reference-r1-a2"


def test_a_repeat_that_no_plan_would_make_is_left_out(tmp_path: Path) -> None:
    path = FakeRun(cells=CELLS, rounds=2).write(tmp_path)
    with (path / "samples.jsonl").open("a") as file:
        line = (path / "samples.jsonl").read_text().splitlines()[0]
        file.write(line.replace("-r1", "-r1-a2") + "\n")

    run = Run.load(path)

    assert "left out, as not in the plan" in run.warnings[0]
    assert not any(sample.boot.endswith("-a2") for sample in run.samples)


def test_samples_of_the_attempt_that_counts_are_used_and_all_are_valid(again: Run) -> None:
    of_cell = [each for each in again.valid_samples if each.cell == "tcfilter+9p+reference"]
    used = [each for each in again.used_samples if each.cell == "tcfilter+9p+reference"]

    assert {(each.round, each.attempt) for each in of_cell} == {(1, 1), (1, 2), (2, 1)}
    assert {(each.round, each.attempt) for each in used} == {(1, 2), (2, 1)}


def test_what_stays_contaminated_is_told(again: Run) -> None:
    boots = len(again.header.plan.order)

    assert again.degradation == (
        f"Degraded: 1 of {boots} boots stay contaminated, and were not measured again, or not often"
        " enough to help: none+9p+reference-r2."
    )


def test_no_report_makes_a_runs_folder_anew(tmp_path: Path) -> None:
    """Found by a story: somebody had moved the run away while its reports were made."""
    with pytest.raises(StoreError, match=r"cannot write .*No such file or directory"):
        write_report(tmp_path / "gone" / "report.html", "text")

    assert not (tmp_path / "gone").exists()
