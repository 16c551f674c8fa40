from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster import kit as kits
from lab.cluster.artefacts import lock
from lab.errors import ArtefactError, UsageError
from lab.matrix import CONTROLS, KATA, Runtime, cells_of, select
from tests.cluster import built

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.cluster.kit import Kit
    from lab.matrix import Cell


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where artefacts may be; the lab itself has none."""
    monkeypatch.setattr(lock, "LOCK_FILE", tmp_path / "no.lock.toml")
    return tmp_path / "built"


def choose(
    expression: str | None, directory: Path | None = None, *, said: Sequence[str] = ()
) -> tuple[tuple[Cell, ...], Kit | None]:
    heard: list[str] = []
    lock_file = directory.with_suffix(".lock.toml") if directory else None
    chosen = kits.choose(expression, directory=directory, lock_file=lock_file, say=heard.append)
    assert heard == list(said)
    return chosen


def test_a_node_gets_every_release_and_every_cell_whatever_is_run(directory: Path) -> None:
    kit = built.kit(directory)

    assert [str(one) for one in kit.carried] == [
        "kata-go 3.28.0", "kata-rs 4.1.0", "crictl v1.36.0", built.PAUSE
    ]  # fmt: skip
    assert {handler.cell for handler in kit.handlers} == set(cells_of(KATA))
    assert kit.versions["kata-go"] == "3.28.0"


def test_what_was_built_locally_is_said(directory: Path) -> None:
    assert built.kit(directory).built_locally.startswith("kata-go 3.28.0, kata-rs 4.1.0, crictl")


def test_one_release_is_enough(directory: Path) -> None:
    kit = kits.Kit.of(built.artefacts(directory, releases=["kata-go-3.28.0"]))

    assert set(kit.releases) == {Runtime.KATA_GO}
    assert {handler.cell.runtime for handler in kit.handlers} == {Runtime.KATA_GO}


@pytest.mark.parametrize(
    ("has_crictl", "has_pause", "lack"),
    [
        (False, True, "names no crictl"),
        (True, False, "names no image of the pause container"),
    ],
)
def test_what_it_takes_to_start_a_pod_must_be_there(
    directory: Path, *, has_crictl: bool, has_pause: bool, lack: str
) -> None:
    with pytest.raises(ArtefactError, match=lack) as caught:
        kits.Kit.of(built.artefacts(directory, has_crictl=has_crictl, has_pause=has_pause))
    assert "lab artefacts lock --artefacts" in caught.value.remedy


def test_another_version_than_the_pinned_one_is_none(directory: Path) -> None:
    with pytest.raises(ArtefactError, match=r"names no kata-go 3\.28\.0"):
        kits.Kit.of(built.artefacts(directory, releases=["kata-go-9.9.9"]))


@pytest.mark.parametrize("expression", [None, "tcfilter+*+reference", "veth+*+runc"])
def test_who_asks_for_controls_only_needs_no_artefacts(
    directory: Path, expression: str | None
) -> None:
    assert choose(expression) == (select(expression), None)
    assert not directory.exists()


def test_a_runtime_that_is_named_needs_its_artefacts(directory: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no lock"):
        choose("tcfilter+virtiofs+kata-go")
    assert not directory.exists()


@pytest.mark.usefixtures("directory")
def test_a_wildcard_takes_the_runtimes_that_are_there() -> None:
    lack = f"without Kata's runtimes: there is no lock {lock.LOCK_FILE}"

    assert choose("*+9p+*", said=[lack]) == (select("*+9p+*"), None)


def test_with_artefacts_a_wildcard_is_katas_too(directory: Path) -> None:
    built.fill(directory)

    cells, kit = choose("none+9p+*", directory)

    assert [str(cell) for cell in cells] == [
        "none+9p+reference", "none+9p+kata-go", "none+9p+kata-rs"
    ]  # fmt: skip
    assert kit is not None


def test_the_one_that_is_there_does_not_stand_for_the_other(directory: Path) -> None:
    built.fill(directory, releases=["kata-go-3.28.0"])

    cells, _ = choose("none+9p+*", directory)
    assert {cell.runtime for cell in cells} == {Runtime.REFERENCE, Runtime.KATA_GO}
    with pytest.raises(ArtefactError, match=r"names no kata-rs 4\.1\.0"):
        choose("none+9p+kata-rs", directory)


def test_artefacts_that_were_named_are_not_done_without(directory: Path) -> None:
    built.fill(directory, has_crictl=False)

    with pytest.raises(ArtefactError, match="names no crictl"):
        choose("*+9p+*", directory)


def test_a_wrong_name_is_wrong_with_artefacts_too(directory: Path) -> None:
    built.fill(directory)

    with pytest.raises(UsageError, match="unknown runtime"):
        choose("none+9p+kata-og", directory)
    with pytest.raises(UsageError, match="no cell of the matrix"):
        choose("veth+9p+kata-go", directory)


def test_the_controls_are_there_as_ever(directory: Path) -> None:
    built.fill(directory)

    cells, _ = choose("*+*+*", directory)
    assert cells == cells_of((*CONTROLS, *KATA))
