"""Who may use this machine, and who waits: with real processes, some of which are killed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from lab import lease
from lab.errors import HostError
from lab.lease import Claim, leased, queue, stale
from lab.wait import Pending, wait_for
from tests.fakes import DEAD, Clock, unsaid

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = Path(__file__).parents[1]
SCRIPT = """
import sys
from lab.lease import leased
doing, is_alone = sys.argv[1], sys.argv[2] == "alone"
with leased(doing, is_alone=is_alone, say=lambda text: print(text, flush=True)) as lease:
    print("granted", flush=True)
    lease.tell(sys.stdin.readline().strip() or doing)
    print("told", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("PYTHONPATH", str(LAB))
    monkeypatch.setattr(lease, "POLL_S", 0.02)
    return tmp_path / "leases"


@dataclass
class Other:
    """Another process of the lab that wants this machine."""

    process: subprocess.Popen[str]

    @property
    def said(self) -> IO[str]:
        assert self.process.stdout
        return self.process.stdout

    def next_line(self) -> str:
        return self.said.readline().strip()

    def say(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        with suppress(BrokenPipeError):
            self.process.communicate("\n\n", timeout=10)


@contextmanager
def other(doing: str, how: str) -> Iterator[Other]:
    argv = [sys.executable, "-c", SCRIPT, doing, how]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


def wait_for_claims(number: int) -> tuple[Claim, ...]:
    def probe() -> tuple[Claim, ...]:
        if len(found := queue()) != number:
            raise Pending(f"{len(found)} claims")
        return found

    return wait_for("claims", probe, timeout_s=10, every_s=0.01, remedy="none")


def test_who_comes_first_has_the_machine_at_once() -> None:
    said: list[str] = []

    with leased("measuring", is_alone=True, say=said.append) as mine:
        (claim,) = queue()
        assert claim == mine.claim
        assert claim.granted
        assert (claim.number, claim.doing, claim.is_alone) == (1, "measuring", True)

    assert said == []
    assert queue() == ()


def test_those_that_wait_are_told_what_is_being_done() -> None:
    with leased("measuring", is_alone=True, say=unsaid) as mine:
        mine.tell("measuring into /results/a very long name")
        mine.tell("it")

        assert [claim.doing for claim in queue()] == ["it"]


@pytest.mark.parametrize(
    ("mine", "others"), [("alone", "alone"), ("alone", "shared"), ("shared", "alone")]
)
def test_one_that_measures_shares_the_machine_with_nobody(mine: str, others: str) -> None:
    with other("measuring", others) as first:
        assert first.next_line() == "granted"
        first.say("")
        with other("mine", mine) as second:
            waits = second.next_line()
            assert waits.startswith("waiting for this machine: measuring (process ")
            assert f"process {first.process.pid} of " in waits
            assert [claim.granted is None for claim in queue()] == [False, True]
            first.end()
            assert second.next_line() == "granted"


def test_those_that_do_not_measure_share_it() -> None:
    with other("lab up", "shared") as first, other("conformance", "shared") as second:
        assert first.next_line() == second.next_line() == "granted"


def test_everybody_has_his_turn_in_the_order_in_which_they_came() -> None:
    """Those that share do not slip past one that waits to be alone."""
    with other("first", "shared") as first:
        assert first.next_line() == "granted"
        first.say("")
        with other("second", "alone") as second:
            assert "first" in second.next_line()
            with other("third", "shared") as third:
                assert "second" in third.next_line()
                first.end()
                assert second.next_line() == "granted"
                second.end()
                assert third.next_line() == "granted"


def test_nobody_waits_for_the_dead() -> None:
    with other("first", "alone") as first:
        assert first.next_line() == "granted"
        with other("second", "alone") as second:
            assert "first" in second.next_line()
            first.process.kill()
            assert second.next_line() == "granted"
            assert [claim.doing for claim in queue()] == ["second"]
            assert [path.name for path in stale()] == ["00000001.json"]


def test_who_is_interrupted_leaves_the_queue() -> None:
    def interrupted(_text: str) -> None:
        raise KeyboardInterrupt

    with other("measuring", "alone") as first:
        assert first.next_line() == "granted"
        waiting = leased("mine", is_alone=True, say=interrupted)
        with pytest.raises(KeyboardInterrupt):
            waiting.__enter__()

        assert [claim.doing for claim in queue()] == ["measuring"]
        assert stale() == ()


def test_who_does_not_want_to_wait_is_told_who_has_it() -> None:
    with other("measuring into /results/1", "alone") as first:
        assert first.next_line() == "granted"
        waiting = leased("mine", is_alone=True, say=unsaid, waits=False)
        with pytest.raises(HostError, match="in use: measuring into /results/1"):
            waiting.__enter__()

        wait_for_claims(1)


def test_who_waits_is_told_so_again_and_again_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    said: list[str] = []
    monkeypatch.setattr(lease, "time", clock)
    monkeypatch.setattr(lease, "pause", clock.sleep)
    monkeypatch.setattr(lease, "POLL_S", 10.0)
    monkeypatch.setattr(lease, "PATIENCE_S", 200.0)

    with other("measuring", "alone") as first:
        assert first.next_line() == "granted"
        waiting = leased("mine", is_alone=True, say=said.append)
        with pytest.raises(HostError, match="in use: measuring"):
            waiting.__enter__()

    assert len(said) == 4
    assert said[0].startswith("waiting for this machine: measuring")
    assert said[1].startswith("waiting for this machine (1 min")


def test_one_process_does_not_wait_for_itself() -> None:
    with (
        leased("a", is_alone=True, say=unsaid),
        leased("b", is_alone=True, say=unsaid, waits=False),
    ):
        assert len(queue()) == 2


def test_numbers_are_given_once_however_many_come_at_once() -> None:
    numbers: list[int] = []
    gate = threading.Barrier(8)

    def come() -> None:
        gate.wait()
        with leased("thread", is_alone=True, say=unsaid) as mine:
            numbers.append(mine.claim.number)
            gate.wait()

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 9))
    assert queue() == ()


