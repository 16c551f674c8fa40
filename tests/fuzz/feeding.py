"""How a reader is handed what it is to read: as a file, a run's folder, an archive, an answer."""

from __future__ import annotations

import dataclasses
import io
import math
import os
import socket
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest import mock

from hypothesis import strategies as st

from lab import counted, labs, lease, noise, processes
from lab.analysis import analyse, to_json
from lab.cluster.artefacts import bundle, skopeo
from lab.command import Completed
from lab.errors import CommandError
from lab.history import index
from lab.image import rootfs
from lab.ledger import Ledger
from lab.matrix import DEFAULT_CELLS
from lab.network import MODELS
from lab.outcome import Evidence
from lab.report import html, junit, markdown, reports, view
from lab.report.path import path_of
from lab.run import Run, exit_status
from lab.runtime import cri, guest_agent
from lab.runtime.evidence import qemu_facts
from lab.storage import BACKENDS
from lab.storage.backend import Snapshotter, volume_of
from lab.store import Store
from lab.virt import domain
from tests import evidence, fake_run
from tests.fuzz.strategies import answers, by_kind, captured, files, json_texts
from tests.image.test_rootfs import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import DrawFn, SearchStrategy

CELLS = DEFAULT_CELLS[:3]
SANDBOXES = (
    "tcfilter+virtiofs+reference",
    "tcfilter+9p+reference",
    "macvtap+devmapper+reference",
    "none+devmapper+reference",
    "bridge+devmapper-blk+reference",
    "l3forwarding+pmem-dax+reference",
)


def finite(read: Callable[[str], object]) -> Callable[[str], object]:
    """Let *read* pass only what can be computed with: no figure of a tool is endless, or none."""

    def feed(text: str) -> object:
        found = read(text)
        assert all(math.isfinite(number) for number in _numbers(found)), found
        return found

    return feed


def _numbers(found: object) -> Iterator[float]:
    """Every number in what a reader has found."""
    match found:
        case float():
            yield found
        case Mapping():
            yield from _numbers([*found.keys(), *found.values()])
        case tuple() | list():
            yield from (number for each in found for number in _numbers(each))
        case _ if dataclasses.is_dataclass(found):
            names = (field.name for field in dataclasses.fields(found))
            yield from _numbers([getattr(found, name) for name in names])


def in_file(read: Callable[[Path], object], name: str = "file") -> Callable[[bytes], object]:
    """Hand *read* a file of that *name* with the given content."""

    def feed(content: bytes) -> object:
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            return read(path)

    return feed


def at_home(read: Callable[[], object], name: str) -> Callable[[bytes], object]:
    """Let *read* find the content in the file *name* of the lab's own folder."""

    def feed(content: bytes) -> object:
        with TemporaryDirectory() as folder, mock.patch.dict(os.environ, LAB_HOME=folder):
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            return read()

    return feed


def tar(members: Mapping[str, bytes], *, mode: str = "w") -> bytes:
    """An archive of files."""
    whole = io.BytesIO()
    with tarfile.open(None, mode, whole) as archive:  # type: ignore[call-overload] # any mode
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return whole.getvalue()


def read_archive(path: Path) -> None:
    """Read every file of a root file system, and write it anew."""
    with rootfs.opened(path) as root:
        for name in root.names():
            if not name.endswith("nothing"):
                root.read(name)
    rootfs.rewrite(path, path.with_suffix(".new"), keep=lambda _: True, epoch=EPOCH)


def take_in(path: Path) -> object:
    """Take a bundle into a new cache."""
    lock_file = path.with_name("artefacts.lock.toml")
    with mock.patch.dict(os.environ, LAB_HOME=str(path.with_name("home"))):
        return bundle.take_in(path, lock_file, say=str)


def ask_registry(answer: str) -> object:
    """Ask for an image's digest, and be answered so."""
    done = Completed(("skopeo",), 0, answer, "", 0.1)
    with mock.patch.object(skopeo, "run", return_value=done):
        return skopeo.digest_of("registry.k8s.io/pause:3.10.2")


def read_capabilities(answer: str) -> object:
    """Ask libvirt what confines its machines, and be answered so."""
    raw = SimpleNamespace(getCapabilities=None)
    return domain.confined_by(SimpleNamespace(call=lambda *_: answer, raw=raw))  # type: ignore[arg-type]


def read_refusal(stderr: str) -> object:
    """Say what crictl was told."""
    completed = Completed(("crictl",), 1, "", stderr, 0.1)
    return cri.refused(CommandError("crictl failed", completed=completed))


def compare_noise(text: str) -> object:
    """Read noise, and what came of it since a quiet reading."""
    before = counted.parse(captured("noise/6.18-before.txt")[0])
    return noise.between(
        before, counted.parse(text), where="node", own=processes.ON_NODE, is_virtual=True
    )


def read_volume(mounts: str) -> object:
    """Read what a snapshotter prepared, and what is asked of it later."""
    volume = volume_of(mounts, snapshotter=Snapshotter.OVERLAYFS, key="boot1", folder="/run/x")
    return volume.changes if "upperdir" in mounts else volume.device


