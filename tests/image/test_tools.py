"""Locked tools: run by their own loader, and held to a size."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.errors import CommandError
from lab.image import tools
from lab.image.tools import LOADER, Tools

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit(1)")
def test_no_tool_writes_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_LIMITED", ("prlimit", "--fsize=4096"))
    loader = tmp_path / LOADER
    loader.parent.mkdir(parents=True)
    loader.write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    zstd = tmp_path / "zstd"
    zstd.write_text(f"#!/bin/sh\nexec head -c 1000000 /dev/zero >{tmp_path}/unpacked\n")
    for program in (loader, zstd):
        program.chmod(0o755)

    with pytest.raises(CommandError):
        Tools(tmp_path).run("zstd")
    assert (tmp_path / "unpacked").stat().st_size == 4096
