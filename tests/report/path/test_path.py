"""The picture of a data path: drawn from what was read, all of it, and nothing else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.handicap import TOWARDS_GUEST, TOWARDS_NODE
from lab.network import l3forwarding, none
from lab.network.model import ADDRESSES, LINKS, LOOPBACK, QDISCS, filters
from lab.outcome import Evidence, Fact
from lab.report.path import Hop, State, Zone, path_of, path_text
from lab.report.path.graph import NOT_READ
from lab.runtime.path import (
    GUEST_DEVICES,
    GUEST_LINKS,
    POD_PROCESSES,
    RUNC_PROCESSES,
    SHARED_MOUNT,
    VETHS,
    WAY,
)
from lab.storage.backend import MOUNTS, QEMU_COMMAND, QEMU_FILES, VIRTIO_IDS
from lab.storage.thin import KERNEL_NAME, STATUS
from lab.storage.virtiofs import DAEMON
from tests.evidence import LOST, Change, added, answered, edited, replaced, without
from tests.report.path.recorded import CAPTURED, CELLS, DRAWN, PICTURES, changed, drawn, evidence

if TYPE_CHECKING:
    from lab.report.path import DataPath

TCFILTER, MACVTAP = "tcfilter+virtiofs+reference", "macvtap+devmapper+reference"
NONE, BRIDGE = "none+devmapper+reference", "bridge+devmapper-blk+reference"
L3, NINEP = "l3forwarding+pmem-dax+reference", "tcfilter+9p+reference"
RUNC = "veth+overlayfs+runc"
TAP = {"info_kind": "tun", "info_data": {"type": "tap"}}
OURS = {"route", "tc mirred redirect", "vhost-net", "passed by", "virtio device", "process", "/"}
"""What a hop that was seen is called where what was seen of it has no name."""
QUESTIONS = (
    *(LINKS, ADDRESSES, QDISCS, WAY, VETHS, filters("eth0"), filters("tap0_kata")),
    *(none.TAP_LINK, none.ROUTE, l3forwarding.ROUTE, l3forwarding.FORWARDING),
    *(GUEST_LINKS, GUEST_DEVICES, SHARED_MOUNT, POD_PROCESSES, RUNC_PROCESSES),
    *(MOUNTS, QEMU_COMMAND, QEMU_FILES, VIRTIO_IDS, KERNEL_NAME, STATUS, DAEMON),
    *(TOWARDS_NODE, TOWARDS_GUEST),
)


def hops(path: DataPath) -> list[Hop]:
    return [hop for lane in path.lanes for hop in lane.hops]


def hop(path: DataPath, name: str, *, zone: Zone | None = None) -> Hop:
    found = [each for each in hops(path) if each.name == name and zone in {None, each.zone}]
    assert len(found) == 1, f"{len(found)} hops are called {name}"
    return found[0]


def asked_again(kept: tuple[Evidence, ...], question: str, answer: str) -> tuple[Evidence, ...]:
    """The same evidence, where one question was answered otherwise last."""
    last = kept[-1]
    raw = {**last.raw, question: answer}
    return (*kept[:-1], Evidence(phase=last.phase, facts=last.facts, raw=raw))


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_the_one_that_was_read_and_found_right(name: str) -> None:
    assert path_text(drawn(PICTURES[name])) == (DRAWN / f"{name}.txt").read_text(encoding="utf-8")


def test_there_is_no_picture_of_what_is_not_recorded() -> None:
    assert {file.stem for file in DRAWN.glob("*.txt")} == set(PICTURES)


@pytest.mark.parametrize("name", CELLS)
def test_of_evidence_that_has_all_answers_nothing_is_unread(name: str) -> None:
    assert {each.state for each in hops(drawn(evidence(name)))} <= {State.SEEN, State.PASSED}


@pytest.mark.parametrize("name", CELLS)
def test_every_name_and_address_that_was_read_of_the_path_is_in_the_picture(name: str) -> None:
    raw = evidence(name)[-1].raw
    text = path_text(drawn(evidence(name)), 200)
    links = [link for link in json.loads(raw[LINKS]) if link["ifname"] != LOOPBACK]
    ends = {(link["link_index"], link["ifindex"]) for link in links if "link_index" in link}
    links += [
        link for link in json.loads(raw[VETHS]) if (link["ifindex"], link["link_index"]) in ends
    ]
    links += json.loads(raw.get(none.TAP_LINK, "[]"))
    source, _, fstype, options = raw[MOUNTS].split()[:4]
    wanted = {
        *(link["ifname"] for link in links),
        *(link["address"] for link in links),
        *re.findall(r"net/(?!lo/)(\w+)/address:([0-9a-f:]+)", raw.get(GUEST_LINKS, "")),
        *(item["local"] for link in links for item in _inet(raw, link["ifname"])),
        *(re.findall(r"mac=([0-9a-f:]+)", raw.get(QEMU_COMMAND, ""))),
        raw.get(KERNEL_NAME, "").strip().rpartition("/")[2],
        f"{fstype} from {source}",
        *(option for option in options.split(",") if not option.endswith(("/fs", "/work"))),
    }
    for each in wanted:
        for part in each if isinstance(each, tuple) else (each,):
            assert part in text


def _inet(raw: dict[str, str], device: str) -> list[dict[str, str]]:
    return [
        item
        for link in json.loads(raw[ADDRESSES])
        if link["ifname"] == device
        for item in link["addr_info"]
        if item["family"] == "inet"
    ]


@pytest.mark.parametrize("name", PICTURES)
def test_whatever_is_in_the_picture_was_read(name: str) -> None:
    last = PICTURES[name][-1]
    read = "\n".join((*last.raw.values(), *(fact.subject for fact in last.facts)))

    for each in hops(drawn(PICTURES[name])):
        if each.state is State.SEEN and each.name not in OURS:
            assert all(word in read for word in each.name.split())
        for address in re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|\d+\.\d+\.\d+\.\d+", str(each)):
            assert address in read
        for device in re.findall(r"/dev/[\w./-]+|virtio\d+|PCI ([0-9a-f:.]+)", str(each)):
            assert device in read


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("name", CELLS)
def test_what_was_not_answered_is_dashed_and_nothing_else_takes_its_place(
    name: str, answer: str
) -> None:
    whole = drawn(evidence(name))
    seen = {(each.zone, each.name) for each in hops(whole)}

    for question in evidence(name)[-1].raw:
        path = drawn(asked_again(evidence(name), question, LOST[answer]))
        for each in hops(path):
            new = (each.zone, each.name) not in seen
            assert not new or each.state is State.UNREAD or each.name in OURS, question
        assert _has_all_lines(path)


@pytest.mark.parametrize(
    ("question", "zone", "name"),
    [
        (WAY, Zone.NODE, "route to the pod"),
        (VETHS, Zone.NODE, "other end of eth0"),
        (LINKS, Zone.POD, "pod's interface"),
        (LINKS, Zone.POD, "tap"),
        (QEMU_FILES, Zone.QEMU, "vhost-net"),
        (QEMU_COMMAND, Zone.QEMU, "virtio-net"),
        (QEMU_COMMAND, Zone.QEMU, "vhost-user-fs-pci"),
        (GUEST_LINKS, Zone.GUEST, "guest's interface"),
        (SHARED_MOUNT, Zone.NODE, "snapshot"),
        (DAEMON, Zone.NODE, "virtiofsd"),
        (MOUNTS, Zone.GUEST, "/"),
    ],
)
def test_a_hop_that_was_not_read_says_so(question: str, zone: Zone, name: str) -> None:
    path = drawn(asked_again(evidence(TCFILTER), question, ""))

    unread = hop(path, name, zone=zone)
    assert unread.state is State.UNREAD
    assert unread.said == (NOT_READ,)
    assert f"○ {name:<18} not read" in path_text(path)


def test_a_guest_without_an_interface_is_told_from_one_that_was_not_asked() -> None:
    """As with runtime-rs and none: the guest runs, and has the loopback only."""
    lonely = "/sys/class/net/lo/address:00:00:00:00:00:00\n/sys/class/net/lo/mtu:65536\n"

    path = drawn(asked_again(evidence(TCFILTER), GUEST_LINKS, lonely))

    assert hop(path, "guest's interface").state is State.UNREAD
    assert hop(path, "guest's interface").said == ("none was seen",)


def test_a_vhost_that_is_not_open_is_passed_by_even_if_no_fact_says_so() -> None:
    path = drawn(asked_again(evidence(TCFILTER), QEMU_FILES, "/dev/kvm\n"))

    assert hop(path, "vhost-net").state is State.PASSED
    assert hop(path, "vhost-net").details[0] == "/dev/vhost-net not open"


def test_the_bus_is_enough_to_know_the_device() -> None:
    path = drawn(asked_again(evidence(TCFILTER), GUEST_DEVICES, ""))
    assert hop(path, "virtio device").details == ("id 0x001a",)

    path = drawn(asked_again(evidence(TCFILTER), VIRTIO_IDS, ""))
    assert hop(path, "virtio device").state is State.UNREAD


CONTRADICTIONS: dict[str, tuple[str, Change, str, str]] = {
    "macvtap is a tap": (MACVTAP, edited(LINKS, "tap0_kata", "linkinfo", TAP), "tap0_kata", "kind"),
    "no tap": (TCFILTER, without(LINKS, ifname="tap0_kata"), "tap", "kind"),
    "address gone": (
        TCFILTER,
        edited(ADDRESSES, "eth0", "addr_info", list[object]()),
        "eth0",
        "IPv4 address",
    ),
    "no ingress": (TCFILTER, without(QDISCS, kind="ingress", dev="eth0"), "eth0", "ingress qdisc"),
    "redirect to itself": (
        TCFILTER,
        replaced(filters("eth0"), "device tap0_kata", "device eth0"),
        "tc mirred redirect",
        "redirect of eth0",
    ),
    "a veth": (NONE, added(LINKS, {"ifname": "eth0"}), "eth0", "devices in the pod's"),
    "no way": (NONE, answered(none.ROUTE, ""), "route to the pod", "route to the guest"),
    "no port": (BRIDGE, answered("bridge link", ""), "br0_kata", "eth0 as a port"),
    "not forwarded": (L3, answered(l3forwarding.FORWARDING, "0\n"), "route", "packets are"),
    "vhost off": (TCFILTER, replaced(QEMU_FILES, "/dev/vhost-net\n", ""), "vhost-net", "vhost-net"),
    "another MAC": (
        TCFILTER,
        replaced(QEMU_COMMAND, "mac=ca", "mac=cb"),
        "virtio-net-pci",
        "guest's",
    ),
    "no daemon": (TCFILTER, answered(DAEMON, ""), "virtiofsd", "virtiofsd serves"),
    "another share": (
        TCFILTER,
        replaced(DAEMON, "boot1/shared", "x"),
        "virtiofsd",
        "virtiofsd serves",
    ),
    "with dax": (TCFILTER, replaced(MOUNTS, "virtiofs rw", "virtiofs dax,rw"), "/", "DAX"),
    "another root": (MACVTAP, replaced(MOUNTS, "/dev/sda / ext4", "none / virtiofs"), "/", "root"),
    "no 9p": (
        NINEP,
        replaced(QEMU_COMMAND, "virtio-9p-pci", "virtio-blk-pci"),
        "virtio-9p-pci",
        "virtio-9p-pci in QEMU's",
    ),
    "not on the bus": (NINEP, answered(VIRTIO_IDS, "0x0001\n"), "virtio device", "virtio device"),
    "volume failed": (
        MACVTAP,
        answered(STATUS, "0 8388608 thin Fail\n"),
        "thin volume",
        "snapshot",
    ),
    "volume not held": (MACVTAP, replaced(QEMU_FILES, "/dev/dm-4\n", ""), "drive-0", "QEMU holds"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_fact_that_does_not_hold_is_an_alarm_at_its_hop(case: str) -> None:
    cell, change, name, subject = CONTRADICTIONS[case]
    kept = changed(cell, change)
    path = drawn(kept)
    alarmed = [each for each in hops(path) if each.name == name and each.state is State.ALARM]

    assert len(alarmed) == 1
    assert any(alarm.startswith(subject) for alarm in alarmed[0].alarms)
    drawing = path_text(path)
    assert f"✗ {name}" in drawing
    assert "✗ does not hold: " in drawing


@pytest.mark.parametrize("name", [*PICTURES, *CONTRADICTIONS])
def test_every_fact_that_does_not_hold_is_told_once(name: str) -> None:
    if name in CONTRADICTIONS:
        cell, change, *_ = CONTRADICTIONS[name]
        kept = changed(cell, change)
    else:
        kept = PICTURES[name]
    path = drawn(kept)

    told = [*path.alarms, *(alarm for each in hops(path) for alarm in each.alarms)]
    assert sorted(told) == sorted({str(fact) for each in kept for fact in each.contradictions})


@pytest.mark.parametrize("cell", [each for each in CAPTURED if not each.endswith("runc")])
def test_every_fact_of_network_and_storage_has_a_hop(cell: str) -> None:
    kept = changed(cell)
    facts = tuple(
        Fact(subject=f.subject, source=f.source, expected="x", observed="y", holds=False)
        for f in kept[0].facts
    )

    path = drawn((Evidence(phase="before", facts=facts, raw=kept[0].raw),))

    assert path.alarms == ("hardware-assisted guest: expected x, observed y",)


def test_facts_about_the_sandbox_as_a_whole_stand_above_the_lanes() -> None:
    strange = Fact(subject="handler of the pod", source="", expected="a", observed="b", holds=False)
    kept = (Evidence(phase="before", facts=(strange,), raw=evidence(TCFILTER)[-1].raw),)

    path = drawn(kept)

    assert path.alarms == (str(strange),)
    above = path_text(path).partition("network\n")[0]
    assert "✗ does not hold: handler of the pod: expected a, observed b" in above


def test_what_did_not_hold_before_is_told_although_it_does_now() -> None:
    before, after = evidence(TCFILTER)
    failed = Fact(subject="vhost-net", source="", expected="a", observed="b", holds=False)

    path = drawn((Evidence(phase="before", facts=(failed,), raw=before.raw), after))

    assert hop(path, "vhost-net").alarms == ("vhost-net: expected a, observed b",)
    assert path.phase == "after"


def test_frames_of_the_redirect_are_those_that_the_guest_counts() -> None:
    path = drawn(evidence(TCFILTER))

    out = "51\u202f597 frames"
    assert f"{out} from the guest" in hop(path, "tc mirred redirect").details
    assert f"{out} out" in hop(path, "eth0", zone=Zone.GUEST).details


def test_a_kernel_that_does_not_count_hits_has_packets() -> None:
    text = changed(TCFILTER)[0].raw[filters("eth0")]
    path = drawn(changed(TCFILTER, answered(filters("eth0"), re.sub(r"\(rule hit.*?\)", "", text))))

    assert "1 packet to the guest" in hop(path, "tc mirred redirect").details


def test_an_unjoined_tap_is_not_drawn_as_if_it_were_joined() -> None:
    """As with runtime-rs and macvtap: MAC, MTU and tap are right, and no packet passes."""
    path = drawn(changed(MACVTAP, edited(LINKS, "tap0_kata", "linkinfo", TAP)))

    joint = hop(path, "joint")
    assert joint.state is State.UNREAD
    assert joint.details == ("nothing was seen that joins eth0 and tap0_kata",)


def test_a_model_is_recognised_by_what_is_there() -> None:
    """The picture does not ask for the cell's name: a tap in a bridge is drawn as one."""
    bridge = {"ifname": "br7", "address": "02:00:00:00:00:07", "linkinfo": {"info_kind": "bridge"}}
    path = drawn(
        changed(
            MACVTAP,
            edited(LINKS, "tap0_kata", "linkinfo", TAP),
            added(LINKS, {**bridge, "mtu": 1500}),
            lambda answers: {
                **answers,
                LINKS: json.dumps(
                    [
                        {**link, "master": "br7"} if link["ifname"] == "eth0" else link
                        for link in json.loads(answers[LINKS])
                    ]
                ),
            },
        )
    )

    assert hop(path, "br7").details == ("bridge", "02:00:00:00:00:07", "MTU 1500", "ports eth0")