def speak(said: bytes) -> None:
    """Run a program in a guest whose agent has *said* all that before it was asked anything."""
    ours, theirs = socket.socketpair()
    with ours, theirs, mock.patch.object(guest_agent, "pause"):
        theirs.settimeout(0)
        theirs.send(said)  # as much of it as there is room for
        theirs.shutdown(socket.SHUT_WR)
        agent = guest_agent.GuestAgent(Path("agent"))
        agent.close()
        agent._socket = ours
        agent.run(["true"], timeout_s=0.05)
        agent.ask("guest-ping")


# A run's folder.


@cache
def run_files() -> Mapping[str, bytes]:
    """A small run: the content of each file that is read, by its path in the run's folder."""
    with TemporaryDirectory() as folder:
        path = fake_run.FakeRun(cells=CELLS).write(Path(folder))
        found = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*.json*"))}
        return {name: file.read_bytes() for name, file in found.items() if name[:3] != "raw"}


def evidence_of_run() -> str:
    """What is kept of a boot of it."""
    name = next(name for name in run_files() if name.startswith("evidence/"))
    return run_files()[name].decode()


@st.composite
def damaged_runs(draw: DrawFn) -> dict[str, bytes]:
    """A run of which one file is damaged: as a document, or in one line; or torn."""
    made = dict(run_files())
    name = draw(st.sampled_from(sorted(made)))
    lines = [made[name]]
    if name.endswith(".jsonl"):
        lines = made[name].splitlines(keepends=True)
    place = draw(st.integers(0, len(lines) - 1))
    lines[place] = draw(files(json_texts(lines[place].decode())))
    is_torn = draw(st.booleans())
    made[name] = b"".join(lines[: place + 1]) if is_torn else b"\n".join(lines)
    return made


def read_run(made: Mapping[str, bytes]) -> None:
    """Read a run, judge it, and write every report of it."""
    with TemporaryDirectory() as folder:
        for name, content in made.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        run = Run.load(Path(folder))
        exit_status(run)
        report = view.build(run)
        html.render_report(report)
        markdown.render(report)
        junit.render(run)


def add_evidence(content: bytes) -> None:
    """Add evidence to what is kept of a boot."""
    with TemporaryDirectory() as folder:
        store = Store.create(Path(folder), fake_run.FakeRun(cells=CELLS[:1]).header())
        boot = store.header.plan.order[0].id
        (store.path / "evidence" / f"{boot}.json").write_bytes(content)
        store.add_evidence(boot, fake_run.evidence(CELLS[0], "after"))


def undo_order(path: Path) -> object:
    """What a ledger says is to be undone."""
    return Ledger(path).newest_first()


def list_labs() -> object:
    """What is known of labs."""
    return list(labs.records())


def read_mark(path: Path) -> object:
    """What a folder says of itself."""
    return labs.Mark.read(path.parent)


def read_night(path: Path) -> object:
    """What a run told as a night."""
    return index.read_night(path.parent)


def draw_report(text: str) -> object:
    """Read what can be drawn of a tool's report, and draw it."""
    return [
        reports._curve(title, kind, unit, [("r1", points)])
        for title, kind, unit, points in reports.read(text)
    ]


@cache
def index_of_run() -> str:
    """The index of a folder of results with a small run."""
    with TemporaryDirectory() as folder:
        fake_run.FakeRun(cells=CELLS).write(Path(folder))
        index.open_history(Path(folder), say=print)
        return (Path(folder) / index.INDEX).read_text()


def list_claims() -> object:
    """Who waits for the machine."""
    return [lease._read(path) for path in Path(os.environ["LAB_HOME"]).iterdir()]


@cache
def analysis_of_run() -> str:
    """The analysis of a small run."""
    with TemporaryDirectory() as folder:
        return to_json(
            analyse(Run.load(fake_run.FakeRun(cells=CELLS).write(Path(folder))))
        ).decode()


# Evidence.


def sandboxes() -> SearchStrategy[tuple[evidence.Captured, Mapping[str, str]]]:
    """A sandbox of one cell or another, and its answers, of which one or two are damaged."""
    return (
        st.sampled_from(SANDBOXES)
        .map(evidence.captured)
        .flatmap(lambda one: st.tuples(st.just(one), answers(one.answers, by_kind)))
    )


def prove(sandbox: tuple[evidence.Captured, Mapping[str, str]]) -> None:
    """Read all facts about a sandbox."""
    one, said = sandbox
    list(qemu_facts(one.pod, said))
    list(MODELS[one.cell.network].facts(one.pod, said))
    list(BACKENDS[one.cell.storage].facts(one.volume, said))


def draw_path(sandbox: tuple[evidence.Captured, Mapping[str, str]]) -> object:
    """Read the way of packets and bytes out of a sandbox's answers."""
    one, said = sandbox
    facts = tuple(MODELS[one.cell.network].facts(one.pod, said))
    return path_of([Evidence(phase="before", facts=facts, raw=dict(said))])
