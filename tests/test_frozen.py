"""Keeping the state of a lab, and going on from it; no QEMU in it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.errors import ProvisionError
from lab.frozen import Frozen
from lab.provision import bring_up
from lab.virt import memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.machine import Start
    from lab.provision import Lab
    from lab.virt.connection import Connection
    from tests.ground import Ground


class Machines:
    """What is done to machines, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails = False

    @contextmanager
    def held(self, _connection: Connection, names: Sequence[str]) -> Iterator[None]:
        self.done.append(f"hold {len(names)}")
        try:
            yield
        finally:
            self.done.append("let go")

    def save(self, _connection: Connection, name: str, path: Path) -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        if self.fails:
            raise ProvisionError("no space", remedy="none")
        self.done.append(f"save {name.rpartition('-')[2]}")
        path.write_text("memory")


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines()
    monkeypatch.setattr(memory, "held", made.held)
    monkeypatch.setattr(memory, "save", made.save)
    return made


@pytest.fixture
def start(ground: Ground, tmp_path: Path) -> Start:
    return replace(ground.start, frozen=Frozen(tmp_path / "prepared" / "frozen-1"))


def up(start: Start) -> tuple[Lab, Frozen]:
    assert start.frozen is not None
    return bring_up(start), start.frozen


def test_a_state_is_memory_disks_and_keys_from_one_moment(start: Start, machines: Machines) -> None:
    lab, frozen = up(start)
    (lab.folder / "node-1-root.qcow2").write_text("root")

    frozen.keep(lab.record, lab.disks)

    assert machines.done == ["hold 1", "save 1", "let go"]
    assert frozen.is_there
    assert {path.name for path in frozen.folder.iterdir()} == {
        *("node-1.memory", "node-1-root.qcow2", "node-1-data.qcow2", "node-1-keys"),
    }
    assert (frozen.folder / "node-1-root.qcow2").read_text() == "root"
    assert {path.stat().st_mode & 0o077 for path in frozen.folder.iterdir()} == {0}


@pytest.mark.usefixtures("machines")
def test_the_state_of_another_machine_is_removed(start: Start) -> None:
    lab, frozen = up(start)
    other = frozen.folder.with_name("frozen-2")
    other.mkdir(parents=True)
    disks = frozen.folder.with_name("node-1-root.qcow2")
    disks.touch()

    frozen.keep(lab.record, lab.disks)

    assert sorted(frozen.folder.parent.iterdir()) == [frozen.folder, disks]


def test_a_state_that_cannot_be_kept_leaves_nothing_and_the_lab_goes_on(
    start: Start, machines: Machines
) -> None:
    lab, frozen = up(start)
    machines.fails = True

    with pytest.raises(ProvisionError, match="no space"):
        frozen.keep(lab.record, lab.disks)

    assert machines.done[-1] == "let go"
    assert list(frozen.folder.parent.iterdir()) == []


@pytest.mark.usefixtures("machines")
def test_a_lab_goes_on_from_it_with_its_keys_and_above_its_disks(
    start: Start, ground: Ground
) -> None:
    first, frozen = up(start)
    assert not first.is_thawed
    frozen.keep(first.record, first.disks)
    made = len(ground.programs.calls("ssh-keygen"))

    lab, _ = up(start)

    assert lab.is_thawed
    assert len(ground.programs.calls("ssh-keygen")) == made
    (node,) = lab.record.nodes
    assert (Path(node.sockets) / "keys" / "client").read_text() == "private\n"
    assert (
        f"-b {frozen.folder}/node-1-root.qcow2 {lab.folder}/node-1-root.qcow2"
        in (ground.programs.calls("qemu-img")[-2])
    )


@pytest.mark.usefixtures("machines")
def test_nodes_boot_where_they_cannot_go_on(
    start: Start, ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    first, frozen = up(start)
    frozen.keep(first.record, first.disks)
    missing = frozen.folder / "node-1-keys" / "client"
    ground.programs.add("ssh", f'[ ! -e "{missing}" ] || exit 255')

    lab, _ = up(start)

    assert not lab.is_thawed
    assert not frozen.is_there
    assert "cannot go on from where it was, and boots" in caplog.text
    assert ground.domains == {first.record.nodes[0].domain, lab.record.nodes[0].domain}
