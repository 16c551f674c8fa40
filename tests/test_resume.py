"""Going on with a run: who may, on what, and in which directory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from lab import cli, environment, launch, resume, source
from lab.errors import UsageError
from lab.options import Wishes
from lab.owner import mark, me
from lab.records import Resumption, RunHeader, RunStatus
from lab.run import Run
from lab.stopwatch import Stopwatch
from lab.store import SAMPLES, Store
from lab.verbs.parser import USAGE
from tests.fake_run import CREATED, FakeRun
from tests.fakes import DEAD, unsaid
from tests.samples import sample
from tests.test_remainder import FIRST, PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from lab.launch import Decided
    from lab.records import Environment

NOW = Resumption(at=CREATED, command_line=("lab",), code="c0de", found=RunStatus.RUNNING)


def header(**changes: object) -> RunHeader:
    begun = RunHeader(
        created=CREATED, command_line=("lab", "matrix"), topology="embedded", plan=PLAN,
        owner=DEAD.id, code=source.digest(),
    )  # fmt: skip
    return msgspec.structs.replace(begun, **changes)


def wishes(root: Path) -> Wishes:
    return replace(Wishes.read(lambda _name: None), output=root)


def test_a_last_line_that_is_torn_is_cut_and_said(tmp_path: Path) -> None:
    store = Store.create(tmp_path, header())
    store.add_sample(sample(boot=FIRST.id))
    with (store.path / SAMPLES).open("a") as stream:
        stream.write('{"metric": {"na')

    again = Store.reopen(store.path, store.header, NOW)
    again.add_sample(sample(boot=FIRST.id))

    run = Run.load(store.path)
    assert len(run.samples) == 2
    assert run.header.resumptions[0].cut == (SAMPLES,)
    assert "the last line of samples.jsonl was torn" in run.warnings[-1]


def test_what_a_dead_process_was_writing_is_removed(tmp_path: Path) -> None:
    store = Store.create(tmp_path, header())
    half = store.path / mark(".run.json")
    half.write_text("{")

    again = Store.reopen(store.path, store.header, NOW)

    assert not half.exists()
    assert (again.header.owner, again.header.status) == (me().id, RunStatus.RUNNING)
    assert (tmp_path / "last").resolve() == store.path.resolve()


def test_each_time_the_consoles_of_the_nodes_are_others(tmp_path: Path) -> None:
    store = Store.create(tmp_path, header())
    first = store.node_console_path("node-1")

    again = Store.reopen(store.path, store.header, NOW)

    assert first.name == "node-1.log"
    assert again.node_console_path("node-1").name == "node-1-resumed-1.log"


def test_what_is_still_going_on_is_not_resumed(tmp_path: Path) -> None:
    store = Store.create(tmp_path, header(owner=me().id))

    with pytest.raises(UsageError, match="is still going on"):
        resume.read(store.path)


def test_what_was_joined_from_other_runs_is_not_resumed(tmp_path: Path) -> None:
    store = Store.create(tmp_path, header(merged=("one", "two")))

    with pytest.raises(UsageError, match="joined") as caught:
        resume.read(store.path)
    assert "one, two" in caught.value.remedy


def test_a_run_without_a_journal_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no journal"):
        resume.read(FakeRun().write(tmp_path))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Wishes]:
    """What is decided, and what this machine is: taken from the test."""
    wished: list[Wishes] = []

    def decide(asked: Wishes, **_: object) -> Decided:
        wished.append(asked)
        return launch.Decided(
            wishes=asked, topology=None, profile=None, plan=PLAN, images=None, chosen=None,  # type: ignore[arg-type]
        )  # fmt: skip

    monkeypatch.setattr(launch, "decide", decide)
    return wished


def begun(root: Path, found: Environment, **changes: object) -> Run:
    store = Store.create(root, header(**changes))
    store.set_environment(found)
    return Run.load(store.path)


def go_on(root: Path, run: Run, *, is_forced: bool = False) -> resume.Resumed:
    return resume.decide(wishes(root), run, is_forced=is_forced, say=unsaid, stopwatch=Stopwatch())


@pytest.fixture
def here(tmp_path: Path) -> Environment:
    return cast("Environment", Run.load(FakeRun().write(tmp_path / "other")).environment)


def test_a_run_goes_on_with_its_own_plan(
    tmp_path: Path, here: Environment, played: list[Wishes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "known", lambda *_: here)
    run = begun(tmp_path, here, options=("--lock", "/somewhere/lock.toml"))

    resumed = go_on(tmp_path, run)

    assert resumed.differences == ()
    assert resumed.decided.plan == PLAN
    (asked,) = played
    assert (asked.topology, asked.profile, asked.seed) == ("embedded", "smoke", PLAN.seed)
    assert str(asked.lock) == "/somewhere/lock.toml"
    assert asked.cells == "tcfilter+virtiofs+reference,macvtap+9p+reference"


def test_another_host_lock_or_code_is_refused_by_name(
    tmp_path: Path, here: Environment, played: list[Wishes], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = msgspec.structs.replace(
        here, host={**here.host, "kernel": "9.9"}, images={**here.images, "node": "another"}
    )
    monkeypatch.setattr(environment, "known", lambda *_: other)
    run = begun(tmp_path, here, code="0ther")

    with pytest.raises(UsageError) as caught:
        go_on(tmp_path, run)

    assert played
    for name in ("code of the lab: 0ther / ", "host kernel: ", "node image: "):
        assert name in caught.value.problem
    assert "--force" in caught.value.remedy


def test_force_is_on_record_for_good(
    tmp_path: Path, here: Environment, played: list[Wishes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "known", lambda *_: here)
    run = begun(tmp_path, here, code="0ther")

    store, left = resume.reopen(go_on(tmp_path, run, is_forced=True))

    assert played
    assert len(left.boots) == len(PLAN.order)
    (resumption,) = Run.load(store.path).header.resumptions
    assert resumption.differences == (f"code of the lab: 0ther / {source.digest()}",)
    assert any("by force" in warning for warning in Run.load(store.path).warnings)


def test_of_two_that_go_on_the_second_is_refused(
    tmp_path: Path, here: Environment, played: list[Wishes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "known", lambda *_: here)
    resumed = go_on(tmp_path, begun(tmp_path, here))
    resume.reopen(resumed)

    assert played
    with pytest.raises(UsageError, match="still going on"):
        resume.reopen(resumed)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--force"], "--force: there is nothing to force"),
        (["--resume", "last", "--cells", "none+*+*"], "--cells: what goes on"),
        (["--resume", "last", "--seed", "3"], "--seed: what goes on"),
    ],
)
def test_what_goes_on_is_as_it_began(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["matrix", *argv]) == USAGE

    assert said in capsys.readouterr().err


def test_the_digest_of_the_code_is_short_and_stays() -> None:
    assert source.digest() == source.digest()
    assert len(source.digest()) == source.SHORT
