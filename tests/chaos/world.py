"""A machine with a lab on it, in a folder, and processes of the lab that come and go on it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import libvirt

from lab import (
    audit,
    campaign,
    cli,
    command,
    disks,
    inventory,
    launch,
    owner,
    provision,
    wait,
)
from lab.errors import LabError
from lab.run import Run
from lab.virt import connection, credentials, domain
from lab.virt.xml import Accelerator
from tests.chaos.faults import Director, Fault, Place, die
from tests.chaos.host import URI, Host, Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

CALL_S = 0.6
"""Of a call of libvirt that hangs. One that does not may take long, too, where much else runs."""
SSH_S = 0.3
CELLS = "tcfilter+virtiofs+reference,macvtap+9p+reference"
SMOKE = ("--profile", "smoke", "--controls", "none")
RESUME = ("matrix", "--resume", "last")
COLLECT = ("gc",)
SCENARIOS = """\
from lab.sample import Better, Metric
from lab.units import Unit

READ = Metric("sequential_read", Unit.BYTE_PER_SECOND, Better.HIGHER, "Read")
WRITE = Metric("first_write", Unit.BYTE_PER_SECOND, Better.HIGHER, "Write")
TCP = Metric("tcp_out_goodput", Unit.BIT_PER_SECOND, Better.HIGHER, "TCP")


def test_stream(sandbox, measure):
    with measure.watching():
        said = sandbox.run(["iperf3"], timeout_s=5)
    measure(TCP, float(said.stdout), raw='{"iperf3": 1}')


def test_file(sandbox, measure):
    with measure.watching():
        said = sandbox.run(["fio"], timeout_s=5)
    measure(WRITE, float(said.stdout), raw='{"fio": 1}')
    measure(READ, float(said.stdout), raw='{"fio": 1}')


def test_node(sandbox, node):
    node.run(["true"], timeout_s=5)


