from __future__ import annotations

from typing import TYPE_CHECKING

from lab import host
from lab.doctor import room
from lab.doctor.finding import Finding, State
from lab.loader import load_topology

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def of(subject: str) -> list[Finding]:
    return [finding for finding in room.findings() if finding.subject == subject]


def test_room_for_all_is_one_line_each() -> None:
    (memory,) = of("memory")
    assert (memory.state, memory.fact) == (State.GOOD, "1048576 MiB are available")
    assert "embedded" in memory.unlocks


def test_what_the_default_topology_lacks_is_a_lack_and_what_others_do_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "available_memory_mib", lambda: 4608)

    found = {finding.unlocks.rpartition(" ")[2]: finding for finding in of("memory")}

    assert found["embedded"].state is State.GOOD
    assert found["k8s-calico-kata"].state is State.LESS
    assert "topology k8s-calico-kata needs" in found["k8s-calico-kata"].fact
    assert "smaller topology" in found["k8s-calico-kata"].mend

    monkeypatch.setattr(host, "available_memory_mib", lambda: 4607)
    assert {finding.state for finding in of("memory")} == {State.LACK, State.LESS}


def test_a_topology_of_another_machine_says_nothing_of_this_one() -> None:
    remote = load_topology("remote")
    assert remote.uri

    assert not any(remote.name in finding.unlocks for finding in room.findings())


def test_a_full_disk_is_mended_by_what_dead_runs_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "IMAGES_MIB", 1 << 40)

    found = of("disk")

    assert {finding.state for finding in found} == {State.LACK, State.LESS}
    assert all(finding.mend.startswith("lab gc; ") for finding in found)
    assert len({finding.fix for finding in found}) == 1
    assert found[0].fix is not None
    assert found[0].fix.meaning == "lab gc"


def test_a_topology_that_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("name = 1")
    monkeypatch.setattr(room, "TOPOLOGIES", tmp_path)

    first, *others = room.findings()

    assert (first.subject, first.state) == ("topology", State.LESS)
    assert first.mend
    assert others == []
