"""The network lane: from the node's way to the pod to what the sandbox calls its interface."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.handicap import TOWARDS_GUEST, TOWARDS_NODE
from lab.network import l3forwarding, none
from lab.network.model import LOOPBACK, filters
from lab.network.pod import INTERFACE, TAP
from lab.network.tcfilter import redirected_packets
from lab.report.path.graph import Zone
from lab.report.path.hops import Draft, unread
from lab.report.path.reading import kind_of, told_of
from lab.runtime.path import GUEST_LINKS, POD_PROCESSES, RUNC_PROCESSES, WAY
from lab.units import Unit, format_count, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.report.path.reading import Link, Reading

TAPS = ("tun", "macvtap")
BRIDGE = "bridge"
DEVICES = "devices in the pod's namespace"
PORTS = r".* as a port of .*"
VHOST = "/dev/vhost-net"
NONE_SEEN = "none was seen"

_DEVICE = r"(?:kind|MTU|MAC|IPv4 address) of {name}|ingress qdisc of {name}"
_REDIRECT = re.compile(r"mirred \(Egress Redirect to device (\S+)\)")
_HITS = re.compile(r"\(rule hit \d+ success (\d+)\)")
_CGROUP = re.compile(r"^\d+:[^:]*:/\S*$")
_LONGEST_GROUP = 30


def drafts(reading: Reading) -> Iterator[Draft]:
    """The hops, from the node inwards."""
    links = reading.links
    pod = _pods_link(links or {})
    yield _way(reading)
    if pod:
        yield _peer(reading, pod)
    tap_on_node = next(iter(reading.named(none.TAP_LINK).values()), None)
    if tap_on_node:
        limit = _limit(reading, TOWARDS_GUEST)
        yield _tap(tap_on_node, Zone.NODE, _qdisc(tap_on_node), limit, about=TOWARDS_GUEST)
    if links is None:
        yield unread(Zone.POD, "pod's interface", about=f"{_about(INTERFACE)}|{DEVICES}")
    elif pod:
        yield _interface(reading, pod)
    else:
        yield _no_interface(links)
    if reading.has_guest:
        if not tap_on_node:
            yield from _to_tap(reading, links, pod)
        yield from _guest(reading)
    else:
        yield _process(reading)


def beside(reading: Reading) -> list[str]:
    """The links of the pod's namespace that are not on the path."""
    links = reading.links or {}
    on_path = [_pods_link(links), _taps_link(links), _joining(links)]
    names = {link["ifname"] for link in on_path if link}
    return sorted(set(links) - names - {LOOPBACK})


def _pods_link(links: Mapping[str, Link]) -> Link | None:
    pairs = [link for link in links.values() if kind_of(link) == "veth"]
    return pairs[0] if pairs else links.get(INTERFACE)


def _taps_link(links: Mapping[str, Link]) -> Link | None:
    return next((link for link in links.values() if kind_of(link) in TAPS), None)


def _joining(links: Mapping[str, Link]) -> Link | None:
    """The bridge that has ports."""
    masters = {link.get("master") for link in links.values()}
    bridges = (link for link in links.values() if kind_of(link) == BRIDGE)
    return next((bridge for bridge in bridges if bridge["ifname"] in masters), None)


def _way(reading: Reading) -> Draft:
    about = "route to the guest"
    for question in (WAY, none.ROUTE):
        line = reading.answer(question).partition("\n")[0].strip()
        if " dev " in line:
            return Draft(Zone.NODE, "route", (re.sub(r" uid \d+$", "", line),), about=about)
    return unread(Zone.NODE, "route to the pod", about=about)


def _peer(reading: Reading, pod: Link) -> Draft:
    peer = reading.peer(pod)
    if peer is None:
        return unread(Zone.NODE, f"other end of {pod['ifname']}")
    details = ("veth", *_of_link(peer), _qdisc(peer), _limit(reading, TOWARDS_GUEST))
    return Draft(Zone.NODE, peer["ifname"], details, about=TOWARDS_GUEST)


