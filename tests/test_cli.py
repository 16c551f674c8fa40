"""The console command: verbs, exit statuses, and who is told what."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from lab import __version__, campaign, cli, command, conformance, hints, labs, source, status
from lab.cli import main
from lab.command import Completed
from lab.errors import CommandError, HostError, ProvisionError
from lab.files import state_dir
from lab.image import build as image_build
from lab.image import lock as image_lock
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.labs import LabRecord, NodeRecord, labs_dir
from lab.ledger import Entry, Kind, Ledger
from lab.outcome import Outcome
from lab.owner import Owner, me
from lab.virt.xml import Accelerator
from tests.fake_run import CHECKS, FakeRun, Trouble
from tests.fakes import DEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.options import Wishes

CELL = "tcfilter+9p+reference"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, far from the user's own labs; signals are put back afterwards."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(args: tuple[str, ...], **_: object) -> NoReturn:
        raise AssertionError(f"{args} was started")

    monkeypatch.setattr(command, "_started", refuse)


def lab(name: str, *nodes: str, owner: Owner) -> LabRecord:
    """Put a lab on record that has a folder to its name, and nothing else."""
    record = LabRecord(
        id=name, topology="embedded", accelerator=Accelerator.TCG, uri="test:///default",
        nodes=tuple(
            NodeRecord(
                name=node, domain=f"{name}-{node}", console=f"/results/{node}.log",
                sockets=f"/run/{name}",
            )
            for node in nodes or ("node-1",)
        ),
        owner=owner, created="2026-11-23T18:05:12+00:00",
    )  # fmt: skip
    folder = labs_dir() / name
    folder.mkdir(parents=True)
    (folder / "lab.json").write_bytes(msgspec.json.encode(record))
    return record


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("verb", ["matrix", "nightly"])
@pytest.mark.parametrize(
    ("wrong", "problem", "remedy"),
    [
        ("--cells tcfiltr+9p+reference", "unknown network 'tcfiltr'", "mean 'tcfilter'?"),
        ("--cells none+virtofs+reference", "unknown storage 'virtofs'", "mean 'virtiofs'?"),
        ("--topology embeded", "there is no topology 'embeded'", "did you mean 'embedded'?"),
        ("--profile smok", "--profile: unknown value 'smok'", "did you mean 'smoke'?"),
        ("--accel kwm", "--accel: unknown value 'kwm'", "did you mean 'kvm'?"),
        ("--keep alway", "--keep: unknown value 'alway'", "did you mean 'always'?"),
        ("--rounds 0", "--rounds: '0' is not a number of at least 1", "--rounds 1"),
        ("--seed x", "--seed: 'x' is not a number", "write --seed 0"),
    ],
)
def test_what_does_not_exist_is_named_and_nothing_starts(
    capsys: pytest.CaptureFixture[str], verb: str, wrong: str, problem: str, remedy: str
) -> None:
    assert main([verb, *wrong.split()]) == 2

    said = capsys.readouterr()
    assert said.err.startswith("lab: ")
    assert problem in said.err
    assert remedy in said.err
    assert "Traceback" not in said.err
    assert list(Path.cwd().iterdir()) == []
    assert not state_dir().exists()


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("line", "problem", "remedy"),
    [
        ("mtrix", "there is no verb 'mtrix'", "did you mean 'matrix'? `lab --help` lists all"),
        ("qqqqqq", "there is no verb 'qqqqqq'", "`lab --help` lists all"),
        ("--verbose", "`lab` lacks a verb", "`lab --help` lists all"),
        ("image", "`lab image` lacks a verb", "`lab image --help` lists all"),
        ("image biuld", "there is no verb 'biuld' of `lab image`", "did you mean 'build'?"),
        ("matrix --cell-s x", "there is no option '--cell-s' of `lab matrix`", "mean '--cells'?"),
        ("--verbos-e status", "there is no option '--verbos-e'", "mean '--verbose'?"),
        ("matrix --pause-on fial", "--pause-on: unknown value 'fial'", "did you mean 'fail'?"),
        ("completion fihs", "shell: unknown value 'fihs'", "did you mean 'fish'? known: bash"),
        ("status now", "'now' is one word too many of `lab status`", "`lab status --help`"),
        ("compare", "`lab compare` lacks BEFORE, AFTER", "`lab compare --help` lists all"),
        ("shell", "`lab shell` lacks NODE|SANDBOX", "`lab shell --help`"),
        ("matrix --cells", "--cells: a value is missing", "`lab matrix --help`"),
        ("logs -n x", "-n/--lines: 'x' is no whole number", "`lab logs --help`"),
        ("plan --json=x", "--json takes no value, and was given 'x'", "`lab plan --help`"),
        ("matrix --o x", "--o may stand for --order, --output", "`lab matrix --help`"),
    ],
)
def test_a_command_line_that_is_none_is_refused_with_a_remedy(
    capsys: pytest.CaptureFixture[str], line: str, problem: str, remedy: str
) -> None:
    assert main(line.split()) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lab: {problem}")
    assert len(err.splitlines()) == 2
    assert "  remedy: " in err
    assert remedy in err


def test_a_bare_lab_prints_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab"])

    assert main() == 2
    assert capsys.readouterr().out.startswith("usage: lab ")


def test_options_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Wishes] = []

    def run_matrix(wishes: Wishes, console: object, *, pauses: bool) -> int:
        assert console
        assert not pauses
        seen.append(wishes)
        return 1

    monkeypatch.setattr(campaign, "run_matrix", run_matrix)

    assert main(["matrix", "--cells", "none+*+*", "--rounds", "3", "--output", "/there"]) == 1
    (wishes,) = seen
    assert (wishes.cells, wishes.rounds, str(wishes.output)) == ("none+*+*", 3, "/there")
    assert (wishes.topology, wishes.keep, wishes.accel) == ("embedded", "never", "auto")


def test_conformance_takes_the_same_options_and_a_focus(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str | None, str | None]] = []

    def run_conformance(wishes: Wishes, console: object, *, focus: str | None) -> int:
        assert console
        seen.append((wishes.cells, focus))
        return 1

    monkeypatch.setattr(conformance, "run_conformance", run_conformance)

    assert main(["conformance", "--cells", "*+*+kata-go", "--focus", "Networking"]) == 1
    assert main(["conformance"]) == 1
    assert seen == [("*+*+kata-go", "Networking"), (None, None)]


def test_a_lab_that_is_left_up_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = lab("lab-embedded-1", "control-1", "worker-1", owner=DEAD)

    def bring_up_alone(wishes: Wishes, *, say: Callable[[str], None]) -> LabRecord:
        say(f"starting {wishes.topology}")
        return record

    monkeypatch.setattr(campaign, "bring_up_alone", bring_up_alone)

    assert main(["up"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "starting embedded",
        "lab-embedded-1 is up: `lab shell control-1`, `lab shell worker-1`, `lab down` ends it",
    ]


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("status", "no lab is up\n"),
        ("down", "nothing to do: no lab is up that is in nobody's use\n"),
    ],
)
def test_where_no_lab_ever_was_none_is_up(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, said: str
) -> None:
    assert main([verb]) == 0

    assert capsys.readouterr().out == said
    assert not (place / "home").exists()


def test_status_tells_labs_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (name, owner) in enumerate([("lab-a", me()), ("lab-b", DEAD), ("lab-c", DEAD)]):
        lab(name, *(("control-1", "worker-1") if name == "lab-b" else ()), owner=owner)
        os.utime(labs_dir() / name, (number, number))
    (labs_dir() / "lab-d").mkdir()
    up = {"lab-a": ("node-1",), "lab-b": ("worker-1",), "lab-c": ()}
    monkeypatch.setattr(status, "running", lambda record: up[record.id])
    monkeypatch.setattr(status, "size_bytes", lambda _folder: 2048)

    assert main(["status"]) == 0

    since = "under tcg, since 2026-11-23 18:05:12 UTC, 2.00 KiB"
    died = "  its run has died: `lab gc` removes what it left"
    assert capsys.readouterr().out.splitlines() == [
        f"lab-a  alive, {since}",
        "  node-1  up, its console is /results/node-1.log",
        f"lab-b  dead, {since}",
        died,
        "  control-1  down, its console is /results/control-1.log",
        "  worker-1  up, its console is /results/worker-1.log",
        f"lab-c  dead, {since}",
        died,
        "  node-1  down, its console is /results/node-1.log",
        "lab-d  is of another version of the lab: `lab down lab-d` removes it",
    ]


def test_down_leaves_alone_what_somebody_uses(capsys: pytest.CaptureFixture[str]) -> None:
    lab("lab-used", owner=me())
    lab("lab-kept", owner=DEAD)
    (labs_dir() / "lab-torn").mkdir()

    assert main(["down"]) == 0

    assert [path.name for path in labs_dir().iterdir()] == ["lab-used"]
    assert "lab-kept is down" in capsys.readouterr().out


def test_a_lab_that_is_named_goes_down_whoever_uses_it() -> None:
    lab("lab-used", owner=me())
    lab("lab-other", owner=me())

    assert main(["down", "lab-used"]) == 0

    assert [path.name for path in labs_dir().iterdir()] == ["lab-other"]


@pytest.mark.parametrize("name", ["lab-none", "..", ".", "", "../images", "lab-a/lab.json"])
def test_only_a_lab_can_be_taken_down(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    lab("lab-a", owner=me())
    (place / "home" / "images").mkdir()

    assert main(["down", name]) == 2

    assert f"there is no lab {name!r}" in capsys.readouterr().err
    assert (place / "home" / "images").exists()
    assert (labs_dir() / "lab-a" / "lab.json").exists()


def test_a_lab_that_is_stuck_is_said_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    lab("lab-a", owner=DEAD)
    (labs_dir() / "file").touch()
    ledger = Ledger(labs_dir() / "lab-a" / "ledger.jsonl")
    ledger.record(Entry(kind=Kind.FOLDER, name=str(ledger.path / "none")))

    assert main(["down", "lab-a"]) == 1

    assert "lab-a could not be taken down whole" in capsys.readouterr().err
    assert ledger.path.exists()


def test_a_shell_is_on_the_newest_node_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(["lab-new", "lab-old"]):
        lab(name, owner=DEAD)
        os.utime(labs_dir() / name, (10 - number, 10 - number))
    lab("lab-other", "node-2", owner=DEAD)
    asked: list[list[str]] = []

    def execvp(_program: str, argv: list[str]) -> NoReturn:
        asked.append(argv)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execvp", execvp)

    with pytest.raises(SystemExit):
        main(["shell", "node-1"])

    assert asked == [["ssh", "-F", "/run/lab-new/ssh_config", "node-1"]]


def test_a_shell_on_no_node_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    lab("lab-a", owner=DEAD)

    assert main(["shell", "node-9"]) == 2
    assert "no node and no sandbox 'node-9' is up" in capsys.readouterr().err


def test_images_are_built_from_the_lock(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images = Images(
        node=NodeImage("d1", place, place, place, "6.12"),
        guest=GuestImage("d2", place, place),
        workload=WorkloadImage("d3", place, "lab.local/workload", "sha256:1"),
    )
    monkeypatch.setattr(image_lock, "load", lambda: "the lock")
    monkeypatch.setattr(image_build, "build", lambda lock, **_: {"the lock": images}[lock])

    assert main(["image", "build"]) == 0
    assert capsys.readouterr().out.split() == ["node", "d1", "guest", "d2", "workload", "d3"]


def test_the_lock_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[bool] = []
    monkeypatch.setattr(image_lock, "relock", lambda: moved.append(True))

    assert main(["image", "lock"]) == 0
    assert moved == [True]


def test_a_report_is_written_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = FakeRun().write(place / "work" / "results")
    assert not (path / "report.html").exists()

    assert main(["report"]) == 0

    assert (path / "report.html").exists()
    assert capsys.readouterr().out == f"{path}/report.html\n"


@pytest.mark.parametrize("verb", ["report", "verify"])
def test_a_run_that_is_not_there_is_a_wrong_command_line(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([verb]) == 2
    assert "there are no runs" in capsys.readouterr().err

    FakeRun().write(place / "work" / "results")

    assert main([verb, "2026-11-24"]) == 2
    assert "there is no run '2026-11-24'" in capsys.readouterr().err


def test_a_good_run_is_verified(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FakeRun().write(place / "work" / "results")

    assert main(["verify"]) == 0
    assert capsys.readouterr().out == "no cell lacks anything\n"


def test_a_bad_run_is_not_verified(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer", scenario=CHECKS[0])}
    FakeRun(trouble=trouble).write(place / "work" / "results")

    assert main(["verify", "last"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{CELL}: 2 of 3 scenarios of network/test_connectivity.py passed",
        f"{CELL}: {CHECKS[0]} is",
        "  FAIL: no answer",
        "1 cell lacks something",
    ]


def test_what_a_run_lacks_is_said_in_80_columns(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer " * 20, scenario=CHECKS[0])}
    FakeRun(trouble=trouble).write(place / "work" / "results")

    assert main(["verify", "last"]) == 1
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_verify_names_the_cells_that_are_to_be_run_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = {CELL: Trouble(Outcome.FAIL, "no answer", scenario=CHECKS[0])}
    FakeRun(trouble=trouble).write(place / "work" / "results")

    assert main(["verify", "--cells", "last"]) == 0
    assert capsys.readouterr().out == f"{CELL}\n"


def status_raises(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    def records() -> NoReturn:
        raise error

    monkeypatch.setattr(labs, "records", records)
    return main(["status"])


def test_an_expected_failure_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ProvisionError("node-1 does not come up", remedy="read its console")
    error.add_note("its console ends:\n  the end")

    assert status_raises(monkeypatch, error) == 1
    assert capsys.readouterr().err == (
        "lab: node-1 does not come up\n  remedy: read its console\nits console ends:\n  the end\n"
    )


def test_a_remedy_fits_in_80_columns_and_its_commands_can_be_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line = "lab matrix --cells tcfilter+9p+reference --keep failed"
    error = ProvisionError("it is down", remedy=f"{'see why, ' * 7}or `{command_line}`, if you can")

    status_raises(monkeypatch, error)

    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("  remedy: see why, ")
    assert f"`{command_line}`" in lines[2]
    assert max(map(len, lines)) <= 80


def test_a_command_line_that_failed_stays_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ("echo", *("word",) * 40)
    completed = Completed(argv=argv, returncode=1, stdout="", stderr="", elapsed_s=0.1)

    status_raises(monkeypatch, CommandError("echo failed", completed=completed))

    assert " ".join(argv) in capsys.readouterr().err


def test_what_is_known_of_a_failure_stands_beside_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = hints.named("kvm-rights")
    error = ProvisionError("node-1 does not come up", remedy="read its console")
    error.add_note("its last words:\n  Could not access KVM kernel module: Permission denied")

    assert status_raises(monkeypatch, error) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[4:] == hint.lines(indent="  ", width=80)
    assert lines[4].startswith("  hint: /dev/kvm is there")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "see that it can be written to"),
        (errno.EIO, "see that it can be written to"),
        (errno.EACCES, "see that it can be written to"),
    ],
)
def test_a_disk_that_cannot_be_written_to_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, remedy: str
) -> None:
    error = OSError(number, os.strerror(number), "/labs/ledger.jsonl")

    assert status_raises(monkeypatch, error) == 1

    said = capsys.readouterr().err
    assert os.strerror(number) in said
    assert "/labs/ledger.jsonl" in said
    assert f"remedy: {remedy}" in said


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), ValueError("a bug")])
def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    with pytest.raises(type(error)):
        status_raises(monkeypatch, error)


def test_an_interrupt_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_raises(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_being_told_to_end_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that everything is taken down."""
    undone: list[bool] = []

    def records() -> Iterator[NoReturn]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            yield from ()
        except KeyboardInterrupt:
            undone.append(True)
            raise

    monkeypatch.setattr(labs, "records", records)

    assert main(["status"]) == 130
    assert undone == [True]


