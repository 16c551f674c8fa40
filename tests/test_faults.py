"""What is done to a sandbox on purpose: the scripts on this machine, and what they come to."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lab import faults
from lab.matrix import Runtime
from lab.node import gather_script, parse_gathered
from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE = "".join(f"{number}\n" for number in range(1, 13))


@pytest.fixture
def daemon() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process
        process.kill()


def shell(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def asked(script: str) -> str:
    return subprocess.run(
        ["/bin/sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30
    ).stdout


def test_the_daemon_is_killed_once_enough_records_are_there(
    tmp_path: Path, daemon: subprocess.Popen[bytes]
) -> None:
    writer = shell(faults.WRITE_RECORDS.replace(faults.RECORDS, f"{tmp_path}{faults.RECORDS}"))
    try:
        killer = shell(faults.kill_script(str(daemon.pid), str(tmp_path)))
        assert daemon.wait(timeout=30) == -signal.SIGKILL
        killer.communicate(timeout=30)
    finally:
        os.killpg(writer.pid, signal.SIGKILL)
        writer.communicate()
    questions = faults.aftermath(str(daemon.pid), str(tmp_path))
    found = parse_gathered(asked(gather_script(questions)))

    assert found[faults.ALIVE] == ""
    assert faults.judge(Runtime.KATA_GO, kept=found[faults.KEPT], failure="gone") == (
        Outcome.PASS,
        "",
    )


def test_a_writer_that_cannot_write_ends_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = f"{tmp_path}/file/records"

    writer = shell(faults.WRITE_RECORDS.replace(faults.RECORDS, nowhere))
    writer.communicate(timeout=30)

    assert writer.returncode == 1


def test_a_daemon_that_lives_on_is_seen(tmp_path: Path, daemon: subprocess.Popen[bytes]) -> None:
    found = parse_gathered(asked(gather_script(faults.aftermath(str(daemon.pid), str(tmp_path)))))

    assert found[faults.ALIVE] == f"{daemon.pid}\n"


def test_the_file_is_cut_off_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "MAPPED_READ_S", 0)
    mapped = tmp_path / faults.MAPPED.removeprefix("/")
    mapped.parent.mkdir()
    cutter = shell(faults.truncate_script(str(tmp_path)))
    time.sleep(0.2)
    waits = cutter.poll() is None
    mapped.write_bytes(bytes(faults.MAPPED_MIB << 20))
    cutter.communicate(timeout=30)

    assert waits
    assert mapped.stat().st_size == 0


@pytest.mark.parametrize("script", [faults.READ_MAPPED, faults.WRITE_RECORDS])
def test_every_script_is_one(script: str) -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=False)

    assert done.returncode == 0


@pytest.mark.parametrize(
    ("runtime", "failure", "outcome", "reason"),
    [
        (Runtime.KATA_GO, "ttrpc: closed", Outcome.PASS, ""),
        (Runtime.KATA_GO, None, Outcome.FAIL, "it hangs: 60 s, and neither an error nor the end"),
        (Runtime.REFERENCE, None, Outcome.UNSUPPORTED, "(known: QEMU's vhost-user-fs does not"),
        (Runtime.REFERENCE, "status 1: ", Outcome.FAIL, "expected it to hang (QEMU's"),
        (Runtime.KATA_RS, None, Outcome.UNSUPPORTED, "(known: runtime-rs only logs"),
    ],
)
def test_a_hang_is_known_of_a_runtime_or_a_failure(
    runtime: Runtime, failure: str | None, outcome: Outcome, reason: str
) -> None:
    found, why = faults.judge(runtime, kept=WHOLE, failure=failure)

    assert found is outcome
    assert reason in why


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ("", "record 1 is lost: 'nothing' stands there"),
        ("cat: /upper/lab/records: No such file or directory\n", "record 1 is lost: 'cat: "),
        ("".join(f"{n}\n" for n in range(1, 10)), "record 10 is lost: 'nothing'"),
        (WHOLE.replace("\n5\n", "\n"), "record 5 is lost: '6' stands there"),
        (WHOLE.replace("\n5\n", "\n\0\n"), "record 5 is lost"),
    ],
)
def test_what_was_synced_and_is_not_there_is_a_failure_whatever_is_known(
    kept: str, reason: str
) -> None:
    for runtime, failure in ((Runtime.KATA_GO, "gone"), (Runtime.REFERENCE, None)):
        found, why = faults.judge(runtime, kept=kept, failure=failure)
        assert found is Outcome.FAIL
        assert reason in why


@pytest.mark.parametrize("last", ["13", "1"])
def test_a_last_record_that_nobody_was_told_of_may_be_cut_off(last: str) -> None:
    assert faults.judge(Runtime.KATA_GO, kept=WHOLE + last, failure="gone")[0] is Outcome.PASS
