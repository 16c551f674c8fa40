"""Up and down again, on libvirt's test driver; ssh and qemu-img do next to nothing."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from lab import node as node_module
from lab import provision, wait
from lab.errors import HostError, LabError, NotReadyError, ProvisionError
from lab.image.build import NodeImage
from lab.ledger import Entry, Kind, Ledger
from lab.provision import (
    Disks,
    LabRecord,
    Start,
    bring_up,
    console_tail,
    is_up,
    labs_dir,
    make_overlay,
    power_off,
    records,
    reopen,
    take_down,
)
from lab.topology import NodeSpec
from lab.virt import domain
from lab.virt.connection import connected
from lab.virt.xml import Accelerator
from tests.fakes import Clock, Programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.virt.connection import Connection

URI = "test:///default"
QEMU_IMG = 'for last; do :; done; echo "$*" >"$last"'
SSH_KEYGEN = 'for last; do :; done; echo private >"$last"; echo "ssh-ed25519 AAAA" >"$last.pub"'


@dataclass(frozen=True)
class Ground:
    """A machine to bring labs up on."""

    programs: Programs
    connection: Connection
    start: Start
    runtime: Path
    """Where sockets are."""

    @property
    def domains(self) -> set[str]:
        """The domains of labs."""
        names = {each.name() for each in self.connection.raw.listAllDomains()}
        return {name for name in names if name.startswith("lab-")}

    @property
    def left(self) -> list[str]:
        """Whatever a lab has left behind."""
        folders = [*labs_dir().iterdir(), *self.runtime.iterdir()]
        return sorted([*self.domains, *(path.name for path in folders)])


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(provision, "default_uri", lambda: URI)
    monkeypatch.setattr(wait, "time", Clock())
    monkeypatch.setattr(provision, "SSH_DEADLINE_S", {Accelerator.KVM: 1.0, Accelerator.TCG: 2.0})
    programs = Programs.first_on_path(tmp_path / "bin", monkeypatch)
    programs.add("qemu-img", QEMU_IMG)
    programs.add("ssh-keygen", SSH_KEYGEN)
    programs.add("ssh", "exit 0")
    start = Start(
        topology="embedded",
        spec=NodeSpec(name="node-1", cpus=2, memory_mib=2048, pool_gib=4),
        image=NodeImage(
            digest="d1",
            disk=tmp_path / "disk.img",
            kernel=tmp_path / "vmlinuz",
            initramfs=tmp_path / "initramfs",
            kernel_release="6.12",
        ),
        disks=Disks(root=tmp_path / "base-root.qcow2", data=tmp_path / "base-data.qcow2"),
        accelerator=Accelerator.TCG,
        console=tmp_path / "results" / "consoles" / "node-1.log",
    )
    # The test driver forgets its domains with its last connection.
    with connected(URI) as connection:
        yield Ground(programs, connection, start, tmp_path / "run")


def unreachable(ground: Ground) -> None:
    ground.programs.add("ssh", "echo 'Connection refused' >&2; exit 255")


def ledger_of(folder: Path) -> list[Kind]:
    return [entry.kind for entry in reversed(Ledger(folder / "ledger.jsonl").newest_first())]


def test_a_lab_comes_up_and_is_on_record(ground: Ground) -> None:
    lab = bring_up(ground.start)

    assert ground.domains == {lab.record.id}
    assert lab.folder == labs_dir() / lab.record.id
    assert list(records()) == [(lab.folder, lab.record)]
    assert (lab.record.topology, lab.record.node) == ("embedded", "node-1")
    assert lab.record.owner_pid == os.getpid()
    assert lab.record.console == str(ground.start.console)
    assert ground.start.console.parent.is_dir()
    assert is_up(lab.record)


def test_a_lab_goes_down_without_a_trace(ground: Ground) -> None:
    lab = bring_up(ground.start)

    take_down(lab.folder)

    assert ground.left == []
    assert not is_up(lab.record)
    assert ground.programs.calls("ssh")[-1].endswith("-O exit node-1")


def test_labs_share_a_disk_of_artefacts(ground: Ground) -> None:
    artefacts = ground.start.console.parents[2] / "artefacts.img"
    disks = replace(ground.start.disks, artefacts=artefacts)

    lab = bring_up(replace(ground.start, disks=disks))

    xml = ground.connection.raw.lookupByName(lab.record.id).XMLDesc()
    assert str(artefacts) in xml
    assert str(lab.folder / "root.qcow2") in xml


def test_two_labs_do_not_meet(ground: Ground) -> None:
    one, other = bring_up(ground.start), bring_up(ground.start)

    take_down(one.folder)

    assert ground.domains == {other.record.id}
    assert list(records()) == [(other.folder, other.record)]


def test_everything_is_in_the_ledger_before_it_exists(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Kind]] = []
    make_folder, start, connect = Path.mkdir, domain.start, node_module.Node.wait_until_up

    def ledger() -> list[Kind]:
        (folder,) = labs_dir().iterdir()
        return ledger_of(folder)

    def mkdir(self: Path, mode: int = 0o777, **how: bool) -> None:
        if self.parent == ground.runtime:
            seen.append(ledger())
        make_folder(self, mode, **how)

    def starting(connection: Connection, xml: str, *, name: str) -> None:
        seen.append(ledger())
        start(connection, xml, name=name)

    def connecting(self: node_module.Node, *, timeout_s: float, remedy: str) -> None:
        seen.append(ledger())
        connect(self, timeout_s=timeout_s, remedy=remedy)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(domain, "start", starting)
    monkeypatch.setattr(node_module.Node, "wait_until_up", connecting)

    bring_up(ground.start)

    assert seen == [
        [Kind.FOLDER],
        [Kind.FOLDER, Kind.DOMAIN],
        [Kind.FOLDER, Kind.DOMAIN, Kind.CONNECTION],
    ]


def test_only_its_owner_reaches_a_labs_sockets_and_keys(ground: Ground) -> None:
    lab = bring_up(ground.start)

    sockets = Path(lab.record.sockets)
    assert sockets.parent == ground.runtime
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert len(str(sockets.relative_to(ground.runtime))) < 20  # of the 108 that a socket has


def test_a_node_writes_to_overlays(ground: Ground) -> None:
    lab = bring_up(ground.start)

    base = ground.start.disks
    assert ground.programs.calls("qemu-img") == [
        f"create -q -f qcow2 -F qcow2 -b {base.root} {lab.folder}/root.qcow2",
        f"create -q -f qcow2 -F qcow2 -b {base.data} {lab.folder}/data.qcow2",
    ]
    xml = ground.connection.raw.lookupByName(lab.record.id).XMLDesc()
    assert f"{lab.folder}/root.qcow2" in xml
    assert f"{lab.folder}/data.qcow2" in xml


def test_a_node_that_is_being_prepared_writes_to_the_disks_themselves(ground: Ground) -> None:
    lab = bring_up(replace(ground.start, keeps_disks=True))

    assert ground.programs.calls("qemu-img") == []
    xml = ground.connection.raw.lookupByName(lab.record.id).XMLDesc()
    assert str(ground.start.disks.root) in xml


def test_an_overlay_knows_the_format_of_what_is_below(ground: Ground, tmp_path: Path) -> None:
    made = make_overlay(tmp_path / "disk.img", tmp_path / "over.qcow2", base_format="raw")

    assert made == tmp_path / "over.qcow2"
    assert ground.programs.calls("qemu-img") == [
        f"create -q -f qcow2 -F raw -b {tmp_path}/disk.img {tmp_path}/over.qcow2"
    ]


def test_a_node_that_never_answers_leaves_its_last_words_and_nothing_else(ground: Ground) -> None:
    unreachable(ground)
    ground.start.console.parent.mkdir(parents=True)
    ground.start.console.write_text("".join(f"line {number}\n" for number in range(1, 31)))

    with pytest.raises(NotReadyError, match=r"ssh on node-1 not ready after 2 s") as caught:
        bring_up(ground.start)

    said = caught.value.__notes__[-1].splitlines()
    assert said == ["its console ends:", *(f"  line {number}" for number in range(11, 31))]
    assert str(ground.start.console) in caught.value.remedy
    assert ground.left == []


def test_hardware_is_given_less_time_to_boot(ground: Ground) -> None:
    unreachable(ground)

    with pytest.raises(NotReadyError, match="not ready after 1 s"):
        bring_up(replace(ground.start, accelerator=Accelerator.KVM))


def test_an_interrupt_in_the_middle_leaves_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = domain.start

    def interrupted(connection: Connection, xml: str, *, name: str) -> NoReturn:
        start(connection, xml, name=name)
        raise KeyboardInterrupt

    monkeypatch.setattr(domain, "start", interrupted)

    with pytest.raises(KeyboardInterrupt):
        bring_up(ground.start)

    assert ground.left == []


def test_disks_that_cannot_be_made_leave_nothing(ground: Ground) -> None:
    ground.programs.add("qemu-img", "echo 'No space left on device' >&2; exit 1")

    with pytest.raises(LabError, match="qemu-img exited with status 1"):
        bring_up(ground.start)

    assert ground.left == []


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that were tried; the first two are taken by somebody else."""
    tried: list[int] = []
    start = domain.start

    def starting(connection: Connection, xml: str, *, name: str) -> None:
        tried.append(int(xml.partition("hostfwd=tcp:127.0.0.1:")[2].partition("-")[0]))
        if len(tried) <= 2:
            raise domain.PortTakenError("taken", remedy="try again")
        start(connection, xml, name=name)

    monkeypatch.setattr(domain, "start", starting)
    numbers = iter((40001, 40002, 40003))
    monkeypatch.setattr(provision, "_free_port", lambda: next(numbers))
    return tried