def test_ends(sandbox, restart):
    restart()
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process of the lab that has ended."""

    status: int
    """Its exit status; negative: the signal."""
    seconds: float
    passed: dict[str, int]
    """How often it passed each point; of one that was killed nothing is known."""
    said: str
    hung: bool
    """Whether it had to be ended."""


class World:
    """
    Where a story plays: a machine, and all that the lab may write to on it.

    This one is only played, and wholly in its folder; :class:`tests.chaos.real_world.RealWorld` is
    not.
    """

    begin = ("matrix", "--cells", CELLS, *SMOKE, "--rounds", "2")
    boots, scenarios_a_boot, samples_a_boot = 4, 4, 3
    second = 0.25
    """How many stories have a second fault, while the run goes on."""
    hang_s = 60.0
    """A process that takes longer hangs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        folder.mkdir(parents=True)
        self.furnish()

    def furnish(self) -> None:
        """Put into its folder what it is made of."""
        for name in ("home", "leases", "run", "tmp", "users", "nothing", "scenarios"):
            (self.folder / name).mkdir()
        (self.folder / "scenarios" / "test_played.py").write_text(SCENARIOS)
        (self.folder / "pytest.ini").write_text("[pytest]\n")
        self.host = Host(self.folder / "host")

    def process(
        self, argv: Sequence[str], *, fault: Fault = Fault.NONE, place: Place | None = None
    ) -> Ended:
        """Run the console command in a process of its own, with *fault* at *place*."""
        told = self.folder / "passed.json"
        log = self.folder / "log.txt"
        told.unlink(missing_ok=True)
        sys.stdout.flush()
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                status = self._be(argv, fault, place, log, told)
            finally:
                os._exit(status)
        status = _end_of(pid, began + self.hang_s)
        seconds = time.monotonic() - began
        passed = json.loads(told.read_text()) if told.exists() else {}
        said = log.read_text(errors="replace")
        return Ended(status, seconds, passed, said, hung=seconds >= self.hang_s)

    def give_back(self) -> list[str]:
        """What somebody took away, he brings back; return what the lab has put in its place."""
        wrong = []
        for path in self.results.glob(".gone-*"):
            place = path.with_name(path.name.removeprefix(".gone-"))
            if place.exists():
                found = sorted(str(each.relative_to(place)) for each in place.rglob("*"))
                wrong.append(f"made anew: {', '.join(found)}")
                shutil.rmtree(place)
            path.rename(place)
        return wrong

    @property
    def run(self) -> Run | None:
        """The run, if there is one."""
        try:
            return Run.load((self.results / "last").resolve())
        except LabError:
            return None

    def acknowledged(self, kind: str) -> list[dict[str, Any]]:
        """What the store had said that it keeps, of a *kind*."""
        path = self.folder / f"acknowledged-{kind}"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def left(self) -> list[str]:
        """All that is left of labs and processes, wherever it may be."""
        places = [self.folder / "home" / "labs", self.folder / "home" / "ledgers"]
        places += [self.folder / name for name in ("run", "tmp", "leases")]
        found = [path.name for place in places if place.exists() for path in place.iterdir()]
        hidden = [path.name for path in (self.folder / "home").rglob(".*")]
        return sorted([*self.host.left, *(n for n in found if n != "numbers.lock"), *hidden])

    def remove(self) -> None:
        """End the world."""
        shutil.rmtree(self.folder)

    def _be(
        self, argv: Sequence[str], fault: Fault, place: Place | None, log: Path, told: Path
    ) -> int:
        """Be a process of the lab; it never returns to who forked it."""
        with log.open("w") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        logging.getLogger().handlers.clear()
        # A shell lets what it starts in the background ignore Ctrl-C; whoever is here shall not.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        director = Director(self.results, fault, place, self.faults())
        self.move_in(director.passes)
        director.install(self._acknowledge)
        try:
            words = [*argv, *(["--output", str(self.results)] if argv[0] == "matrix" else [])]
            return cli.main(words)
        except SystemExit as error:
            return int(error.code or 0)
        except BaseException as error:  # a traceback is a result here, too
            logging.getLogger("chaos").exception("escaped: %s", type(error).__name__)
            return 99
        finally:
            told.write_text(json.dumps(director.passed))
            sys.stdout.flush()
            sys.stderr.flush()

    def _acknowledge(self, kind: str, record: Any) -> None:  # noqa: ANN401
        note = {"boot": record.boot, "scenario": record.scenario}
        if kind == "add_sample":
            note["metric"] = record.metric.name
        with (self.folder / f"acknowledged-{kind}").open("a") as stream:
            stream.write(json.dumps(note) + "\n")

    def faults(self) -> Mapping[Fault, Callable[[], object]]:
        """How those happen that are the machine's, and not the process's own."""
        host = self.host

        def reset() -> None:
            host.end_all()
            die()

        return {
            Fault.REBOOT: reset,
            Fault.SSH_CUT: lambda: setattr(host, "is_cut", True),
            Fault.LIBVIRT_HANGS: lambda: setattr(host, "hangs", True),
            Fault.NODE_KILLED: host.end_all,
            Fault.IPERF3_KILLED: lambda: host.ails.add("iperf3"),
            Fault.FIO_KILLED: lambda: host.ails.add("fio"),
        }

    def move_in(self, passes: Callable[[str], None]) -> None:
        """Let the lab take this world for its machine, which tells what *passes* there."""
        folder = self.folder
        self.host.passes = passes
        os.environ.update(
            LAB_HOME=str(folder / "home"),
            LAB_LEASES=str(folder / "leases"),
            XDG_RUNTIME_DIR=str(folder / "run"),
        )
        owner._me.cache_clear()
        tempfile.tempdir = str(folder / "tmp")
        for module in (command, disks, credentials):
            _put(module, run=self.host.run)
        _put(libvirt, open=self.host.open)
        _put(connection, CALL_TIMEOUT_S=CALL_S)
        _put(domain, START_TIMEOUT_S=CALL_S)
        call: Any = connection.Connection.call
        call.__kwdefaults__["timeout_s"] = CALL_S
        for module in (connection, launch, provision):
            _put(module, default_uri=lambda: URI)
        _put(provision, SSH_DEADLINE_S=dict.fromkeys(Accelerator, SSH_S))
        quick = SimpleNamespace(
            monotonic=time.monotonic, sleep=lambda seconds: time.sleep(min(seconds, 0.005))
        )
        _put(wait, time=quick)
        _put(inventory, TEMPORARY=folder / "tmp", PLACES_OF_USERS=folder / "users")
        _put(inventory, STILLBORN_S=-1.0, _processes=list)
        nothing = folder / "nothing"
        _put(audit, SYS=nothing, PROC=nothing, NAMESPACES=nothing, FIREWALLS=(), DEVICES=())
        _put(audit, SETTLE_S=0.1)
        provider = Simulated(self.host)
        for name in ("run_matrix", "resume_matrix"):
            setattr(campaign, name, partial(getattr(campaign, name), provider=provider))
        _put(campaign, _arguments=self._arguments)

    def _arguments(self) -> list[str]:
        return [
            str(self.folder / "scenarios"),
            f"--rootdir={self.folder}",
            f"--config-file={self.folder / 'pytest.ini'}",
            *("-p", "lab.pytest_plugin", "-p", "no:cacheprovider", "--capture=no"),
            *("-p", "no:unraisableexception", "-p", "no:faulthandler"),
            *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
        ]


def _put(module: ModuleType, **things: object) -> None:
    """Put *things* into a module of this process, which does not outlive the story."""
    for name, thing in things.items():
        setattr(module, name, thing)


def _end_of(pid: int, end: float) -> int:
    """Wait for a process to end, and end it if it hangs."""
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGKILL
        time.sleep(0.002)
