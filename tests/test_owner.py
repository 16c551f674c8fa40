"""Who owns a thing, and whether he still lives: never told by a bare process number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import owner
from lab.owner import Owner, began, mark, marked, me
from lab.wait import Pending, wait_for
from tests.fakes import DEAD

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process
        process.kill()


def test_this_process_is_alive_and_the_same_each_time() -> None:
    assert me() == me()
    assert me().pid == os.getpid()
    assert me().is_alive() is True


def test_another_process_that_had_the_number_before_is_dead() -> None:
    assert DEAD.pid == me().pid
    assert DEAD.is_alive() is False


def test_a_process_before_the_machine_was_started_anew_is_dead() -> None:
    assert replace(me(), boot="00000000").is_alive() is False


def test_a_process_of_another_container_cannot_be_seen() -> None:
    assert replace(me(), space="1").is_alive() is None


def test_a_process_is_dead_once_it_is_killed_whether_or_not_anybody_has_noticed(
    child: subprocess.Popen[bytes],
) -> None:
    started = began(child.pid)
    assert started is not None
    assert started >= me().began
    it = replace(me(), pid=child.pid, began=started)
    assert it.is_alive() is True

    os.kill(child.pid, signal.SIGKILL)

    def probe() -> None:
        if it.is_alive():
            raise Pending("it lives")

    wait_for("its end", probe, timeout_s=5, every_s=0.01, remedy="none")  # a zombie by now
    child.wait()
    assert it.is_alive() is False


@pytest.mark.parametrize("name", ["a b", ") R 1 (", "x) Z"])
def test_the_name_of_a_process_may_hold_anything(tmp_path: Path, name: str) -> None:
    program = tmp_path / name.replace("/", "_")
    program.symlink_to("/bin/sleep")

    with subprocess.Popen([program, "60"]) as process:
        try:
            assert (began(process.pid) or 0) >= me().began
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("refusal", "is_alive"), [(PermissionError, True), (ProcessLookupError, False)]
)
def test_a_process_that_proc_hides_from_this_user_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: type[OSError], *, is_alive: bool
) -> None:
    """Mounted with hidepid=2, /proc shows to a user his own alone (proc(5))."""
    someone = replace(me(), pid=4242)

    def kill(_pid: int, _signal: int) -> NoReturn:
        raise refusal

    monkeypatch.setattr(owner, "PROC", tmp_path)
    monkeypatch.setattr(os, "kill", kill)

    assert someone.is_alive() is is_alive


@pytest.mark.parametrize("pid", [0x7FFFFFFF, 1 << 40])
def test_no_process_has_a_number_that_linux_does_not_give_out(pid: int) -> None:
    assert replace(me(), pid=pid).is_alive() is False


def test_an_owner_is_read_back_from_his_id() -> None:
    assert Owner.parse(me().id) == me()


@pytest.mark.parametrize(
    "text", ["", "4242", "{me}-", "x{me}", "1-2-3-4", "-1-2-0a1b2c3d-f", "../x"]
)
def test_what_is_no_id_is_nobodys(text: str) -> None:
    assert Owner.parse(text.format(me=me().id)) is None


def test_a_name_says_whose_the_thing_is_and_is_never_given_twice() -> None:
    names = {mark("kata-lab-tools") for _ in range(50)}

    assert len(names) == 50
    assert {marked(name) for name in names} == {me()}
    assert all(name.startswith("kata-lab-tools-") for name in names)


@pytest.mark.parametrize(
    "name", ["kata-lab-tools", "kata-lab-0a1b2c3d", "-{me}-0a1b2c3d", "x-{me}", ".lock"]
)
def test_a_name_that_says_nothing_is_nobodys(name: str) -> None:
    assert marked(name.format(me=me().id)) is None


def test_it_is_imported_with_nothing_but_the_standard_library() -> None:
    """lab.system runs before there is any environment."""
    script = "import sys; sys.modules['msgspec'] = None; import lab.system"

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
