"""What the distribution must provide: the data, the proofs, and who may install."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from lab import system
from lab.command import Completed, run
from lab.errors import HostError
from lab.system import (
    Need,
    Purpose,
    bench_needs,
    browser_needs,
    ensure,
    environment_needs,
    missing,
)

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = Need("absent-package", ("no-such-program-anywhere",), "tests it", Purpose.BENCH)
PRESENT = Need("coreutils", ("no-such-program-anywhere", "ls"), "tests it", Purpose.BENCH)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run; apt-get, sudo and su are there."""
    ran: list[list[str]] = []
    monkeypatch.setattr(system, "attached", ran.append)
    monkeypatch.setattr(shutil, "which", lambda program, **_: _found(program))
    return ran


def _found(program: str) -> str | None:
    return None if program in ABSENT.proofs else f"/usr/bin/{program}"


def _become(monkeypatch: pytest.MonkeyPatch, *, uid: int, terminal: str | None = None) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal is not None, raising=False)
    monkeypatch.setattr(sys.stdin, "readline", lambda: terminal, raising=False)


def test_every_need_is_complete() -> None:
    bench = bench_needs(user_is_root=True) + bench_needs(user_is_root=False)
    for need in bench + browser_needs():
        assert need.package
        assert need.proofs
        assert need.reason


def test_the_bench_includes_the_environment() -> None:
    assert set(environment_needs()) < set(bench_needs(user_is_root=True))


def test_only_a_plain_user_needs_user_namespaces() -> None:
    def packages(*, user_is_root: bool) -> set[str]:
        return {need.package for need in bench_needs(user_is_root=user_is_root)}

    assert packages(user_is_root=False) - packages(user_is_root=True) == {"uidmap"}
    assert packages(user_is_root=True) - packages(user_is_root=False) == {"libvirt-daemon-system"}


def test_packages_stand_where_the_shell_looks_for_them() -> None:
    lines = system.NEEDS_FILE.read_text().splitlines()

    found = {line.split('"')[1] for line in lines if re.fullmatch('package = ".*"', line)}

    everyone = bench_needs(user_is_root=True) + bench_needs(user_is_root=False)
    assert found == {need.package for need in everyone}


def test_nobody_gets_a_browser_who_has_not_asked_for_one() -> None:
    script = (system.NEEDS_FILE.parents[1] / "run").read_text()
    (pattern,) = re.findall(r"sed -n '(.*)' lab/system.toml", script)
    sed = run(["sed", "-n", pattern, str(system.NEEDS_FILE)], timeout_s=10.0)

    browser = {need.package for need in set(browser_needs()) - set(environment_needs())}
    assert browser == {"chromium-headless-shell"}
    assert not browser & set(sed.stdout.split())


def test_any_proof_will_do() -> None:
    assert missing([PRESENT, ABSENT]) == (ABSENT,)


def test_a_path_may_hold_wildcards(tmp_path: Path) -> None:
    (tmp_path / "x86_64").mkdir()
    (tmp_path / "x86_64" / "libvirt.pc").touch()

    assert Need("a", (f"{tmp_path}/*/libvirt.pc",), "tests it", Purpose.BENCH).is_met
    assert not Need("a", (f"{tmp_path}/*/other.pc",), "tests it", Purpose.BENCH).is_met


def test_daemons_are_found_without_sbin_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daemon = tmp_path / "virtlogd"
    daemon.touch(mode=0o755)
    monkeypatch.setattr(system, "SBIN", (str(tmp_path),))

    assert Need("a", ("virtlogd",), "tests it", Purpose.BENCH).is_met


def test_nothing_missing_does_nothing(said: list[str], installs: list[list[str]]) -> None:
    ensure([PRESENT], say=said.append)

    assert not said
    assert not installs


def test_root_installs_after_one_update(
    monkeypatch: pytest.MonkeyPatch, said: list[str], installs: list[list[str]]
) -> None:
    _become(monkeypatch, uid=0)

    with pytest.raises(HostError, match="not installed: absent-package"):
        ensure([PRESENT, ABSENT], say=said.append)

    assert said == ["missing: absent-package (tests it)"]
    update, install = installs
    assert update[:4] == ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "update"]
    assert "absent-package" in install
    assert "coreutils" not in install


