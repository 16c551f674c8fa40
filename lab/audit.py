"""
Whether a run leaves this machine as it has found it: an inventory before, and one after.

What bears the run's marks and is still there is a leak, whoever else is at work on the machine.
What does not is only noted, where a run could have changed it at all: it may be anybody's.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from lab import command, inventory, owner
from lab.errors import LabError
from lab.files import state_dir
from lab.interrupt import held_off
from lab.inventory import Inventory, Sort
from lab.labs import Hands
from lab.records import Leaks
from lab.units import count
from lab.virt import host_objects
from lab.wait import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lab.inventory import Thing
    from lab.owner import Owner

SETTLE_S = 3.0
"""How long what is just ending may take to do so."""
SETTLE_STEP_S = 0.1
NOTES_AT_MOST = 50
FIREWALL_TIMEOUT_S = 10.0
FIREWALLS = (("nft", "-s", "list", "ruleset"), ("iptables-save",))
COUNTERS = re.compile(r"\[\d+:\d+\]|^#.*$", re.MULTILINE)
"""What changes in the rules of a firewall though no rule does."""
OURS = re.compile(
    r"\b(?:kata-)?lab-(?:[a-z0-9-]+-)?[0-9a-f]{8}\b"  # a lab, a folder for temporary files
    r"|(?<![\w/-])kata-lab(?![\w-]*/)"  # a device; in a path it is the name of somebody's checkout
)
"""What bears the lab's mark, by name."""

SYS = Path("/sys")
PROC = Path("/proc")
NAMESPACES = Path("/run/netns")
DEVICES = (Path("/dev/kvm"),)
"""Files whose group and mode a run may change."""
SETTINGS = (
    "kernel/nmi_watchdog",
    "kernel/perf_event_paranoid",
    "kernel/randomize_va_space",
    "net/bridge/bridge-nf-call-iptables",
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv6/conf/all/forwarding",
    "vm/nr_hugepages",
    "vm/overcommit_memory",
    "vm/swappiness",
)
"""Of /proc/sys: what benches are known to change of a host."""
LISTENING = {"tcp": "0A", "udp": "07"}
"""The state of a socket that waits for somebody, in /proc/net (include/net/tcp_states.h)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """This machine at one moment, as far as the lab could have changed it."""

    inventory: Inventory
    world: Mapping[str, str]
    """What is not the lab's by itself: sort and name, and the state that it is in."""


@contextmanager
def audited(
    uri: str, *, keep: Callable[[Leaks], None], say: Callable[[str], None]
) -> Iterator[None]:
    """Compare this machine before and after the block; *keep* and *say* what it has left behind."""
    before = snapshot(uri)
    if dead := sum(thing.hands is Hands.DEAD for thing in before.inventory.things):
        say(f"{count(dead, 'thing')} of dead runs on this machine: `lab gc` removes what they left")
    try:
        yield
    except BaseException as error:
        try:
            _conclude(before, uri, keep, say)
        except LabError as failure:
            error.add_note(str(failure))
        raise
    _conclude(before, uri, keep, say)


def snapshot(uri: str, *, known: Mapping[str, str] | None = None) -> Snapshot:
    """
    Look at this machine.

    Args:
        known: What was there before: of a port that is not in it, it is asked who listens.
    """
    found = inventory.take(uri)
    world = {
        **_interfaces(),
        **_namespaces(),
        **_block_devices(),
        **_mounts(),
        **_settings(),
        **_firewall(),
        **_ports({} if known is None else known),
    }
    if not found.problems:
        with suppress(LabError):
            world |= host_objects.listed(uri)
    return Snapshot(found, world)


def compare(before: Snapshot, after: Snapshot, who: Owner, *, elapsed_s: float = 0.0) -> Leaks:
    """What *who* has left behind between two looks, and what else has changed meanwhile."""
    leaks = [str(thing) for thing in after.inventory.things if _is_left(thing, who)]
    others = _marks([thing for thing in after.inventory.things if not _is_left(thing, who)])
    notes = list(after.inventory.problems)
    for what, state in after.world.items():
        if before.world.get(what) == state:
            continue
        said = f"{what}: {state}" if state else what
        if not _is_ours(said):
            notes.append(f"changed: {said}" if what in before.world else f"new: {said}")
        elif not any(mark in said for mark in others):
            leaks.append(said)
    gone = (what for what in before.world if what not in after.world)
    notes += [f"gone: {what}" for what in gone if not _is_ours(what)]
    return Leaks(
        leaks=tuple(dict.fromkeys(leaks)), notes=tuple(notes[:NOTES_AT_MOST]), elapsed_s=elapsed_s
    )


