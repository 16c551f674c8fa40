"""What the sandboxes share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.runtime.setting import pss_script
from tests.fakes import Programs

if TYPE_CHECKING:
    import pytest


def test_memory_is_counted_over_processes_and_their_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = os.getpid()
    programs = Programs.first_on_path(tmp_path / "bin", monkeypatch)
    programs.add("pgrep", f"echo {ours}")  # as if this process were its own child

    done = subprocess.run(
        ["/bin/sh", "-eu"], input=pss_script(str(ours)), capture_output=True, text=True, check=True
    )

    rollup = Path(f"/proc/{ours}/smaps_rollup").read_text(encoding="ascii")
    pss_kib = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert programs.calls("pgrep") == [f"-P {ours}"]
    assert 1.5 * pss_kib < int(done.stdout) < 2.5 * pss_kib