def _interface(reading: Reading, pod: Link) -> Draft:
    name = pod["ifname"]
    addresses = reading.addresses(name)
    told = [] if addresses is None else [", ".join(addresses) or "no IPv4 address"]
    qdisc = (_qdisc(pod, *_ingress(reading, name)), _limit(reading, TOWARDS_NODE))
    details = (kind_of(pod), *_of_link(pod), *told, *qdisc)
    return Draft(Zone.POD, name, details, about=f"{_about(name)}|{DEVICES}|{TOWARDS_NODE}")


def _no_interface(links: Mapping[str, Link]) -> Draft:
    about = f"{_about(INTERFACE)}|{DEVICES}"
    if set(links) == {LOOPBACK}:
        told = (f"{LOOPBACK} is all it has",)
        return Draft(Zone.POD, "passed by", told, is_on_path=False, about=about)
    return unread(Zone.POD, "pod's interface", NONE_SEEN, about=about)


def _to_tap(
    reading: Reading, links: Mapping[str, Link] | None, pod: Link | None
) -> Iterator[Draft]:
    tap = _taps_link(links or {})
    if links and pod and tap and kind_of(tap) != "macvtap":
        yield from _joints(reading, links, pod, tap)
    if tap:
        yield _tap(tap, Zone.POD, _qdisc(tap, *_ingress(reading, tap["ifname"])))
    else:
        yield unread(Zone.POD, "tap", *((NONE_SEEN,) if links else ()), about=_about(TAP))


def _joints(reading: Reading, links: Mapping[str, Link], pod: Link, tap: Link) -> Iterator[Draft]:
    """What brings frames from the pod's interface to the tap and back."""
    found = [
        joint
        for joint in (
            _redirect(reading, pod, tap),
            _bridge(links),
            _forwarding(reading),
        )
        if joint
    ]
    if not found:
        ends = f"{pod['ifname']} and {tap['ifname']}"
        told = f"nothing was seen that joins {ends}"
        found = [unread(Zone.POD, "joint", told, about=f"redirect of .*|kind of br.*|{PORTS}")]
    yield from found


def _redirect(reading: Reading, pod: Link, tap: Link) -> Draft | None:
    ends = {pod["ifname"]: "to the guest", tap["ifname"]: "from the guest"}
    details = []
    for source, target in (tuple(ends), tuple(ends)[::-1]):
        text = reading.answer(filters(source))
        if target in _REDIRECT.findall(text):
            details.append(f"{_carried(text)} {ends[source]}")
    if not details:
        return None
    matches = "u32" if "u32" in reading.answer(filters(pod["ifname"])) else ""
    return Draft(Zone.POD, "tc mirred redirect", (matches, *details), about=r"redirect of .*")


def _carried(text: str) -> str:
    """
    How much the filters in *text* have redirected.

    In frames, as guest and devices count them, where the kernel tells how often a rule was hit
    (CONFIG_CLS_U32_PERF). The action's own packets are segments, and none for what a guest has
    left to be segmented (include/net/sch_generic.h, bstats_update).
    """
    hits = [int(hit) for hit in _HITS.findall(text)]
    if hits:
        return _times(sum(hits), "frame")
    return _times(redirected_packets(text), "packet")


def _bridge(links: Mapping[str, Link]) -> Draft | None:
    bridge = _joining(links)
    if bridge is None:
        return None
    name = bridge["ifname"]
    ports = [link["ifname"] for link in links.values() if link.get("master") == name]
    details = ("bridge", *_of_link(bridge), f"ports {', '.join(ports)}")
    return Draft(Zone.POD, name, details, about=f"kind of {re.escape(name)}|{PORTS}")


def _forwarding(reading: Reading) -> Draft | None:
    way = reading.answer(l3forwarding.ROUTE).partition("\n")[0].strip()
    if " dev " not in way:
        return None
    forwards = reading.answer(l3forwarding.FORWARDING)
    told = f"ip_forward {forwards}" if forwards in {"0", "1"} else ""
    details = (re.sub(r" uid \d+$", "", way), told)
    return Draft(Zone.POD, "route", details, about="packets are forwarded|way to the guest")


def _tap(tap: Link, zone: Zone, *more: str, about: str = "") -> Draft:
    name, kind = tap["ifname"], kind_of(tap)
    kinds = f"{kind} {told_of(tap, 'mode') or told_of(tap, 'type')}".strip()
    if kind == "macvtap":
        kinds = f"{kinds} on {tap.get('link', '?')}"
    details = (kinds, *_of_link(tap), *more)
    return Draft(zone, name, details, about=f"{_about(name)}|{_about(TAP)}|{about}")


