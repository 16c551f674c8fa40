"""
What is kept of a boot in which something failed, as long as it is there to be asked.

Everything is asked for with what is left of one deadline, best effort: a node that is gone costs a
line that says so, and no part keeps another from being asked for.
"""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import CommandError, LabError, StoreError
from lab.labs import Mark
from lab.node import parse_gathered
from lab.store import DIAGNOSIS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.cluster.api import Api
    from lab.node import Node
    from lab.plan import Boot
    from lab.runtime.setting import Setting
    from lab.store import Store

DEADLINE_S = 30.0
"""Of all parts together."""
PART_S = 12.0
QUESTION_S = 4
"""Of each question on a node."""
LINES = 2000
CONSOLE_LINES = 400
CONSOLE_BYTES = 1 << 20
CAPTURE_S = 3
PACKETS = 200
CONNECTIVITY = (
    "test_connectivity.py",
    "test_across_nodes.py",
    "test_host_side.py",
    "test_service.py",
)
"""The files of scenarios whose failures leave a capture of packets."""
QEMU_LOGS = (
    Path("/var/log/libvirt/qemu"),
    Path.home() / ".cache" / "libvirt" / "qemu" / "log",
)
"""Where libvirt's daemons keep what a node's QEMU has said: the system's and a user's own."""
HOW = "how-to-look-further.txt"
BENCH = "bench"
"""The folder of what was learnt of nodes that did not come up."""

ON_NODE = {
    "journal": f"journalctl --no-pager -o short-precise --since '{{since}}' -n {LINES}",
    "dmesg": f"journalctl --no-pager -k -o short-monotonic --since '{{since}}' -n {LINES}",
    "containerd": f"journalctl --no-pager -u containerd --since '{{since}}' -n {LINES}",
    "programs": "ps -eo pid,ppid,etimes,stat,wchan:24,rss,args --sort=pid",
    "sandboxes": f'for log in /run/kata-lab/*/*.log; do echo "== $log"; tail -n {LINES} "$log";'
    " done; ls -lR /run/kata-lab",
    "containers": "ctr -n lab containers ls; ctr -n lab tasks ls; crictl ps -a; crictl pods",
    "disks": "df -h; lsblk; dmsetup status; losetup -l",
    "memory": "cat /proc/meminfo /proc/pressure/*",
    "network": "ip -d address; ip route; ip rule; ip neighbour; tc -s qdisc; nft list ruleset;"
    " for space in $(ip netns list | cut -d' ' -f1); do echo \"== namespace $space\";"
    ' ip -n "$space" -d -s address; ip -n "$space" route; ip -n "$space" neighbour;'
    ' ip netns exec "$space" tc -s qdisc;'
    ' for link in $(ip netns exec "$space" ls /sys/class/net); do'
    ' ip netns exec "$space" tc -s filter show dev "$link" ingress; done; done',
}
"""What is asked of the node that is measured; each ends by itself, whatever it meets."""
OF_CLUSTER = {
    "nodes": ("get", "nodes", "-o", "wide"),
    "pods": ("get", "pods", "--all-namespaces", "-o", "wide"),
    "events": ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
    "pods-in-full": ("describe", "pods"),
}
"""What kubectl on this machine is asked; the last one of the lab's own pods."""


@dataclass(slots=True)
class _Taking:
    """A diagnosis that is being taken: what of its time is left."""

    store: Store
    boot: Boot
    now: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.now()

    @property
    def left_s(self) -> float:
        return DEADLINE_S - (self.now() - self.began)

    def keep(self, name: str, text: str | bytes) -> None:
        self.store.add_diagnosis(self.boot.id, name, text)

    def part(self, name: str, work: Callable[[float], None]) -> None:
        """Do *work* within what is left; what becomes of it is kept, too."""
        timeout_s = min(PART_S, self.left_s)
        if timeout_s <= 0:
            self.keep(f"{name}.failed.txt", f"not asked: {DEADLINE_S:g} s were over\n")
            return
        try:
            work(timeout_s)
        except (LabError, OSError) as error:
            self.keep(f"{name}.failed.txt", f"{error}\n")


def of_start(store: Store, *, since: float) -> Path | None:
    """
    Keep what QEMU has said of nodes that did not come up; return the folder, if there was any.

    Their consoles are kept from the first byte on anyway.

    Args:
        since: When they were started, in seconds of ``time.time``.
    """
    kept = False
    for log in (path for folder in QEMU_LOGS for path in sorted(folder.glob("lab-*.log"))):
        try:
            if log.stat().st_mtime >= since:
                store.add_diagnosis(BENCH, f"{log.stem}-qemu.txt", _tail(log))
                kept = True
        except (OSError, StoreError):  # it is another user's, or nothing can be kept
            continue
    return store.path / DIAGNOSIS / BENCH if kept else None


def is_of_connectivity(scenario: str) -> bool:
    """Whether what failed was to reach somebody: then packets are captured."""
    return scenario.partition("::")[0].endswith(CONNECTIVITY)


