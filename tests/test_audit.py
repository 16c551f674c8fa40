"""Whether a run leaves the machine as it has found it: what is a leak, and what is anybody's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab import audit, command, labs, owner
from lab.audit import Snapshot, compare, snapshot
from lab.inventory import Inventory, Sort, Thing
from lab.labs import Hands
from lab.lease import leased
from lab.owner import me
from lab.provision import bring_up
from lab.scratch import scratch
from lab.takedown import take_down
from tests.fakes import DEAD, Clock, unsaid, wait_until_marked
from tests.ground import URI

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.owner import Owner
    from lab.records import Leaks
    from tests.ground import Ground

OTHER = replace(me(), pid=1)
LAB, OTHERS = "lab-embedded-0a1b2c3d", "lab-k8s-single-0a1b2c3d"


@pytest.fixture(autouse=True)
def place(alone: Path) -> Path:
    return alone


def thing(sort: Sort = Sort.DOMAIN, *, of: Owner = OTHER, hands: Hands = Hands.ALIVE) -> Thing:
    lab = LAB if of == me() else OTHERS
    return Thing(sort=sort, name=f"{lab}-node-1", hands=hands, owner=of, lab=lab)


def seen(*things: Thing, **world: str) -> Snapshot:
    return Snapshot(Inventory(things), {name.replace("_", " "): s for name, s in world.items()})


def left(after: Snapshot, before: Snapshot | None = None) -> Leaks:
    return compare(before or seen(), after, me())


@pytest.mark.parametrize("sort", [s for s in Sort if s not in {Sort.LEDGER, Sort.CLAIM}])
def test_what_the_run_has_made_and_is_still_there_is_a_leak(sort: Sort) -> None:
    mine = thing(sort, of=me())

    assert left(seen(mine)).leaks == (str(mine),)
    assert left(seen(mine), seen(mine)).leaks == (str(mine),)


@pytest.mark.parametrize("sort", [Sort.LEDGER, Sort.CLAIM])
def test_what_ends_with_the_process_is_none(sort: Sort) -> None:
    assert left(seen(thing(sort, of=me()))).leaks == ()


def test_what_is_kept_is_none() -> None:
    assert left(seen(thing(of=me(), hands=Hands.KEPT))).leaks == ()


@pytest.mark.parametrize("hands", list(Hands))
def test_what_another_run_has_made_is_not_ours_to_remove(hands: Hands) -> None:
    assert left(seen(thing(hands=hands))).leaks == ()


@pytest.mark.parametrize(
    "what",
    ["bridge kata-lab0", "tap vnet7", "mount /tmp/kata-lab-0a1b2c3d/x", "port tcp 127.0.0.1"],
)
def test_what_bears_our_mark_and_nobodys_name_is_a_leak(what: str) -> None:
    state = f"qemu guest={LAB}-node-1" if "kata" not in what else ""

    assert left(Snapshot(Inventory(()), {what: state})).leaks == (
        (f"{what}: {state}" if state else what),
    )


def test_what_bears_the_mark_of_another_run_is_that_runs() -> None:
    after = Snapshot(Inventory((thing(),)), {"port tcp 127.0.0.1:40022": f"qemu guest={OTHERS}-n"})

    assert left(after).leaks == ()


def test_what_is_anybodys_is_only_noted() -> None:
    before = seen(bridge_docker0="", setting_vm="0", mount_gone="ext4 /dev/sda1", tap_vnet9="")
    after = seen(bridge_docker0="", setting_vm="1", bridge_virbr0="", tap_vnet9="alias")

    assert left(after, before).leaks == ()
    assert left(after, before).notes == (
        "changed: setting vm: 1",
        "new: bridge virbr0",
        "changed: tap vnet9: alias",
        "gone: mount gone",
    )


def test_notes_are_not_without_end() -> None:
    many = {f"mount_{number}": "" for number in range(1000)}

    assert len(left(seen(**many)).notes) == audit.NOTES_AT_MOST


def test_what_could_not_be_looked_at_is_noted() -> None:
    blind = Snapshot(Inventory((), ("domains were not looked at: libvirt hangs",)), {})

    assert left(blind).notes == ("domains were not looked at: libvirt hangs",)


def test_a_lab_that_went_down_has_left_nothing(ground: Ground) -> None:
    before = snapshot(URI)
    with leased("measuring", is_alone=True, say=unsaid), scratch("tools"):
        lab = bring_up(ground.start)
    take_down(lab.folder)

    assert compare(before, snapshot(URI, known=before.world), me()).leaks == ()


def test_a_lab_that_did_not_is_a_leak_whole(ground: Ground) -> None:
    before = snapshot(URI)
    lab = bring_up(ground.start)

    leaks = compare(before, snapshot(URI, known=before.world), me()).leaks

    (sockets,) = ground.runtime.iterdir()
    assert leaks == (
        f"domain {lab.record.nodes[0].domain}", f"lab {lab.folder}", f"folder {sockets}"
    )  # fmt: skip


def test_a_second_run_that_is_alive_has_left_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(URI)
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: OTHER)
        bring_up(ground.start)

    assert compare(before, snapshot(URI, known=before.world), me()).leaks == ()


def test_a_program_that_is_still_there_is_a_leak() -> None:
    before = snapshot(URI)
    with command.running(["sleep", "60"]) as process:
        wait_until_marked(process.pid)
        leaks = compare(before, snapshot(URI, known=before.world), me()).leaks

    assert leaks == (f"program {process.pid} sleep 60",)


@pytest.mark.parametrize(
    ("said", "is_ours"),
    [
        ("mount /tmp/kata-lab-image-4711-90-0a1b2c3d-f1-0a1b2c3d/root", True),
        ("mount /var/lib/lab/pools/x", True),
        ("bridge kata-lab0", True),
        ("tap vnet3: kata-lab", True),
        (f"port tcp 127.0.0.1:22: qemu-system-x86_64 -name guest={LAB}-node-1", True),
        ("port tcp 127.0.0.1:80: /src/kata-lab/.nox/dev/bin/python -m http.server", False),
        ("port tcp 127.0.0.1:80: python kata-lab/serve.py", False),
        ("port tcp 127.0.0.1:80: /src/kata-lab-fork/.venv/bin/python", False),
        ("mount /srv/kata-lab", False),
        ("mount /var/lib/laboratory", False),
    ],
)
def test_a_checkout_that_is_called_like_the_lab_is_not_a_leak(
    monkeypatch: pytest.MonkeyPatch, *, said: str, is_ours: bool
) -> None:
    monkeypatch.setenv("LAB_HOME", "/var/lib/lab")
    what, _, state = said.partition(": ")

    assert left(Snapshot(Inventory(()), {what: state})).leaks == ((said,) if is_ours else ())


def test_a_port_says_who_listens_on_it_if_it_is_new(place: Path) -> None:
    program = place / f"qemu-{LAB}"
    program.symlink_to(sys.executable)
    script = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0));"
        " print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    before = snapshot(URI)
    with (
        socket.create_server(("127.0.0.1", 0)) as ours,
        subprocess.Popen(
            [program, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other,
    ):
        assert other.stdout
        port, own_port = int(other.stdout.readline()), ours.getsockname()[1]
        after = snapshot(URI, known=before.world)
        found = compare(before, after, me())
        other.kill()

    assert [leak.partition(":")[0] for leak in found.leaks] == ["port tcp 127.0.0.1"]
    assert f"127.0.0.1:{port}: {program}" in found.leaks[0]
    assert any(f"new: port tcp 127.0.0.1:{own_port}" in note for note in found.notes)


def concluded(monkeypatch: pytest.MonkeyPatch, looks: list[Snapshot]) -> tuple[list[Leaks], Clock]:
    kept: list[Leaks] = []
    clock = Clock()
    monkeypatch.setattr(audit, "time", clock)
    monkeypatch.setattr(audit, "pause", clock.sleep)
    monkeypatch.setattr(audit, "snapshot", lambda *_, **__: looks.pop(0) if looks[1:] else looks[0])
    with audit.audited(URI, keep=kept.append, say=unsaid):
        pass
    return kept, clock


def test_what_is_just_ending_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = thing(of=me())

    (kept,), clock = concluded(monkeypatch, [seen(), seen(mine), seen(mine), seen()])

    assert kept.leaks == ()
    assert clock.slept == [0.1, 0.1]


def test_what_does_not_end_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    (kept,), clock = concluded(monkeypatch, [seen(), seen(thing(of=me()))])

    assert len(kept.leaks) == 1
    assert sum(clock.slept) == pytest.approx(audit.SETTLE_S, abs=0.2)


def test_what_dead_runs_have_left_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(audit, "snapshot", lambda *_, **__: seen(thing(hands=Hands.DEAD)))

    with audit.audited(URI, keep=lambda _: None, say=said.append):
        assert said == ["1 thing of dead runs on this machine: `lab gc` removes what they left"]

    assert len(said) == 1


@pytest.fixture
def host(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that is a folder."""
    for name in ("SYS", "PROC", "NAMESPACES"):
        monkeypatch.setattr(audit, name, place / name.lower())
    monkeypatch.setattr(audit, "DEVICES", (place / "kvm",))
    monkeypatch.setattr(audit, "FIREWALLS", ())
    return place


