"""What the sandboxes share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab.runtime.setting import pss_script
from tests.fakes import Programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs.first_on_path(tmp_path / "bin", monkeypatch)


def pss_kib(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def counted_kib(pids: str) -> int:
    done = subprocess.run(
        ["/bin/sh", "-eu"], input=pss_script(pids), capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_memory_is_counted_over_processes_and_their_children(programs: Programs) -> None:
    ours = os.getpid()
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        programs.add("pgrep", f'[ "$2" = {ours} ] && echo {child.pid}')

        both, alone = counted_kib(str(ours)), counted_kib(str(child.pid))
        child.kill()

    assert programs.calls("pgrep") == [f"-P {ours}", f"-P {child.pid}"]
    assert 0 < alone < pss_kib(ours) < both


def test_a_child_that_is_also_named_itself_counts_once(programs: Programs) -> None:
    ours = os.getpid()
    programs.add("pgrep", f"echo {ours}")  # as if this process were its own child

    assert counted_kib(f"{ours} {ours}") < 1.5 * pss_kib(ours)


def test_no_process_at_all_is_an_error_and_not_zero() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        counted_kib("$(echo)")
