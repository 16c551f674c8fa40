from __future__ import annotations

import shutil
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lab.cluster import artefact_disk
from lab.cluster.artefact_disk import MOUNT, digest, path_of, place_of
from lab.cluster.kit import Kit
from lab.errors import ArtefactError
from lab.image import disk
from lab.image.lock import Lock, Package
from lab.image.packages import PackageSet
from tests.cluster import built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.image.tools import Tools

LOCK = Lock("trixie", 86_400, (Package("zstd", "1", "amd64", 9, "a" * 64, (PackageSet.TOOLS,)),))

ONE = ("kata-go-3.28.0",)


class Disks:
    """Stands for the tools: a disk is the tar that mke2fs would have read."""

    def __init__(self) -> None:
        self.sizes: list[str] = []

    def run(self, program: str, *args: Any) -> None:  # noqa: ANN401 - whatever a program takes
        assert program == "usr/bin/zstd"
        shutil.copy(args[3], args[5])

    def make(self, archive: Path, target: Path, *, size: str, tools: Tools, epoch: int) -> None:
        assert hasattr(tools, "run")
        assert epoch == LOCK.epoch
        self.sizes.append(size)
        shutil.copy(archive, target)


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    disks = Disks()

    @contextmanager
    def tools(lock: Lock) -> Iterator[Disks]:
        assert lock is LOCK
        yield disks

    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(artefact_disk, "locked_tools", tools)
    monkeypatch.setattr(disk, "make", disks.make)
    return disks


def build(kit: Kit, said: list[str] | None = None) -> Path:
    heard: list[str] = [] if said is None else said
    return artefact_disk.build(kit.artefacts, kit.carried, LOCK, say=heard.append)


def built_with(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    """The disk with a release that also holds *members*."""
    data = built.release(members)
    return build(Kit.of(built.artefacts(tmp_path / "built", releases=ONE, data=data)))


def content(made: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(made) as archive:
        return {member.name: member for member in archive}


def test_releases_are_unpacked_below_their_own_prefix_and_the_rest_is_beside_them(
    disks: Disks, tmp_path: Path
) -> None:
    found = content(build(built.kit(tmp_path / "built")))

    files = {name for name, member in found.items() if member.isreg()}
    assert files == {
        "kata-go-3.28.0/bin/containerd-shim-kata-v2",
        "kata-go-3.28.0/share/kata-containers/kata.img",
        "kata-rs-4.1.0/bin/containerd-shim-kata-v2",
        "kata-rs-4.1.0/share/kata-containers/kata.img",
        "bin/crictl",
        "images/registry.k8s.io_pause_3.10.2.tar",
    }
    folders = {name for name, member in found.items() if member.isdir()}
    assert folders == {"bin", "images", "kata-go-3.28.0", "kata-rs-4.1.0"}
    assert disks.sizes


def test_all_is_roots_and_not_newer_than_the_lock(disks: Disks, tmp_path: Path) -> None:
    found = content(build(built.kit(tmp_path / "built"))).values()

    assert {(member.uid, member.gid, member.uname) for member in found} == {(0, 0, "")}
    assert {member.mtime for member in found} == {LOCK.epoch}
    assert {member.mode for member in found} == {0o755}
    assert disks.sizes


def test_links_lead_to_where_the_release_lies(disks: Disks, tmp_path: Path) -> None:
    found = content(
        built_with(
            tmp_path,
            built.member("opt/kata/bin/relative", tarfile.SYMTYPE, link="containerd-shim-kata-v2"),
            built.member("opt/kata/bin/absolute", tarfile.SYMTYPE, link="/opt/kata/bin/qemu"),
            built.member("opt/kata/bin/hard", tarfile.LNKTYPE,
                         link="./opt/kata/bin/containerd-shim-kata-v2"),
        )
    )  # fmt: skip

    prefix = "kata-go-3.28.0/bin"
    assert found[f"{prefix}/relative"].linkname == "containerd-shim-kata-v2"
    assert found[f"{prefix}/absolute"].linkname == f"{MOUNT}/{prefix}/qemu"
    assert found[f"{prefix}/hard"].linkname == f"{prefix}/containerd-shim-kata-v2"
    assert disks.sizes


@pytest.mark.parametrize(
    "member",
    [
        built.member("etc/passwd"),
        built.member("opt/kata/../../etc/passwd"),
        built.member("opt/kata/sda", tarfile.BLKTYPE),
        built.member("opt/kata/hard", tarfile.LNKTYPE, link="etc/shadow"),
        built.member("opt", tarfile.SYMTYPE, link="/"),
    ],
    ids=lambda member: f"{member.name}-{member.type.decode()}",
)
def test_what_is_no_part_of_a_release_is_refused_and_no_disk_is_left(
    disks: Disks, tmp_path: Path, member: tarfile.TarInfo
) -> None:
    with pytest.raises(ArtefactError, match=r"kata-go 3\.28\.0 is no release of Kata: it holds"):
        built_with(tmp_path, member)

    assert disks.sizes == []
    assert [each.name for each in (tmp_path / "home/artefact-disks").iterdir()] == [".lock"]


def test_an_empty_release_is_none(disks: Disks, tmp_path: Path) -> None:
    empty = b"\0" * tarfile.RECORDSIZE
    kit = Kit.of(built.artefacts(tmp_path / "built", releases=ONE, data=empty))

    with pytest.raises(ArtefactError, match="it has nothing in opt/kata"):
        build(kit)
    assert disks.sizes == []


def test_a_disk_is_made_once_for_the_same_artefacts(disks: Disks, tmp_path: Path) -> None:
    said: list[str] = []
    kit = built.kit(tmp_path / "built")

    first, again = build(kit, said), build(built.kit(tmp_path / "moved"), said)

    assert first == again
    assert said == ["making the disk of 4 artefacts"]
    assert len(disks.sizes) == 1


def test_another_file_of_the_same_name_is_another_disk(disks: Disks, tmp_path: Path) -> None:
    plain = build(built.kit(tmp_path / "plain"))
    link = built.member("opt/kata/bin/qemu", tarfile.SYMTYPE, link="other")

    assert built_with(tmp_path, link) != plain
    assert len(disks.sizes) == 2


def test_the_disk_has_room_for_what_it_holds(disks: Disks, tmp_path: Path) -> None:
    build(built.kit(tmp_path / "built"))

    (size,) = disks.sizes
    assert size.endswith("K")
    assert int(size[:-1]) % 4 == 0
    assert 32 * 1024 < int(size[:-1]) < 33 * 1024


def test_the_order_in_which_artefacts_are_named_is_nothing(tmp_path: Path) -> None:
    carried = built.kit(tmp_path / "built").carried

    assert digest(carried) == digest(carried[::-1])
    assert digest(carried) != digest(carried[1:])


def test_a_place_is_nobody_elses(tmp_path: Path) -> None:
    kit = built.kit(tmp_path / "built")

    assert path_of(kit.crictl) == f"{MOUNT}/bin/crictl"
    assert len({place_of(one) for one in kit.carried}) == len(kit.carried)