def test_a_namespace_without_devices_is_passed_by() -> None:
    path = drawn(evidence("none+9p+reference"))

    passed = hop(path, "passed by")
    assert (passed.zone, passed.state) == (Zone.POD, State.PASSED)
    assert hop(path, "tap0_kata").zone is Zone.NODE


def test_links_that_are_not_on_the_path_are_noted() -> None:
    path = drawn(changed(TCFILTER, added(LINKS, {"ifname": "tunl0"})))

    assert path.notes == ("Also in the pod's namespace: tunl0",)
    assert path_text(path).endswith("\nAlso in the pod's namespace: tunl0\n")


def test_a_veth_of_another_pod_is_not_taken_for_the_other_end() -> None:
    veths = json.loads(evidence(TCFILTER)[-1].raw[VETHS])
    others = [veth for veth in veths if not veth["ifname"].startswith("calib7")]

    path = drawn(asked_again(evidence(TCFILTER), VETHS, json.dumps(others)))

    assert others
    assert hop(path, "other end of eth0").state is State.UNREAD


def test_a_handicap_is_seen_where_it_holds() -> None:
    bucket = json.dumps([{"kind": "tbf", "options": {"rate": 125_000_000}}])
    kept = asked_again(evidence(TCFILTER), TOWARDS_NODE, bucket)

    path = drawn(asked_again(kept, TOWARDS_GUEST, bucket))

    assert "held to 1.00 Gbit/s" in hop(path, "eth0", zone=Zone.POD).details
    assert "held to 1.00 Gbit/s" in hop(path, "calib7eac38761d").details


