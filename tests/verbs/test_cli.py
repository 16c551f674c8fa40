"""The console command: exit statuses, streams, and who is told what of a failure."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from lab import __version__, cli, hints, labs, source
from lab.cli import main
from lab.command import Completed
from lab.errors import CommandError, HostError, ProvisionError
from lab.labs import labs_dir

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.usefixtures("place")


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


def test_whoever_has_read_enough_may_close_the_pipe(place: Path) -> None:
    """`lab status | head -1`"""
    for number in range(50):
        (labs_dir() / f"lab-old-{number}").mkdir(parents=True)
    root = Path(__file__).parents[2]
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
