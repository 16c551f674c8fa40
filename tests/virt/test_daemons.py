"""The daemons that are started where no init system does, and what is changed of the host."""

from __future__ import annotations

import fcntl
import grp
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import command, ledger
from lab.errors import CommandError, HostError, NotReadyError
from lab.files import state_dir
from lab.ledger import Entry, Kind, Ledger
from lab.owner import VARIABLE, me
from lab.virt import daemons as module
from tests.fakes import DEAD, Programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def daemons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A machine without an init system, on which nobody listens yet."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(module, "SYSTEMD_MARK", tmp_path / "systemd")
    monkeypatch.setattr(module, "SOCKETS", {"libvirtd": tmp_path / "sock"})
    monkeypatch.setattr(module, "TIMEOUT_S", 0.1)
    return Programs.first_on_path(tmp_path / "bin", monkeypatch)


def test_a_daemon_that_listens_is_left_alone(daemons: Programs, tmp_path: Path) -> None:
    daemons.add("libvirtd", "exit 1")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        module.start()

    assert daemons.calls("libvirtd") == []


def test_a_daemon_is_started_and_waited_for(
    daemons: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemons.add("libvirtd", "exit 0")
    listener = socket.socket(socket.AF_UNIX)

    def run_and_listen(argv: list[str], *, timeout_s: float, env: dict[str, str]) -> None:
        assert [entry.kind for entry in ledger.own().newest_first()] == [Kind.DAEMON]
        command.run(argv, timeout_s=100 * timeout_s, env=env)
        listener.bind(str(tmp_path / "sock"))
        listener.listen()

    monkeypatch.setattr(module, "run", run_and_listen)

    with listener:
        module.start()

    assert daemons.calls("libvirtd") == ["--daemon --timeout 300"]


def test_a_daemon_does_not_bear_the_mark_of_what_ends_with_its_owner(
    daemons: Programs, tmp_path: Path
) -> None:
    daemons.add("libvirtd", f"env >{tmp_path}/env; exit 6")

    with pytest.raises(CommandError):
        module.start()

    said = (tmp_path / "env").read_text().splitlines()
    assert f"{VARIABLE}=" in said
    assert f"{module.STARTED_BY}={me().id}" in said


def test_two_runs_may_start_the_daemons_at_once(
    daemons: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds the pid file taken; what counts is that somebody listens."""
    listener = socket.socket(socket.AF_UNIX)

    def another_is_faster(_argv: list[str], **_: object) -> NoReturn:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        command.run(["sh", "-c", "exit 1"], timeout_s=10)
        raise AssertionError("unreachable")

    monkeypatch.setattr(module, "run", another_is_faster)

    with listener:
        module.start()

    assert daemons.calls("libvirtd") == []


def test_a_daemon_that_does_not_start_is_said(
    daemons: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 10)
    daemons.add("libvirtd", "echo 'no such group' >&2; exit 6")

    with pytest.raises(CommandError, match="libvirtd exited with status 6"):
        module.start()


def test_a_daemon_that_starts_and_never_listens_is_said(
    daemons: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemons.add("libvirtd", "exit 0")
    monkeypatch.setattr(module, "run", lambda *_, **__: None)

    with pytest.raises(NotReadyError) as caught:
        module.start()

    assert f"nobody listens on {tmp_path / 'sock'}" in caught.value.problem


GROUP = 4242


@pytest.fixture
def kvm(daemons: Programs, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A /dev/kvm as the kernel makes it; the group kvm has number 4242."""
    assert daemons.folder.exists()
    module.KVM.touch()
    state = {"group": 0, "mode": 0o600}
    group = grp.struct_group(("kvm", "x", GROUP, []))
    monkeypatch.setattr(grp, "getgrnam", lambda name: {"kvm": group}[name])
    monkeypatch.setattr(module, "_state", lambda _path: (state["group"], state["mode"]))
    monkeypatch.setattr(os, "chown", lambda _path, _user, group: state.update(group=group))
    monkeypatch.setattr(type(module.KVM), "chmod", lambda _path, mode: state.update(mode=mode))
    return state


AS_UDEV_MAKES_IT = {"group": GROUP, "mode": 0o660}
AS_THE_KERNEL_MAKES_IT = {"group": 0, "mode": 0o600}


def entries() -> list[Entry]:
    return list(ledger.own().newest_first())


def leave() -> None:
    for entry in ledger.forget_own():
        module.restore(entry)


def test_kvm_is_given_its_group_where_no_udev_does_and_gets_it_back(kvm: dict[str, int]) -> None:
    module._give_kvm_its_group()

    assert kvm == AS_UDEV_MAKES_IT
    change = "0:600 -> 4242:660"
    assert entries() == [Entry(kind=Kind.SETTING, name=str(module.KVM), where=change)]

    leave()

    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_the_change_is_on_the_ledger_before_it_is_made(
    kvm: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "chown", killed)

    with pytest.raises(KeyboardInterrupt):
        module._give_kvm_its_group()

    assert [entry.kind for entry in entries()] == [Kind.SETTING]
    leave()
    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_it_is_changed_once_a_process(kvm: dict[str, int]) -> None:
    for _ in range(3):
        module._give_kvm_its_group()

    assert len(entries()) == 1
    leave()
    assert kvm == AS_THE_KERNEL_MAKES_IT


def another(entry: Entry) -> Path:
    """Another process that lives, as far as anybody can see, with *entry* in its ledger."""
    path = ledger.path_of(replace(me(), space="1"), state_dir())
    path.parent.mkdir(parents=True, exist_ok=True)
    Ledger(path).record(entry)
    return path


def test_what_another_needs_changed_is_left_to_it(kvm: dict[str, int]) -> None:
    module._give_kvm_its_group()
    path = another(entries()[0])

    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        leave()

    assert kvm == AS_UDEV_MAKES_IT


def test_what_another_has_changed_is_put_back_by_whoever_ends_last(kvm: dict[str, int]) -> None:
    kvm.update(AS_UDEV_MAKES_IT)
    change = Entry(kind=Kind.SETTING, name=str(module.KVM), where="0:600 -> 4242:660")
    path = another(change)

    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        module._give_kvm_its_group()
        assert entries() == [change]
        path.unlink()
    leave()

    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_what_a_dead_process_has_changed_is_put_back_by_the_next(kvm: dict[str, int]) -> None:
    kvm.update(AS_UDEV_MAKES_IT)
    path = ledger.path_of(DEAD, state_dir())
    path.parent.mkdir(parents=True, exist_ok=True)
    change = Entry(kind=Kind.SETTING, name=str(module.KVM), where="0:600 -> 4242:660")
    Ledger(path).record(change)

    module._give_kvm_its_group()

    assert entries() == [change]
    leave()
    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_a_change_that_was_cut_short_is_put_back(
    kvm: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(type(module.KVM), "chmod", killed)
        with pytest.raises(KeyboardInterrupt):
            module._give_kvm_its_group()
    assert kvm == {"group": GROUP, "mode": 0o600}

    leave()

    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_what_somebody_else_has_changed_since_is_left_alone(kvm: dict[str, int]) -> None:
    module._give_kvm_its_group()
    kvm["mode"] = 0o666

    leave()

    assert kvm == {"group": GROUP, "mode": 0o666}


def test_what_cannot_be_put_back_is_said(
    kvm: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise PermissionError("Operation not permitted")

    module._give_kvm_its_group()
    monkeypatch.setattr(os, "chown", refuse)

    with pytest.raises(HostError, match="cannot be put back: Operation not permitted") as caught:
        leave()

    assert f"chgrp 0 {module.KVM}; chmod 600 {module.KVM}" in caught.value.remedy
    assert kvm == AS_UDEV_MAKES_IT


@pytest.mark.parametrize("where", ["", "a:b -> c:d", "0:600"])
def test_a_change_that_cannot_be_read_changes_nothing(kvm: dict[str, int], where: str) -> None:
    module.restore(Entry(kind=Kind.SETTING, name=str(module.KVM), where=where))

    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_a_kvm_of_the_right_group_is_left_alone(kvm: dict[str, int]) -> None:
    kvm["group"] = GROUP

    module._give_kvm_its_group()

    assert kvm == {"group": GROUP, "mode": 0o600}
    assert entries() == []


def test_a_machine_without_kvm_has_nothing_to_give(kvm: dict[str, int]) -> None:
    module.KVM.unlink()

    module._give_kvm_its_group()

    assert kvm == AS_THE_KERNEL_MAKES_IT


def test_a_machine_without_the_group_keeps_kvm_as_it_is(
    kvm: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(name: str) -> NoReturn:
        raise KeyError(f"getgrnam(): name not found: {name!r}")

    monkeypatch.setattr(grp, "getgrnam", nobody)

    module._give_kvm_its_group()

    assert kvm == AS_THE_KERNEL_MAKES_IT
