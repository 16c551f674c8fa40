"""What the evidence of Kata's sandboxes asks a node, as shells run it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lab import command
from lab.runtime import kata_evidence

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("times", "left"), [(0, ""), (2, ""), (10**6, "4711 shim -id pod")])
def test_a_shim_may_take_a_moment_to_end_itself(
    times: int, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kata-rs ends half a second after containerd has its answer: no cell's failure."""
    looked = tmp_path / "looked"
    for name, text in {
        "pgrep": f'echo >>{looked}; [ $(wc -l <{looked}) -le {times} ] && echo "4711 shim -id pod"',
        "sleep": ":",
    }.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    for script in (kata_evidence.leftovers(), kata_evidence.leftovers_of("pod")):
        looked.unlink(missing_ok=True)
        assert command.run(["sh", "-c", script], timeout_s=20).stdout == left