def test_a_port_that_was_taken_meanwhile_is_changed_for_another(
    ground: Ground, ports: list[int]
) -> None:
    lab = bring_up(ground.start)

    assert ports == [40001, 40002, 40003]
    assert "Port 40003" in lab.node.access.ssh_config.read_text()


def test_a_port_that_is_taken_again_and_again_is_said(
    ground: Ground, ports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "PORT_TRIES", 2)

    with pytest.raises(domain.PortTakenError):
        bring_up(ground.start)

    assert ports == [40001, 40002]
    assert ground.left == []


def test_a_free_port_is_nobodys() -> None:
    port = provision._free_port()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        assert port >= 1024


def test_another_process_finds_the_way_to_a_node(ground: Ground) -> None:
    lab = bring_up(ground.start)

    again = reopen(lab.record)

    assert again.access == lab.node.access
    assert again.access.ssh_config.exists()


def test_a_node_is_powered_off_in_order(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = bring_up(ground.start)
    ending = iter([True, True, False])
    monkeypatch.setattr(provision, "is_up", lambda _record: next(ending))

    power_off(lab)

    assert ground.programs.calls("ssh")[-1].endswith("node-1 -- systemctl poweroff")
    assert next(ending, None) is None


def test_a_node_that_will_not_power_off_is_said(ground: Ground) -> None:
    lab = bring_up(ground.start)

    with pytest.raises(NotReadyError, match="after 120 s: it is still running") as caught:
        power_off(lab)

    assert str(ground.start.console) in caught.value.remedy


@pytest.fixture
def ruin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of a lab whose process died."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    folder = labs_dir() / "lab-embedded-1"
    folder.mkdir(parents=True)
    return Ledger(folder / "ledger.jsonl")


@pytest.fixture
def undone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was undone, in order; what is called stuck will not go."""
    names: list[str] = []

    def undo(entry: Entry) -> None:
        if entry.name == "stuck":
            raise HostError("Device or resource busy", remedy="unmount it")
        names.append(entry.name)

    monkeypatch.setattr(provision, "_UNDO", dict.fromkeys(Kind, undo))
    return names


def test_what_was_made_last_goes_first(ruin: Ledger, undone: list[str]) -> None:
    for kind, name in zip(Kind, ("first", "second", "third"), strict=True):
        ruin.record(Entry(kind=kind, name=name))

    take_down(ruin.path.parent)

    assert undone == ["third", "second", "first"]
    assert not ruin.path.parent.exists()


def test_what_is_stuck_does_not_save_the_rest_and_stays_on_the_ledger(
    ruin: Ledger, undone: list[str]
) -> None:
    for name in ("first", "stuck", "third"):
        ruin.record(Entry(kind=Kind.FOLDER, name=name))

    with pytest.raises(ProvisionError) as caught:
        take_down(ruin.path.parent)

    assert undone == ["third", "first"]
    assert "folder stuck: Device or resource busy" in caught.value.problem
    assert "lab down lab-embedded-1" in caught.value.remedy
    assert [entry.name for entry in ruin.newest_first()] == ["third", "stuck", "first"]


def test_what_was_stuck_goes_the_next_time(
    ruin: Ledger, undone: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruin.record(Entry(kind=Kind.FOLDER, name="stuck"))
    with pytest.raises(ProvisionError):
        take_down(ruin.path.parent)

    monkeypatch.setattr(provision, "_UNDO", {Kind.FOLDER: lambda entry: undone.append(entry.name)})
    take_down(ruin.path.parent)

    assert undone == ["stuck"]
    assert list((tmp_path / "home" / "labs").iterdir()) == []


def test_a_ledger_that_was_torn_is_followed_as_far_as_it_goes(
    ruin: Ledger, undone: list[str]
) -> None:
    ruin.record(Entry(kind=Kind.FOLDER, name="first"))
    with ruin.path.open("a") as stream:
        stream.write('{"kind":"domain","na')

    take_down(ruin.path.parent)

    assert undone == ["first"]
    assert not ruin.path.parent.exists()


def test_a_lab_that_made_nothing_is_forgotten(ruin: Ledger, undone: list[str]) -> None:
    take_down(ruin.path.parent)

    assert undone == []
    assert not ruin.path.parent.exists()


def test_everything_may_be_gone_already(ground: Ground) -> None:
    """After the machine itself was started again."""
    lab = bring_up(ground.start)
    unreachable(ground)
    ground.connection.raw.lookupByName(lab.record.id).destroy()
    for path in sorted(Path(lab.record.sockets).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    Path(lab.record.sockets).rmdir()

    take_down(lab.folder)

    assert ground.left == []


def test_a_folder_that_cannot_be_removed_is_said(ruin: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ruin.record(Entry(kind=Kind.FOLDER, name=str(tmp_path / "file")))

    with pytest.raises(ProvisionError, match=f"folder {tmp_path}/file: .*Not a directory"):
        take_down(ruin.path.parent)


def test_a_machine_without_labs_has_no_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))

    assert list(records()) == []


def test_labs_are_found_oldest_first_and_one_that_never_began_too(ruin: Ledger) -> None:
    record = LabRecord(
        id="lab-embedded-0", topology="embedded", accelerator=Accelerator.TCG, uri=URI,
        node="node-1", owner_pid=1, created="2026-11-23T18:05:12+00:00", console="/c", sockets="/s",
    )  # fmt: skip
    newer = labs_dir() / record.id
    newer.mkdir()
    (newer / "lab.json").write_bytes(msgspec.json.encode(record))
    os.utime(ruin.path.parent, (1, 1))

    assert list(records()) == [(ruin.path.parent, None), (newer, record)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "  (nothing was written)"),
        ("", ""),
        ("one\ntwo", "  one\n  two"),
        (
            "".join(f"{number}\n" for number in range(30)),
            "\n".join(f"  {n}" for n in range(10, 30)),
        ),
    ],
)
def test_the_end_of_a_console_is_its_last_twenty_lines(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    if text is not None:
        (tmp_path / "log").write_text(text)

    assert console_tail(tmp_path / "log") == expected


def test_a_console_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe boot\n")

    assert console_tail(tmp_path / "log").endswith(" boot")