def test_a_user_of_sudo_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: list[str],
    installs: list[list[str]],
) -> None:
    _become(monkeypatch, uid=1000, terminal="\n")

    with pytest.raises(HostError):
        ensure([ABSENT], say=said.append)

    assert capsys.readouterr().err.count("[Y/n]") == 1
    assert [argv[0] for argv in installs] == ["sudo", "sudo"]


@pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "end of input"])
def test_no_is_no(
    monkeypatch: pytest.MonkeyPatch, said: list[str], installs: list[list[str]], answer: str
) -> None:
    _become(monkeypatch, uid=1000, terminal=answer)

    with pytest.raises(HostError) as raised:
        ensure([ABSENT], say=said.append)

    assert not installs
    script = shlex.split(raised.value.remedy)[-1]
    assert raised.value.remedy.startswith("run sudo sh -c ")
    assert script.endswith("apt-get install --yes --no-install-recommends absent-package")


@pytest.mark.parametrize(("status", "installed"), [(0, True), (1, False)])
def test_without_a_terminal_sudo_must_want_no_password(
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
    installs: list[list[str]],
    *,
    status: int,
    installed: bool,
) -> None:
    _become(monkeypatch, uid=1000)
    answer = Completed(("sudo",), status, "", "", 0.1)
    monkeypatch.setattr(system, "run", lambda *_, **__: answer)

    with pytest.raises(HostError):
        ensure([ABSENT], say=said.append)

    assert bool(installs) == installed


def test_without_sudo_the_remedy_is_one_command(
    monkeypatch: pytest.MonkeyPatch, said: list[str], installs: list[list[str]]
) -> None:
    _become(monkeypatch, uid=1000)
    monkeypatch.setattr(
        shutil, "which", lambda program, **_: None if program == "sudo" else _found(program)
    )

    with pytest.raises(HostError, match="not installed: absent-package") as raised:
        ensure([ABSENT], say=said.append)

    assert raised.value.remedy.startswith("run su -c ")
    assert not installs


def test_another_distribution_is_told_what_to_look_for(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(HostError, match="neither Debian nor Ubuntu") as raised:
        ensure([ABSENT], say=said.append)

    assert "no-such-program-anywhere" in raised.value.remedy


def test_who_has_said_that_it_shall_be_done_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, said: list[str], installs: list[list[str]]
) -> None:
    _become(monkeypatch, uid=1000, terminal="n\n")

    with pytest.raises(HostError, match="not installed"):  # nothing is really installed here
        ensure([ABSENT], say=said.append, asks=False)

    assert installs[0][:2] == ["sudo", "env"]


def test_what_mends_is_one_command_or_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program, **_: _found(program))
    assert system.mend([ABSENT]).startswith("sudo sh -c 'apt-get update; apt-get install")

    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert system.mend([ABSENT]) == (
        "install what your distribution has for: no-such-program-anywhere"
    )


@pytest.mark.parametrize(("uid", "before"), [(0, []), (1000, ["sudo"])])
def test_a_command_is_run_as_root(
    monkeypatch: pytest.MonkeyPatch, installs: list[list[str]], uid: int, before: list[str]
) -> None:
    _become(monkeypatch, uid=uid, terminal="")

    system.as_root(["modprobe", "kvm"])

    assert installs == [[*before, "modprobe", "kvm"]]


def test_a_command_that_fails_as_root_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _become(monkeypatch, uid=0)
    monkeypatch.setattr(system, "attached", lambda _argv: 3)

    with pytest.raises(HostError, match="`modprobe kvm` exited with status 3"):
        system.as_root(["modprobe", "kvm"])


def test_who_may_not_be_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _become(monkeypatch, uid=1000)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(HostError, match="may not run `modprobe kvm`"):
        system.as_root(["modprobe", "kvm"])