def _guest(reading: Reading) -> Iterator[Draft]:
    qemu = reading.qemu
    netdev = next((o for o in qemu.all("netdev") if o.kind == "tap"), None) if qemu else None
    told = ("tap", *netdev.told("ifname", "fd", "fds", "vhost")) if netdev else ()
    asked = (f"netdev {','.join(told)}",) if told else ()
    if reading.qemus_files:
        is_open = VHOST in reading.qemus_files
        told = (f"{VHOST} {'open' if is_open else 'not open'}", *asked)
        yield Draft(Zone.QEMU, "vhost-net", told, is_on_path=is_open, about="vhost-net")
    else:
        yield unread(Zone.QEMU, "vhost-net", about="vhost-net")
    nic = None
    if qemu:
        wanted = {"netdev": netdev.keys["id"]} if netdev and "id" in netdev.keys else {}
        nic = qemu.device("virtio-net-pci", "virtio-net-ccw", "virtio-net-device", **wanted)
    if nic:
        details = (nic.keys.get("mac", ""), *nic.told("mq", "disable-modern"))
        yield Draft(Zone.QEMU, nic.kind, details, about="guest's MAC")
    else:
        yield unread(Zone.QEMU, "virtio-net", about="guest's MAC")
    if not reading.guest_links:
        has_answered = f"/{LOOPBACK}/" in reading.answer(GUEST_LINKS)
        yield unread(Zone.GUEST, "guest's interface", *((NONE_SEEN,) if has_answered else ()))
    for name, link in reading.guest_links.items():
        yield _guest_link(reading, name, link)


def _guest_link(reading: Reading, name: str, link: Mapping[str, str]) -> Draft:
    device = reading.virtio_of(name)
    counts = [
        f"{_times(int(link[key]), 'frame')} {way}"
        for key, way in (("rx_packets", "in"), ("tx_packets", "out"))
        if link.get(key, "").isdecimal()
    ]
    details = (
        f"{device.name}, PCI {device.pci}" if device else "",
        link.get("address", ""),
        f"MTU {link['mtu']}" if "mtu" in link else "",
        *counts,
    )
    return Draft(Zone.GUEST, name, details)


def _process(reading: Reading) -> Draft:
    about = "process of the container"
    for question in (RUNC_PROCESSES, POD_PROCESSES):
        lines = reading.answer(question).splitlines()
        groups = [line for line in lines if _CGROUP.match(line)]
        if groups:
            named = [line for line in lines if line not in groups]
            told = [f"cgroup {_short(line.partition(':')[2].partition(':')[2])}" for line in groups]
            return Draft(Zone.CONTAINER, named[0] if named else "process", told, about=about)
    return unread(Zone.CONTAINER, "process", about=about)


def _of_link(link: Link) -> tuple[str, ...]:
    return (str(link.get("address", "")), f"MTU {link['mtu']}" if "mtu" in link else "")


def _qdisc(link: Link, *more: str) -> str:
    return f"qdisc {', '.join((str(link['qdisc']), *more))}" if "qdisc" in link else ""


def _ingress(reading: Reading, name: str) -> tuple[str, ...]:
    return ("ingress",) if reading.has_ingress(name) else ()


def _limit(reading: Reading, direction: str) -> str:
    """What a handicap holds packets to, as the kernel has it: ``tc`` has bytes a second."""
    for qdisc in reading.list(direction):
        options = qdisc.get("options")
        rate = options.get("rate") if isinstance(options, dict) else None
        if isinstance(rate, int):
            return f"held to {format_value(8.0 * rate, Unit.BIT_PER_SECOND)}"
    return ""


def _about(name: str) -> str:
    return _DEVICE.format(name=re.escape(name))


def _times(number: int, noun: str) -> str:
    return f"{format_count(number)} {noun if number == 1 else f'{noun}s'}"


def _short(group: str) -> str:
    """A cgroup; of a long one, what its last part begins with: an id is told by its beginning."""
    if len(group) <= _LONGEST_GROUP:
        return group
    return f"{group.rpartition('/')[2][:_LONGEST_GROUP]}…"