def test_a_handicap_of_a_bare_tap_is_seen_on_the_node() -> None:
    bucket = json.dumps([{"kind": "tbf", "options": {"rate": 125_000_000}}])

    path = drawn(asked_again(evidence("none+9p+reference"), TOWARDS_GUEST, bucket))

    assert "held to 1.00 Gbit/s" in hop(path, "tap0_kata").details


KATAS = (
    "/opt/kata/bin/qemu-system-x86_64 -name sandbox-54fb -machine q35,accel=kvm,nvdimm=on"
    " -device driver=virtio-scsi-pci,id=scsi0,disable-modern=true"
    " -netdev tap,id=network-0,vhost=on,vhostfds=3,fds=4"
    " -device driver=virtio-net-pci,netdev=network-0,mac=6e:08:a1:15:50:71,bus=pcie.0,mq=on"
    " -device vhost-user-fs-pci,chardev=char-1,tag=kataShared,queue-size=1024 "
)


def test_katas_disk_is_not_in_the_command_line_but_seen_in_the_guest() -> None:
    disk_of_guest = (
        "/sys/devices/pci0000:00/0000:00:03.0/virtio1/host0/target0:0:1/0:0:1:0/block/sdb\n"
    )
    kept = changed(MACVTAP, answered(QEMU_COMMAND, KATAS), replaced(MOUNTS, "/dev/sda", "/dev/sdb"))
    path = drawn(asked_again(kept, GUEST_DEVICES, disk_of_guest))

    disk = hop(path, "scsi-hd")
    assert disk.details == ("not in QEMU's command line", "/dev/dm-4 open")
    assert not disk.is_read
    assert hop(path, "virtio1").details == ("PCI 0000:00:03.0", "sdb at 0:0:1:0")
    assert hop(path, "virtio-net-pci").details == ("6e:08:a1:15:50:71", "mq=on")
    assert not any(each.name == "vhost-user-fs-pci" for each in hops(path)), "not the root's"