def take(
    setting: Setting,
    store: Store,
    boot: Boot,
    *,
    scenario: str,
    since_s: float,
    now: Callable[[], float] = time.monotonic,
) -> Path:
    """
    Keep what can be learnt of *boot*, in which *scenario* has failed; return the folder.

    Args:
        since_s: How long ago the boot began.

    Raises:
        StoreError: if nothing can be kept.
    """
    taking = _Taking(store, boot, now)
    folder = store.path / DIAGNOSIS / boot.id
    taking.keep(HOW, further(setting, store, boot))
    taking.part("host", lambda _timeout_s: _of_host(taking, setting))
    if is_of_connectivity(scenario):
        taking.part("packets", lambda timeout_s: _capture(taking, setting.node, timeout_s))
    questions = {
        name: line.format(since=f"-{int(since_s) + 1}s") if "{since}" in line else line
        for name, line in ON_NODE.items()
    }
    taking.part("node", lambda timeout_s: _ask(taking, setting.node, questions, timeout_s))
    if setting.topology.is_cluster and (api := setting.api):
        for name, question in OF_CLUSTER.items():
            taking.part(f"cluster-{name}", partial(_ask_api, taking, api, name, question))
    return folder


def further(setting: Setting, store: Store, boot: Boot) -> str:
    """The commands by which a person looks further, while the lab is up and afterwards."""
    nodes = list(dict.fromkeys(node.name for node in setting.nodes))
    shells = "".join(f"lab shell {name}\n" for name in nodes)
    header = store.header
    words = ["lab", "matrix", "--topology", header.topology, "--cells", str(boot.cell.plain)]
    words += ["--profile", header.plan.profile, "--rounds", "1", "--controls", "none"]
    again = shlex.join([*words, "--keep", "failed", *header.options])
    return (
        f"While the lab is up, as with --keep failed:\n{shells}"
        f"To make it once more, and to have the lab stay up if it fails again:\n{again}\n"
    )


def _of_host(taking: _Taking, setting: Setting) -> None:
    """What the node has said to its console, and its QEMU to libvirt: files of this machine."""
    for node in dict.fromkeys(setting.nodes):
        console = taking.store.node_console_path(node.name)
        taking.keep(f"{node.name}-console.txt", _tail(console))
        mark = Mark.read(node.access.sockets)
        for folder in QEMU_LOGS:
            log = folder / f"{mark.lab if mark else ''}-{node.name}.log"
            if os.access(log, os.R_OK):
                taking.keep(f"{node.name}-qemu.txt", _tail(log))


def _ask(taking: _Taking, node: Node, questions: Mapping[str, str], timeout_s: float) -> None:
    bounded = {
        name: f"timeout {QUESTION_S} sh -c {shlex.quote(line)}" for name, line in questions.items()
    }
    try:
        answers = node.gather(bounded, timeout_s=timeout_s)
    except CommandError as error:  # it was given up on: what it had said by then is kept
        answers = parse_gathered(error.completed.stdout)
        taking.keep(f"{node.name}.failed.txt", f"{error}\n")
    for name, answer in answers.items():
        taking.keep(f"{node.name}-{name}.txt", answer)


def _ask_api(
    taking: _Taking, api: Api, name: str, question: tuple[str, ...], timeout_s: float
) -> None:
    taking.keep(f"cluster-{name}.txt", api.ask(question, timeout_s=timeout_s))


def _capture(taking: _Taking, node: Node, timeout_s: float) -> None:
    """A few packets of each namespace while its address is asked for."""
    found = node.gather({"packets": CAPTURE}, timeout_s=timeout_s)["packets"]
    for block in found.split("== ")[1:]:
        name, _, text = block.partition("\n")
        try:
            taking.keep(f"{node.name}-{name.strip()}.pcap", base64.b64decode(text, validate=False))
        except binascii.Error:
            taking.keep(f"{node.name}-{name.strip()}.failed.txt", text)


CAPTURE = f"""\
there=$(mktemp -d)
for space in $(ip netns list | cut -d' ' -f1); do
    ip netns exec "$space" timeout {CAPTURE_S} tcpdump -Z root -i any -c {PACKETS} -U \\
        -w "$there/$space.pcap" >/dev/null 2>&1 &
done
for space in $(ip netns list | cut -d' ' -f1); do
    for address in $(ip -n "$space" -4 -o address show dev eth0 | awk '{{ print $4 }}'); do
        ping -c 2 -W 1 "${{address%/*}}" >/dev/null 2>&1 &
    done
done
wait
for file in "$there"/*.pcap; do
    [ -e "$file" ] || continue
    echo "== $(basename "$file" .pcap)"
    base64 "$file"
done
rm -r $there"""
"""Captures in all namespaces at once, and pings into each meanwhile; prints them in base64."""


def _tail(path: Path) -> str:
    if not path.exists():
        return "(nothing was written)\n"
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - CONSOLE_BYTES))
        text = stream.read().decode(errors="replace")
    return "".join(f"{line}\n" for line in text.splitlines()[-CONSOLE_LINES:])