def _conclude(
    before: Snapshot, uri: str, keep: Callable[[Leaks], None], say: Callable[[str], None]
) -> None:
    with held_off("looking for what is left behind"):
        began = time.monotonic()
        while True:
            started = time.monotonic()
            after = snapshot(uri, known=before.world)
            took_s = time.monotonic() - started
            leaks = compare(before, after, owner.me(), elapsed_s=took_s)
            if not leaks.leaks or time.monotonic() - began > SETTLE_S:
                break
            pause(SETTLE_STEP_S)
        keep(leaks)
        for leak in leaks.leaks:
            say(f"left behind: {leak}")


def _is_left(thing: Thing, who: Owner) -> bool:
    """Whether *who* should have removed a thing by now. His ledger and his claim end with him."""
    return (
        thing.owner == who
        and thing.hands is not Hands.KEPT
        and thing.sort not in {Sort.LEDGER, Sort.CLAIM}
    )


def _is_ours(said: str) -> bool:
    """Whether *said* is of the lab: by a name that only it gives, or for being in its folder."""
    return bool(OURS.search(said)) or f"{state_dir()}/" in said


def _marks(things: Sequence[Thing]) -> set[str]:
    """By what one knows things of other runs, and of labs that were kept, where they are named."""
    named = {Path(thing.name).name for thing in things if thing.sort is not Sort.PROGRAM}
    return named | {thing.lab for thing in things if thing.lab}


def _interfaces() -> dict[str, str]:
    found = {}
    for path in _listed(SYS / "class" / "net"):
        kind = "interface"
        if (path / "bridge").exists():
            kind = "bridge"
        elif (path / "tun_flags").exists():
            kind = "tap"
        alias = _text(path / "ifalias")
        found[f"{kind} {path.name}"] = alias
    return found


def _namespaces() -> dict[str, str]:
    return {f"network namespace {path.name}": "" for path in _listed(NAMESPACES)}


def _block_devices() -> dict[str, str]:
    found = {}
    for path in _listed(SYS / "block"):
        if (path / "loop" / "backing_file").exists():
            found[f"loop device {path.name}"] = _text(path / "loop" / "backing_file")
        elif (path / "dm" / "name").exists():
            found[f"device-mapper device {_text(path / 'dm' / 'name')}"] = ""
    return found


def _mounts() -> dict[str, str]:
    found = {}
    for line in _text(PROC / "self" / "mountinfo").splitlines():
        words, _, kind = line.partition(" - ")
        found[f"mount {words.split()[4]}"] = " ".join(kind.split()[:2])
    return found


def _settings() -> dict[str, str]:
    found = {f"setting {name}": _text(PROC / "sys" / name) for name in SETTINGS}
    for device in DEVICES:
        with suppress(OSError):
            state = device.stat()
            found[f"setting {device}"] = f"group {state.st_gid}, mode {S_IMODE(state.st_mode):o}"
    return found


def _firewall() -> dict[str, str]:
    """A digest of the rules, where this user may read them; and the rules that bear our mark."""
    if os.geteuid() != 0:
        return {}
    found = {}
    for argv in FIREWALLS:
        if shutil.which(argv[0]) is None:
            continue
        with suppress(LabError):
            said = command.run(argv, timeout_s=FIREWALL_TIMEOUT_S, check=False).stdout
            rules = COUNTERS.sub("", said)
            digest = hashlib.sha256(rules.encode()).hexdigest()
            found[f"firewall, by {argv[0]}"] = f"rules {digest[:12]}"
            found |= {f"rule {line}": "" for line in rules.splitlines() if _is_ours(line)}
    return found


def _ports(known: Mapping[str, str]) -> dict[str, str]:
    found, inodes = {}, {}
    for protocol, waits in LISTENING.items():
        for version in ("", "6"):
            for line in _text(PROC / "net" / f"{protocol}{version}").splitlines()[1:]:
                words = line.split()
                if words[3] == waits:
                    name = f"port {protocol}{version} {_address(words[1])}"
                    found[name] = known.get(name, "")
                    inodes[words[9]] = name
    fresh = {inode: name for inode, name in inodes.items() if name not in known}
    return found | _listeners(fresh) if known else found


def _listeners(ports: Mapping[str, str]) -> dict[str, str]:
    """Who listens on *ports*, which are known by their inodes."""
    links = {f"socket:[{inode}]": name for inode, name in ports.items()}
    found = {}
    for process in PROC.glob("[0-9]*") if links else ():
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                if name := links.get(str(handle.readlink())):
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[name] = words.decode(errors="replace").strip()
    return found


def _address(text: str) -> str:
    """An address and a port as one writes them: the kernel writes words in its own byte order."""
    address, _, port = text.partition(":")
    words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
    raw = b"".join(words)
    if len(words) == 1:
        return f"{'.'.join(map(str, raw))}:{int(port, 16)}"
    return f"[{raw.hex(':', 2)}]:{int(port, 16)}"


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return ""