def test_options_of_virtiofsd_are_read_in_either_spelling() -> None:
    rust = (
        "/opt/kata/libexec/virtiofsd --socket-path /x.sock --shared-dir /s/ro --cache auto -o a\n"
    )

    path = drawn(changed(TCFILTER, answered(DAEMON, rust)))

    assert hop(path, "virtiofsd").details == ("serves /s/ro", "cache=auto", "o=a")


def test_a_root_that_is_none_of_ours_is_told_as_it_is() -> None:
    path = drawn(changed(TCFILTER, replaced(MOUNTS, "none / virtiofs", "tmpfs / tmpfs")))

    assert hop(path, "/").details[0] == "tmpfs from tmpfs"
    assert hop(path, "virtio device").state is State.UNREAD
    assert hop(path, "vhost-user-fs-pci").state is State.SEEN


def test_evidence_of_nothing_has_no_picture() -> None:
    assert path_of(()) is None
    assert path_of((Evidence(phase="before", facts=(), raw={"ip link": "[]"}),)) is None


@pytest.mark.parametrize("width", [1, 60, 80, 101])
@pytest.mark.parametrize("is_ascii", [False, True])
@pytest.mark.parametrize("name", PICTURES)
def test_a_drawing_keeps_to_its_width_and_its_letters(
    name: str, *, is_ascii: bool, width: int
) -> None:
    text = path_text(drawn(PICTURES[name]), width, is_ascii=is_ascii)

    assert max(map(len, text.splitlines())) <= max(width, 60)
    assert not any(line != line.rstrip() for line in text.splitlines())
    if is_ascii:
        assert text.isascii()
        assert "?" not in text, "each sign has its letter"


