from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import host, system
from lab.doctor import hardware
from lab.system import Need, Purpose

if TYPE_CHECKING:
    from pathlib import Path

PRESENT = Need("coreutils", ("ls",), "lists files", Purpose.BENCH)
ABSENT = Need("absent-package", ("no-such-program-anywhere",), "tests it", Purpose.BENCH)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that lacks nothing but hardware virtualisation, in a folder of its own."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(system, "bench_needs", lambda **_: (PRESENT,))
    monkeypatch.setattr(system, "browser_needs", lambda: (PRESENT,))
    monkeypatch.setattr(host, "available_memory_mib", lambda: 1 << 20)
    monkeypatch.setattr(host, "IMAGES_MIB", 0)
    monkeypatch.setattr(host, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(hardware, "MODULES", tmp_path / "module")
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("model name\t: one\nflags\t\t: fpu\n")
    return tmp_path
