"""The answers of one evidence, read for the picture. What was not answered is None or empty."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lab.decode import DecodeError, json_as
from lab.network.model import ADDRESSES, LINKS, LOOPBACK, QDISCS
from lab.runtime.path import GUEST_DEVICES, GUEST_LINKS, VETHS
from lab.storage.backend import MOUNTS, QEMU_COMMAND, QEMU_FILES, VIRTIO_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Link = dict[str, Any]

_GUEST_LINK = re.compile(r"^/sys/class/net/([^/]+)/(?:statistics/)?(\w+):(.+)$", re.MULTILINE)
_VIRTIO = re.compile(r"^/sys/devices/\S*/(?P<pci>[0-9a-f:.]+)/(?P<name>virtio\d+)(?P<rest>/\S+)?$")
_MOUNT = re.compile(r"(?P<source>\S+) (?P<at>\S+) (?P<fstype>\S+) (?P<options>\S+) \d+ \d+")
_SCSI = re.compile(r"/(\d+:\d+:\d+:\d+)/block/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of QEMU's: what it is of, and its keys, as they are written."""

    kind: str
    keys: Mapping[str, str]

    def told(self, *names: str) -> tuple[str, ...]:
        """Those of the keys *names* that it has, as they are written."""
        return tuple(f"{name}={self.keys[name]}" for name in names if name in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Qemu:
    """QEMU's command line."""

    program: str
    options: tuple[tuple[str, Option], ...]

    def all(self, name: str) -> Iterator[Option]:
        """The options called *name*, in their order."""
        return (option for called, option in self.options if called == name)

    def device(self, *kinds: str, **keys: str) -> Option | None:
        """The first device of one of *kinds* that has all *keys*."""
        for option in self.all("device"):
            if option.kind in kinds and keys.items() <= option.keys.items():
                return option
        return None


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of ``/proc/mounts``."""

    source: str
    fstype: str
    options: str

    def option(self, name: str) -> str:
        """The value of an option; empty where it has none."""
        found = (o for o in self.options.split(",") if o.startswith(f"{name}="))
        return next(found, "").partition("=")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device on the guest's virtio bus."""

    name: str
    pci: str
    id: str
    scsi: str = ""
    """Where on its controller a disk is."""


class Reading:
    """The raw answers of one evidence."""

    def __init__(self, raw: Mapping[str, str]) -> None:
        self._raw = raw

    def __contains__(self, question: str) -> bool:
        return question in self._raw

    def answer(self, question: str) -> str:
        """What was answered; empty where nothing was."""
        return self._raw.get(question, "").strip()

    @cached_property
    def links(self) -> dict[str, Link] | None:
        """The links of the pod's namespace by name; None if it has not answered."""
        found = self.named(LINKS)
        return found if LOOPBACK in found else None

    def peer(self, link: Link) -> Link | None:
        """The end of a veth pair that is on the node: each has the other's number."""
        for veth in self.named(VETHS).values():
            ends = (veth.get("ifindex"), veth.get("link_index"))
            if None not in ends and ends == (link.get("link_index"), link.get("ifindex")):
                return veth
        return None

    def addresses(self, device: str) -> tuple[str, ...] | None:
        """The IPv4 addresses of a device of the pod's namespace; None if not answered."""
        found = self.named(ADDRESSES).get(device, {}).get("addr_info")
        if not isinstance(found, list):
            return None
        return tuple(
            f"{item.get('local')}/{item.get('prefixlen')}"
            for item in found
            if item.get("family") == "inet"
        )

    def has_ingress(self, device: str) -> bool:
        """Whether a device of the pod's namespace was seen with an ingress qdisc."""
        return any(
            item.get("dev") == device and item.get("kind") == "ingress"
            for item in self.list(QDISCS)
        )

    @cached_property
    def has_guest(self) -> bool:
        """Whether QEMU was asked for: of a sandbox without a guest, it never is."""
        return QEMU_COMMAND in self

    @cached_property
    def qemu(self) -> Qemu | None:
        """QEMU's command line; None if it was not read."""
        words = self.answer(QEMU_COMMAND).split()
        if "-machine" not in words:
            return None
        options = [
            (word.removeprefix("-"), _option(value))
            for word, value in pairwise(words)
            if word in {"-machine", "-device", "-netdev", "-blockdev", "-object", "-fsdev"}
        ]
        return Qemu(program=words[0].rpartition("/")[2], options=tuple(options))

    @cached_property
    def qemus_files(self) -> frozenset[str]:
        """What QEMU has open; empty if it was not read."""
        return frozenset(self.answer(QEMU_FILES).split())

    @cached_property
    def guest_links(self) -> dict[str, dict[str, str]]:
        """The links that the guest has, but the loopback: what /sys says of them, by name."""
        links: dict[str, dict[str, str]] = {}
        for name, key, value in _GUEST_LINK.findall(self.answer(GUEST_LINKS)):
            if name != LOOPBACK:
                links.setdefault(name, {})[key] = value
        return links

    @cached_property
    def virtio_ids(self) -> tuple[str, ...]:
        """The numbers on the guest's virtio bus, in the order of the devices' names."""
        return tuple(re.findall(r"^0x[0-9a-f]{4}$", self.answer(VIRTIO_IDS), re.MULTILINE))

    @cached_property
    def virtio(self) -> tuple[Device, ...]:
        """The devices on the guest's virtio bus; empty if it was not read."""
        lines = [match for match in self._devices if not match["rest"]]
        if len(lines) != len(self.virtio_ids):
            return ()
        return tuple(
            Device(name=line["name"], pci=line["pci"], id=number)
            for line, number in zip(lines, self.virtio_ids, strict=True)
        )

    def virtio_of(self, name: str) -> Device | None:
        """The virtio device behind a link or a disk that the guest calls *name*."""
        for line in self._devices:
            if (line["rest"] or "").endswith((f"/net/{name}", f"/block/{name}")):
                scsi = _SCSI.search(line["rest"])
                return Device(
                    name=line["name"],
                    pci=line["pci"],
                    id=next((each.id for each in self.virtio if each.name == line["name"]), ""),
                    scsi=scsi[1] if scsi else "",
                )
        return None

    @cached_property
    def _devices(self) -> tuple[re.Match[str], ...]:
        lines = self.answer(GUEST_DEVICES).splitlines()
        return tuple(match for line in lines if (match := _VIRTIO.match(line)))

    @cached_property
    def root(self) -> Mount | None:
        """The root file system, as what runs in the sandbox sees it."""
        return self.mount(MOUNTS, at="/")

    def mount(self, question: str, *, at: str = "") -> Mount | None:
        """What is mounted *at* a place, or in the first line, of an answer; None if nothing."""
        for line in self.answer(question).splitlines():
            match = _MOUNT.fullmatch(line)
            if match and at in {"", match["at"]}:
                return Mount(match["source"], match["fstype"], match["options"])
        return None

    def named(self, question: str) -> dict[str, Link]:
        """An answer in JSON, by the name of the link."""
        items = self.list(question)
        return {item["ifname"]: item for item in items if isinstance(item.get("ifname"), str)}

    def list(self, question: str) -> list[Link]:
        """An answer in JSON; empty if it is none."""
        try:
            answer = json_as(self._raw.get(question, ""), list[Any])
        except DecodeError:
            return []
        return [item for item in answer if isinstance(item, dict)]


def kind_of(link: Link) -> str:
    """What kind of link it is; empty if it does not say."""
    info = link.get("linkinfo")
    return str(info.get("info_kind", "")) if isinstance(info, dict) else ""


def told_of(link: Link, key: str) -> str:
    """What a link of its kind says of itself; empty if it does not say."""
    info = link.get("linkinfo")
    data = info.get("info_data") if isinstance(info, dict) else None
    return str(data.get(key, "")) if isinstance(data, dict) else ""


def _option(text: str) -> Option:
    first, *rest = text.split(",")
    keys = dict(pair.partition("=")[::2] for pair in rest)
    if "=" in first:
        name, _, value = first.partition("=")
        keys[name] = value
        return Option(kind=keys.get("driver", ""), keys=keys)
    return Option(kind=first, keys=keys)