def put(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_others_make_on_a_machine_is_seen(host: Path) -> None:
    put({
        host / "sys/class/net/virbr0/bridge/forward_delay": "0",
        host / "sys/class/net/vnet3/tun_flags": "0x1",
        host / "sys/class/net/vnet3/ifalias": "kata-lab",
        host / "sys/class/net/eth0/mtu": "1500",
        host / "sys/block/loop3/loop/backing_file": "/images/x.img\n",
        host / "sys/block/dm-0/dm/name": "lab-images\n",
        host / "sys/block/sda/size": "0",
        host / "namespaces/cni-1": "",
        host / "proc/self/mountinfo": "23 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "99 23 0:50 / /mnt/a\\040b ro shared:1 - tmpfs tmpfs rw\n",
        host / "proc/sys/vm/swappiness": "60\n",
        host / "kvm": "",
        host / "proc/net/tcp": "  sl\n"
        "   0: 0100007F:9C56 00000000:0000 0A 00000000:00000000 00:0 0 0 0 4711 1 0\n"
        "   1: 0100007F:9C57 0100007F:0016 01 00000000:00000000 00:0 0 0 0 4712 1 0\n",
        host / "proc/net/udp6": "  sl\n"
        "   0: 00000000000000000000000001000000:0035 0:0 07 0:0 0:0 0 0 0 4713 1 0\n",
    })  # fmt: skip
    (host / "kvm").chmod(0o660)

    world = snapshot(URI).world

    kept = {what: state for what, state in world.items() if not what.startswith("libvirt")}
    kept = {what: state for what, state in kept.items() if state or "setting" not in what}
    assert kept == {
        "bridge virbr0": "",
        "tap vnet3": "kata-lab",
        "interface eth0": "",
        "network namespace cni-1": "",
        "loop device loop3": "/images/x.img",
        "device-mapper device lab-images": "",
        "mount /": "ext4 /dev/sda1",
        "mount /mnt/a\\040b": "tmpfs tmpfs",
        "setting vm/swappiness": "60",
        f"setting {host}/kvm": f"group {os.getegid()}, mode 660",
        "port tcp 127.0.0.1:40022": "",
        "port udp6 [0000:0000:0000:0000:0000:0000:0000:0001]:53": "",
    }
    assert {what for what in world if what.startswith("libvirt")} == {
        "libvirt network default",
        "libvirt pool default-pool",
    }


def test_a_machine_that_tells_nothing_is_no_error(host: Path) -> None:
    assert {what for what in snapshot(URI).world if "setting" not in what} == {
        "libvirt network default",
        "libvirt pool default-pool",
    }
    assert not (host / "home").exists()


def test_rules_of_a_firewall_are_compared_without_their_counters(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = host / "rules"
    monkeypatch.setattr(audit, "FIREWALLS", ((str(program),),))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def rules(text: str) -> dict[str, str]:
        program.write_text(f"#!/bin/sh\ncat <<'.'\n{text}\n.\n")
        program.chmod(0o755)
        return audit._firewall()

    first = rules("# by iptables-save at 12:00\n:INPUT ACCEPT [10:20]\n-A INPUT -j DROP")

    assert rules("# by iptables-save at 12:01\n:INPUT ACCEPT [30:90]\n-A INPUT -j DROP") == first
    assert rules(":INPUT DROP [0:0]") != first
    assert "rule -A INPUT -i kata-lab0 -j DROP" in rules("-A INPUT -i kata-lab0 -j DROP")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert audit._firewall() == {}


def test_a_kept_labs_connection_is_kept_with_it(ground: Ground, place: Path) -> None:
    """The master of the connection to its node lives on, so that `lab shell` is quick."""
    lab = bring_up(ground.start)
    sockets = lab.record.nodes[0].sockets
    name = f"ssh: {sockets}/node-1 [mux]"
    with subprocess.Popen([name, "60"], executable="/bin/sleep", env={
        **os.environ, owner.VARIABLE: me().id
    }) as process:  # fmt: skip
        try:
            wait_until_marked(process.pid)
            labs.keep(lab.record)
            assert compare(seen(), snapshot(URI), me()).leaks == ()
        finally:
            process.kill()
    assert place.exists()


def test_the_dead_leave_garbage_and_not_our_leaks(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as another:
        another.setattr(owner, "me", lambda: DEAD)
        bring_up(ground.start)

    assert compare(seen(), snapshot(URI), me()).leaks == ()