@pytest.mark.parametrize("text", ["", "{", '{"number": "x"}', "\xff"])
def test_a_claim_that_cannot_be_read_stands_against_everybody(place: Path, text: str) -> None:
    with leased("mine", is_alone=False, say=unsaid) as mine:
        path = place / f"{mine.claim.number:08}.json"
        os.truncate(path, 0)
        path.write_text(text)

        (claim,) = queue()
        assert claim.is_alone
        assert str(path) in str(claim)
        assert claim.stands_against(Claim(
            number=2, owner=DEAD, user="ada", is_alone=False, doing="x", asked=claim.asked,
        ))  # fmt: skip


def test_the_queue_is_open_to_every_user_and_its_claims_are_their_owners(place: Path) -> None:
    with leased("mine", is_alone=True, say=unsaid):
        assert stat.S_IMODE(place.stat().st_mode) == 0o1777
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()}
        assert modes == {"numbers.lock": 0o644, "00000001.json": 0o644}


def test_a_queue_that_is_none_is_refused(place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    place.symlink_to("/")

    with pytest.raises(HostError, match="is not a folder of its own"):
        leased("mine", is_alone=True, say=unsaid).__enter__()

    place.unlink()
    place.touch()
    with pytest.raises(HostError, match="cannot be made"):
        leased("mine", is_alone=True, say=unsaid).__enter__()


def test_it_is_where_every_user_of_this_machine_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_LEASES")
    places = (tmp_path / "run" / "kata-lab", tmp_path / "tmp" / "kata-lab.leases")
    monkeypatch.setattr(lease, "PLACES", places)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    assert lease._where() == tmp_path / "home" / "leases"
    places[1].parent.mkdir()
    places[1].parent.chmod(0o1777)
    places[0].parent.mkdir(mode=0o755)
    assert lease._where() == places[1]
    places[0].parent.chmod(0o1777)
    assert lease._where() == places[0]


def test_a_claim_says_who_it_is() -> None:
    asked = datetime.fromisoformat("2026-11-24T12:00:00+00:00")
    claim = Claim(
        number=1, owner=DEAD, user="ada", is_alone=True, doing="measuring", asked=asked
    )  # fmt: skip

    assert str(claim) == f"measuring (process {DEAD.pid} of ada, since 2026-11-24 12:00:00 UTC)"


def test_a_number_that_was_given_again_is_not_taken_from_who_has_it(place: Path) -> None:
    with leased("measuring", is_alone=True, say=unsaid) as mine:
        (path,) = place.glob("*.json")

        lease.forget(path)

        assert [claim.number for claim in queue()] == [mine.claim.number]


def test_what_another_user_has_left_is_his_to_remove(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.mkdir()
    dead = place / "00000001.json"
    dead.write_text("{}")
    assert stale() == (dead,)

    monkeypatch.setattr("os.geteuid", lambda: dead.stat().st_uid + 1)

    assert stale() == ()
