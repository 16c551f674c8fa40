"""Up and down again, on libvirt's test driver; ssh and qemu-img do next to nothing."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import node as node_module
from lab import provision
from lab.errors import LabError, NotReadyError
from lab.labs import labs_dir, records
from lab.ledger import Kind, Ledger
from lab.owner import me
from lab.provision import bring_up, power_off, running
from lab.takedown import take_down
from lab.virt import domain
from lab.virt.xml import Accelerator

if TYPE_CHECKING:
    from lab.virt.connection import Connection
    from tests.ground import Ground


def unreachable(ground: Ground) -> None:
    ground.programs.add("ssh", "echo 'Connection refused' >&2; exit 255")


def ledger_of(folder: Path) -> list[Kind]:
    return [entry.kind for entry in reversed(Ledger(folder / "ledger.jsonl").newest_first())]


def test_a_lab_comes_up_and_is_on_record(ground: Ground) -> None:
    lab = bring_up(ground.start)

    (node,) = lab.record.nodes
    assert ground.domains == {node.domain} == {f"{lab.record.id}-node-1"}
    assert lab.folder == labs_dir() / lab.record.id
    assert list(records()) == [(lab.folder, lab.record)]
    assert (lab.record.topology, lab.record.names) == ("embedded", ("node-1",))
    assert lab.nodes.keys() == {"node-1"}
    assert lab.record.owner == me()
    assert (node.console, node.data_ports) == (str(ground.console), ())
    assert ground.console.parent.is_dir()
    assert running(lab.record) == ("node-1",)


def test_a_lab_goes_down_without_a_trace(ground: Ground) -> None:
    lab = bring_up(ground.start)

    take_down(lab.folder)

    assert ground.left == []
    assert running(lab.record) == ()
    assert ground.programs.calls("ssh")[-1].endswith("-O exit node-1")


def test_labs_share_a_disk_of_artefacts(ground: Ground) -> None:
    artefacts = ground.console.parents[2] / "artefacts.img"
    disks = replace(ground.start.disks["node-1"], artefacts=artefacts)

    lab = bring_up(replace(ground.start, disks={"node-1": disks}))

    xml = ground.xml(lab.record.nodes[0].domain)
    assert str(artefacts) in xml
    assert str(lab.folder / "node-1-root.qcow2") in xml


def test_two_labs_do_not_meet(ground: Ground) -> None:
    one, other = bring_up(ground.start), bring_up(ground.start)

    take_down(one.folder)

    assert ground.domains == {other.record.nodes[0].domain}
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
        if self.parent == ground.runtime and not self.exists():
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
        [Kind.FOLDER, Kind.DISK, Kind.DISK, Kind.DOMAIN, Kind.PORT],
        [Kind.FOLDER, Kind.DISK, Kind.DISK, Kind.DOMAIN, Kind.PORT, Kind.CONNECTION],
    ]


def test_only_its_owner_reaches_a_labs_sockets_and_keys(ground: Ground) -> None:
    lab = bring_up(ground.start)

    sockets = Path(lab.record.nodes[0].sockets)
    assert sockets.parent == ground.runtime
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert len(str(sockets.relative_to(ground.runtime))) < 20  # of the 108 that a socket has


def test_what_gives_access_is_its_owners_alone_and_on_no_command_line(ground: Ground) -> None:
    lab = bring_up(ground.start)

    (node,) = lab.record.nodes
    made = [*lab.folder.rglob("*"), *Path(node.sockets).rglob("*")]
    secret = [path for path in made if path.is_file() and _gives_access(path)]
    assert {path.name for path in secret} == {
        *("client", "host", "node-1-host-key", "node-1-root.qcow2", "node-1-data.qcow2"),
    }
    assert {path.stat().st_mode & 0o077 for path in secret if path.parent == lab.folder} == {0}
    xml = ground.xml(node.domain)
    assert base64.b64encode(b"private\n").decode() not in xml
    assert f"{lab.folder}/node-1-host-key" in xml


def _gives_access(path: Path) -> bool:
    return path.suffix == ".qcow2" or path.read_text() == "private\n"


def test_a_node_writes_to_overlays(ground: Ground) -> None:
    lab = bring_up(ground.start)

    base = ground.start.disks["node-1"]
    assert ground.programs.calls("qemu-img") == [
        f"create -q -f qcow2 -F qcow2 -b {base.root} {lab.folder}/node-1-root.qcow2",
        f"create -q -f qcow2 -F qcow2 -b {base.data} {lab.folder}/node-1-data.qcow2",
    ]
    xml = ground.xml(lab.record.nodes[0].domain)
    assert f"{lab.folder}/node-1-root.qcow2" in xml
    assert f"{lab.folder}/node-1-data.qcow2" in xml


def test_a_node_that_is_being_prepared_writes_to_the_disks_themselves(ground: Ground) -> None:
    lab = bring_up(replace(ground.start, keeps_disks=True))

    assert ground.programs.calls("qemu-img") == []
    xml = ground.xml(lab.record.nodes[0].domain)
    assert str(ground.start.disks["node-1"].root) in xml


def test_a_node_that_never_answers_leaves_its_last_words_and_nothing_else(ground: Ground) -> None:
    unreachable(ground)
    ground.console.parent.mkdir(parents=True)
    ground.console.write_text("".join(f"line {number}\n" for number in range(1, 31)))

    with pytest.raises(NotReadyError, match=r"ssh on node-1 not ready after 2 s") as caught:
        bring_up(ground.start)

    said = caught.value.__notes__[-1].splitlines()
    assert said == ["its console ends:", *(f"  line {number}" for number in range(11, 31))]
    assert str(ground.console) in caught.value.remedy
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
    monkeypatch.setattr(provision, "free_port", lambda: next(numbers))
    return tried


def test_a_port_that_was_taken_meanwhile_is_changed_for_another(
    ground: Ground, ports: list[int]
) -> None:
    lab = bring_up(ground.start)

    assert ports == [40001, 40002, 40003]
    assert "Port 40003" in lab.nodes["node-1"].access.ssh_config.read_text()


def test_a_port_that_is_taken_again_and_again_is_said(
    ground: Ground, ports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "PORT_TRIES", 2)

    with pytest.raises(domain.PortTakenError):
        bring_up(ground.start)

    assert ports == [40001, 40002]
    assert ground.left == []


def test_another_process_finds_the_way_to_a_node(ground: Ground) -> None:
    lab = bring_up(ground.start)

    again = lab.record.nodes[0].reopen()

    assert again.access == lab.nodes["node-1"].access
    assert again.access.ssh_config.exists()


def test_a_node_is_powered_off_in_order(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = bring_up(ground.start)
    ending = iter([("node-1",), ("node-1",), ()])
    monkeypatch.setattr(provision, "running", lambda _record: next(ending))

    power_off(lab)

    assert "node-1 -- systemctl poweroff" in ground.programs.calls("ssh")[-1]
    assert next(ending, None) is None


def test_a_node_that_will_not_power_off_is_said(ground: Ground) -> None:
    lab = bring_up(ground.start)

    with pytest.raises(NotReadyError, match="after 120 s: node-1 still running") as caught:
        power_off(lab)

    assert str(ground.console) in caught.value.remedy


def test_everything_may_be_gone_already(ground: Ground) -> None:
    """After the machine itself was started again."""
    lab = bring_up(ground.start)
    unreachable(ground)
    ground.connection.raw.lookupByName(lab.record.nodes[0].domain).destroy()
    for path in sorted(Path(lab.record.nodes[0].sockets).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    Path(lab.record.nodes[0].sockets).rmdir()

    take_down(lab.folder)

    assert ground.left == []


def test_all_nodes_of_a_topology_come_up_each_with_its_own(ground: Ground) -> None:
    lab = bring_up(ground.pair)

    control, worker = lab.record.nodes
    assert (control.name, worker.name) == tuple(lab.nodes) == ("control-1", "worker-1")
    assert ground.domains == {control.domain, worker.domain}
    assert running(lab.record) == ("control-1", "worker-1")
    assert control.sockets != worker.sockets
    assert control.console.endswith("consoles/control-1.log")
    for node in (control, worker):
        xml = ground.xml(node.domain)
        assert f"{lab.folder}/{node.name}-root.qcow2" in xml
        assert node.console in xml
    keys = {Path(node.sockets) / "keys" / "client" for node in lab.record.nodes}
    assert len(keys) == 2
    assert all(path.exists() for path in keys)


def test_nodes_are_wired_to_each_other_and_the_ports_are_on_record(ground: Ground) -> None:
    lab = bring_up(ground.pair)

    ((near,), (far,)) = (node.data_ports for node in lab.record.nodes)
    sources = [
        [
            (link.get("port"), local.get("port"))
            for link in ET.fromstring(ground.xml(node.domain)).iterfind("devices/interface/source")  # noqa: S314 - our own
            for local in link.iterfind("local")
        ]
        for node in lab.record.nodes
    ]
    assert sources == [[(str(far), str(near))], [(str(near), str(far))]]


def test_a_lab_of_several_nodes_is_in_the_ledger_and_goes_the_other_way_round(
    ground: Ground,
) -> None:
    lab = bring_up(ground.pair)

    entries = Ledger(lab.folder / "ledger.jsonl").newest_first()
    made = [(entry.kind, entry.name) for entry in entries]
    disks, sockets = [Kind.DISK, Kind.DISK], [Kind.FOLDER]
    assert [kind for kind, _ in made[6:]] == [*(disks + sockets) * 2, Kind.PORT, Kind.PORT]
    control, worker = lab.record.nodes
    assert [(kind, name) for kind, name in made[:6] if kind is not Kind.PORT] == [
        (Kind.CONNECTION, "worker-1"),
        (Kind.DOMAIN, worker.domain),
        (Kind.CONNECTION, "control-1"),
        (Kind.DOMAIN, control.domain),
    ]
    assert {name for kind, name in made[6:] if kind is Kind.PORT} == {
        f"{port}/udp" for port in (*control.data_ports, *worker.data_ports)
    }

    take_down(lab.folder)

    assert ground.left == []


def test_one_node_that_never_answers_takes_the_others_with_it(ground: Ground) -> None:
    ground.programs.add("ssh", 'case "$*" in *worker-1*) exit 255 ;; esac')

    with pytest.raises(NotReadyError, match="ssh on worker-1 not ready"):
        bring_up(ground.pair)

    assert ground.left == []


def test_all_nodes_are_powered_off_in_order(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = bring_up(ground.pair)
    ending = iter([("control-1", "worker-1"), ("control-1",), ()])
    monkeypatch.setattr(provision, "running", lambda _record: next(ending))

    power_off(lab)

    last = ground.programs.calls("ssh")[-2:]
    assert "control-1 -- systemctl poweroff" in last[0]
    assert "worker-1 -- systemctl poweroff" in last[1]
    assert next(ending, None) is None