def test_both_drawings_say_the_same() -> None:
    """Below the width at which a line is broken otherwise."""
    path = drawn(evidence(TCFILTER))
    plain = path_text(path, 200, is_ascii=True)
    boxes = path_text(path, 200)

    assert len(plain.splitlines()) == len(boxes.splitlines())
    assert plain.splitlines()[3][:36] == "node          * route              1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["ifname", "linkinfo", "info_kind", "info_data", "mtu", "qdisc", "dev",
                         "kind", "addr_info", "family", "local", "link_index", "ifindex", "master",
                         "options", "rate"]),
        inner | st.sampled_from(["lo", "eth0", "tap0_kata", "veth", "tun", "macvtap", "bridge"]),
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
ANSWER = st.text(max_size=40) | JSON.map(json.dumps) | st.lists(JSON, max_size=4).map(json.dumps)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    cell=st.sampled_from(CELLS),
    answers=st.dictionaries(st.sampled_from(QUESTIONS), ANSWER, max_size=6),
)
def test_whatever_is_answered_there_is_a_picture(cell: str, answers: dict[str, str]) -> None:
    last = evidence(cell)[-1]
    failed = Fact(subject="MAC of eth0", source="", expected="a", observed="b", holds=False)
    kept = (Evidence(phase="after", facts=(failed,), raw={**last.raw, **answers}),)

    path = drawn(kept)

    assert str(failed) in [*path.alarms, *(a for each in hops(path) for a in each.alarms)]
    assert _has_all_lines(path)


def _has_all_lines(path: DataPath) -> bool:
    text = path_text(path)
    return text.count("\nnetwork\n") == text.count("\nstorage\n") == 1