def test_the_program_stands_for_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", "status"])

    assert main() == 0


def test_a_host_that_lacks_something_is_no_wrong_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert status_raises(monkeypatch, HostError("no room", remedy="make some")) == 1


@pytest.mark.usefixtures("nothing_starts")
def test_plan_tells_what_a_run_would_be_and_starts_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["plan", "--accel", "tcg", "--seed", "7", "--cells", CELL, "--precision", "2%"])

    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert out.startswith("smoke: 1 round of 1 cell, seed 7\nnode under tcg, as was asked\n")
    assert not Path("results").exists()


@pytest.mark.usefixtures("nothing_starts")
def test_plan_tells_programs_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--accel", "kvm", "--seed", "7", "--cells", CELL, "--json"]) == 0

    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["plan"]["rounds"] == 5
    assert [each["cell"] for each in told["plan"]["added"]] == [
        "veth+overlayfs+runc",
        f"{CELL}+twin",
    ]
    assert len(told["plan"]["order"]) == 15
    assert [each["source"] for each in told["costs"]] == ["assumed"] * 3


@pytest.mark.parametrize("text", ["2", "0%", "100%", "-3%", "x%", ""])
def test_a_precision_is_a_share(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", f"--precision={text}"]) == 2

    assert f"--precision: {text!r} is no share" in capsys.readouterr().err


def test_whoever_has_read_enough_may_close_the_pipe(place: Path) -> None:
    """`lab status | head -1`"""
    for number in range(50):
        (labs_dir() / f"lab-old-{number}").mkdir(parents=True)
    root = Path(__file__).parents[1]
    script = f"{sys.executable} -u -m lab.cli status | head -n 1"

    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=root, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert "lab-old-" in done.stdout
    assert place.exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_that_does_not_know_all_characters_gets_what_it_knows(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))

    def records() -> Iterator[NoReturn]:
        sys.stdout.write("\u00b13 % \u2192 \udcff\n")
        yield from ()

    monkeypatch.setattr(labs, "records", records)

    assert main(["status"]) == 0

    sys.stdout.flush()
    said = written.getvalue()
    assert said.startswith("\u00b13".encode(encoding, "replace"))
    assert b"no lab is up" in said


def test_what_guests_say_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    error = HostError("the guest said \x1b[2Jboo", remedy="ignore it")
    error.add_note("its console ends:\n  \x1b]0;title\x07panic")

    cli._complain(error)

    assert capsys.readouterr().err == (
        "lab: the guest said boo\n  remedy: ignore it\nits console ends:\n  panic\n"
    )


def test_the_version_is_said_with_the_digest_of_the_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"lab {__version__} (code {source.digest()})\n"


def test_the_folder_of_the_scenarios_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenarios"]) == 0

    folder = Path(capsys.readouterr().out.strip())
    assert (folder / "network" / "test_parity.py").is_file()


def test_what_a_scenario_can_ask_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenarios", "--fixtures"]) == 0

    lines = capsys.readouterr().out.splitlines()
    place = lines.index("  sandbox, for a boot")
    assert lines[place + 1].strip().startswith("The sandbox of this boot, started and proven")
    assert "in storage/:" in lines
    assert max(map(len, lines)) <= 80
