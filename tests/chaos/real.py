"""
`nox -s chaos -- --real`: what runs on a real node is killed; what came of it is written.

Only what this driver has started is killed: the lab's process, the QEMU of its own node, programs
in that node, and libvirt's daemon where the lab has started it. A person reads the outcome: it is
written as it was, bad ones too. With --places the lab itself is killed, at each point of a run:
that is :mod:`tests.chaos.real_places`, which judges by itself.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import labs, owner
from lab.errors import LabError
from lab.labs import Hands, LabRecord
from lab.node import Access, Node
from lab.run import Run
from lab.virt.daemons import STARTED_BY
from tests.chaos import real_places
from tests.chaos.suite import REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CELL = "tcfilter+virtiofs+reference"
OF_NODE = "veth+overlayfs+runc"
"""A control: what it runs are programs of the node, and can be killed there."""
AS_EVER = ("--profile", "smoke", "--rounds", "1", "--controls", "none")
RESUME = ("matrix", "--resume", "last")
WAITS = "waiting for this machine"
DEADLINE_S = 600.0
ASKED_S = 20.0
STEP_S = 0.1
TITLES = (
    "| fault | when | how the run ended | samples kept | gc | resume |\n|---|---|---|--:|---|---|\n"
)


class MissedError(Exception):
    """What was to be killed had ended meanwhile: the next of its kind will do."""


class NotTriedError(Exception):
    """A fault that would hit somebody else, or for which there was no occasion."""


@dataclass(frozen=True, slots=True)
class Death:
    """What is to die, and when: as soon as a program runs on the node."""

    name: str
    when: str
    strike: Callable[[int, LabRecord, Node], None]
    cell: str = CELL


def _kill_lab(pid: int, _record: LabRecord, _node: Node) -> None:
    os.kill(pid, signal.SIGKILL)


def _kill_node(_pid: int, record: LabRecord, _node: Node) -> None:
    guest = f"guest={record.nodes[0].domain}"
    for folder in owner.PROC.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(guest in word.split(",") for word in words):
            os.kill(int(folder.name), signal.SIGKILL)
            return
    raise NotTriedError(f"no QEMU with {guest}")


def _kill_libvirtd(pid: int, _record: LabRecord, _node: Node) -> None:
    mine = f"{STARTED_BY}={pid}-".encode()
    for folder in owner.PROC.glob("[0-9]*"):
        try:
            is_daemon = (folder / "comm").read_text().strip() == "libvirtd"
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if is_daemon and any(each.startswith(mine) for each in environment):
            os.kill(int(folder.name), signal.SIGKILL)
            return
    raise NotTriedError("libvirtd is not of this run: somebody else may be using it")


def _on_node(line: str) -> Callable[[int, LabRecord, Node], None]:
    """Do it on the node, on which nothing but the run's own is; status 1 is pkill's for a miss."""

    def strike(_pid: int, _record: LabRecord, node: Node) -> None:
        try:
            done = node.run(["sh", "-c", line], timeout_s=ASKED_S, check=False)
        except LabError:
            return  # a node that panics does not answer
        if done.returncode == 1:
            raise MissedError

    return strike


DEATHS = {
    "lab": Death("kill -9 of the lab", "iperf3", _kill_lab),
    "node": Death("kill -9 of the node's QEMU", "iperf3", _kill_node),
    "libvirtd": Death("kill -9 of libvirtd", "iperf3", _kill_libvirtd),
    "sandbox": Death(
        "kill -9 of the sandbox's QEMU", "iperf3", _on_node("pkill -KILL -f '^[^ ]*qemu-system'")
    ),
    "virtiofsd": Death("kill -9 of virtiofsd", "iperf3", _on_node("pkill -KILL -f '[v]irtiofsd'")),
    "iperf3": Death("kill -9 of iperf3", "iperf3", _on_node("pkill -KILL -x iperf3")),
    "fio": Death("kill -9 of fio", "fio", _on_node("pkill -KILL -f '^fio .*--name='"), OF_NODE),
    "panic": Death("kernel panic of the node", "iperf3", _on_node("echo c > /proc/sysrq-trigger")),
}


TWO = "two"
"""Two runs at once: none dies, and neither may notice the other but by waiting for it."""


def main() -> int:
    """Try the deaths that are named, or all; write what came of each."""
    parser = argparse.ArgumentParser(prog="chaos --real", description=__doc__)
    parser.add_argument("deaths", nargs="*", metavar="|".join((*DEATHS, TWO)))
    parser.add_argument("--places", action="store_true", help="arguments are points, by name")
    parser.add_argument("--output", type=Path, default=Path("results") / "chaos")
    arguments = parser.parse_args()
    if arguments.places:
        return real_places.play(arguments.deaths)
    known = _rows()
    for name in arguments.deaths or (*DEATHS, TWO):
        folder = arguments.output / name
        row = two_at_once(folder) if name == TWO else tell(DEATHS[name], folder)
        sys.stdout.write(row + "\n")
        sys.stdout.flush()
        known[row.split("|")[1].strip()] = row
        text = "\n".join(known.values())
        head = f"## On a real node\n\nOne cell, `{CELL}` (fio: `{OF_NODE}`), smoke.\n\n"
        REAL.write_text(f"{head}{TITLES}{text}\n")
    return 0


def tell(death: Death, output: Path) -> str:
    """Let it die in a run of its own; collect, go on; say what was seen, as a row of a table."""
    output.mkdir(parents=True, exist_ok=True)
    with _lab(output, "matrix", "--cells", death.cell, *AS_EVER) as process:
        try:
            when = _strike(death, process)
        except NotTriedError as reason:
            when = f"not tried: {reason}"
        status = _ended(process)
    seen, kept = _seen(output, status)
    collected = _said(output, "gc").strip().splitlines() or [""]
    with _lab(output, *RESUME) as process:
        resumed, _ = _seen(output, _ended(process))
    return f"| {death.name} | {when} | {seen} | {kept} | {collected[-1]} | {resumed} |"


def two_at_once(output: Path) -> str:
    """Have two runs begin at once, and see that both are whole and nothing of either is left."""
    places = [output / name for name in ("one", "other")]
    with ExitStack() as stack:
        runs = []
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
            runs.append(stack.enter_context(_lab(place, "matrix", "--cells", CELL, *AS_EVER)))
        ended = [_seen(place, _ended(run)) for place, run in zip(places, runs, strict=True)]
    waited = sum(WAITS in (place / "log.txt").read_text(errors="replace") for place in places)
    collected = _said(output, "gc").strip().splitlines() or [""]
    told = "; ".join(text for text, _ in ended)
    kept = " and ".join(str(number) for _, number in ended)
    return (
        f"| two runs at once | from the start | {told} | {kept} | {collected[-1]}"
        f" | not needed; {waited} waited for the other |"
    )


def _strike(death: Death, process: subprocess.Popen[bytes]) -> str:
    """Wait for the occasion, and take it."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NotTriedError("the run had ended before")
        for record in _labs_of(process.pid):
            node = Node(Access(name=record.nodes[0].name, sockets=Path(record.nodes[0].sockets)))
            with suppress(MissedError):
                if _runs(node, death.when):
                    death.strike(process.pid, record, node)
                    return f"while {death.when} ran"
        time.sleep(STEP_S)
    raise NotTriedError(f"{death.when} never ran")


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The status that it ends with; one that does not end in time is told to, and then killed."""
    for word in (None, signal.SIGTERM, signal.SIGKILL):
        if word is not None:
            sys.stdout.write(f"not ended after {DEADLINE_S:g} s: {word.name}\n")
            process.send_signal(word)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(DEADLINE_S)
    raise NotTriedError("a process outlived SIGKILL")


def _labs_of(pid: int) -> Iterator[LabRecord]:
    for folder, record in labs.records():
        is_mine = record is not None and record.owner.pid == pid and record.run
        if record and is_mine and labs.hands_of(folder, record) is Hands.ALIVE:
            yield record


def _runs(node: Node, program: str) -> bool:
    line = f"pgrep -x {program}"
    try:
        return node.run(["sh", "-c", line], timeout_s=ASKED_S, check=False).returncode == 0
    except LabError:
        return False


def _seen(output: Path, status: int) -> tuple[str, int]:
    try:
        run = Run.load((output / "last").resolve())
    except LabError as error:
        return f"status {status}, {error.problem}", 0
    counts = Counter(record.outcome.value for record in run.outcomes)
    words = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    leaks = f"; left behind: {', '.join(run.leaks.leaks)}" if run.leaks and run.leaks.leaks else ""
    text = f"status {status}, {run.header.status}: {words or 'no outcome yet'}{leaks}"
    return text.replace("|", "/"), len(run.samples)


def _rows() -> dict[str, str]:
    """What earlier calls have seen, by fault."""
    if not REAL.exists():
        return {}
    lines = REAL.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and line not in TITLES.splitlines()]
    return {row.split("|")[1].strip(): row for row in rows}


def _lab(output: Path, *words: str) -> subprocess.Popen[bytes]:
    more = ["--output", str(output)] if words[0] == "matrix" else []
    with (output / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "lab.cli", *words, *more],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def _said(output: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lab.cli", *words], capture_output=True, text=True, check=False,
        timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    with (output / "log.txt").open("a") as log:
        log.write(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
