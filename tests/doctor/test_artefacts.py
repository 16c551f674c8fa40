from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster.artefacts.loaded import load_artefacts
from lab.doctor import artefacts
from lab.doctor.finding import Finding, State
from lab.errors import ArtefactError
from lab.places import TOPOLOGIES
from tests.cluster import built

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

    import pytest

    from lab.cluster.artefacts.loaded import Artefacts


CLUSTERS = sorted(path.stem for path in TOPOLOGIES.glob("k8s-*.toml"))
CLUSTER = f"--topology {', '.join(CLUSTERS)}"


def found(monkeypatch: pytest.MonkeyPatch, loaded: Artefacts) -> dict[str, Finding]:
    monkeypatch.setattr(artefacts, "load_artefacts", lambda: loaded)
    return {finding.unlocks: finding for finding in artefacts.findings()}


def test_without_a_lock_there_is_no_kata_and_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> NoReturn:
        raise ArtefactError("there is no lock", remedy="run `lab artefacts lock`")

    monkeypatch.setattr(artefacts, "load_artefacts", none)

    told = list(artefacts.findings())

    assert [each.unlocks for each in told] == ["*+*+kata-go, *+*+kata-rs", CLUSTER]
    assert {each.state for each in told} == {State.LESS}
    assert {each.mend for each in told} == {"run `lab artefacts lock`"}


def test_the_mend_of_a_missing_lock_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(artefacts, "load_artefacts", lambda: load_artefacts(tmp_path / "none.toml"))

    assert {each.mend.rpartition(", ")[2] for each in artefacts.findings()} == {
        "or `lab artefacts import FILE`"
    }


def cluster(tmp_path: Path, *, without: str = "") -> Artefacts:
    lock_file = built.fill_cluster(tmp_path / "built", releases=built.RELEASES, without=without)
    return load_artefacts(lock_file, tmp_path / "built")


def test_what_is_there_unlocks_its_cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = found(monkeypatch, cluster(tmp_path))

    assert told["*+*+kata-go"].fact == "all of kata-go 3.28.0 is in the cache"
    assert told[CLUSTER].fact == "all of a cluster without Calico is in the cache"
    assert {finding.state for finding in told.values()} == {State.GOOD}


def test_a_cluster_that_the_lock_has_no_word_of_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = found(monkeypatch, cluster(tmp_path, without="bin/kubelet"))

    assert told[CLUSTER].state is State.LESS
    assert told[CLUSTER].fact.endswith("names no kubelet")


def test_a_cluster_lacks_what_was_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded = cluster(tmp_path)
    (tmp_path / "built" / "images" / "etcd.tar").unlink()

    assert (
        "of a cluster without Calico are not in the cache"
        in found(monkeypatch, loaded)[CLUSTER].fact
    )


def test_a_file_that_is_gone_locks_its_cells_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = built.artefacts(tmp_path / "built")
    (release,) = (tmp_path / "built").rglob("kata-rs-*")
    release.unlink()

    told = found(monkeypatch, loaded)

    assert told["*+*+kata-go"].state is State.GOOD
    assert told["*+*+kata-rs"].state is State.LESS
    assert told["*+*+kata-rs"].fact.startswith("1 of 2 files of kata-rs 4.1.0 are not in the cache")
    assert told["*+*+kata-rs"].mend == loaded.remedy


def test_what_the_lock_has_no_word_of_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = built.artefacts(tmp_path / "built", releases=("kata-go-3.28.0",))

    assert found(monkeypatch, loaded)["*+*+kata-rs"].fact == "the lock names no kata-rs 4.1.0"


def test_kata_takes_more_than_its_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded = built.artefacts(tmp_path / "built")
    (tmp_path / "built" / "bin" / "crictl").unlink()

    states = {finding.state for finding in found(monkeypatch, loaded).values()}

    assert states == {State.LESS}
