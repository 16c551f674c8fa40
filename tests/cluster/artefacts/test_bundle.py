"""One file for a machine without internet: the same each time, and believed in nothing."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab.cluster.artefacts import bundle, cache, lock
from lab.cluster.artefacts.artefact import UNPINNED, Lock
from lab.cluster.artefacts.fetch import fetch
from lab.errors import ArtefactError, UsageError
from tests.cluster.artefacts.test_cache import locked
from tests.cluster.artefacts.test_lock import LOCAL
from tests.cluster.artefacts.test_relock import named, relocked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.artefacts.upstream import Upstream

    Change = Callable[[tarfile.TarInfo], object]

DATA = {"one": b"1" * 600, "two": b"2" * 20}
KNOWN = Lock(
    is_official=True,
    artefacts=tuple(
        locked(data, name=name, address=f"https://dl.k8s.io/{name}") for name, data in DATA.items()
    ),
)
SHA256 = {artefact.name: f"sha256/{artefact.sha256}" for artefact in KNOWN.artefacts}


@dataclass
class Site:
    """The two ends of a journey: two homes, and a file between them."""

    file: Path
    lock_file: Path
    monkeypatch: pytest.MonkeyPatch

    def elsewhere(self) -> None:
        """Go to the machine without internet: its cache is empty, and it has no lock."""
        self.monkeypatch.setenv("LAB_HOME", str(self.file.parent / "elsewhere"))
        self.lock_file.unlink(missing_ok=True)

    def fill(self) -> None:
        """Have everything."""
        lock.write(self.lock_file, KNOWN)
        with cache.opened():
            for artefact in KNOWN.artefacts:
                part = cache.part_of(artefact)
                part.write_bytes(DATA[artefact.name])
                cache.admit(part, artefact)

    def forge(self, *, without: tuple[str, ...] = (), known: Lock = KNOWN) -> tarfile.TarFile:
        """Begin a bundle by hand; whoever adds to it must close it."""
        archive = tarfile.open(self.file, "w")  # noqa: SIM115
        add(archive, bundle.LOCK_NAME, lock.render(known).encode())
        for name, member in SHA256.items():
            if name not in without:
                add(archive, member, DATA[name])
        return archive

    def take_in(self) -> Lock:
        return bundle.take_in(self.file, self.lock_file, say=str)

    def nothing_came_in(self) -> bool:
        """Whether the cache is as empty as before."""
        return {path.name for path in cache.home().iterdir()} == {".lock"}


def add(archive: tarfile.TarFile, name: str, data: bytes, change: Change = str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    change(member)
    archive.addfile(member, io.BytesIO(data))


@pytest.fixture
def site(tmp_path: Path, lock_file: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path / "bundle.tar", lock_file, monkeypatch)


def test_everything_arrives(site: Site, internet: Upstream, said: list[str]) -> None:
    relocked(internet, site.lock_file)
    known = fetch(site.lock_file, say=str)
    bundle.write(site.file, site.lock_file)
    before = {one.key: cache.path_of(one).read_bytes() for one in known.artefacts}
    site.elsewhere()

    assert bundle.take_in(site.file, site.lock_file, say=said.append) == known

    assert lock.load(site.lock_file) == known
    assert {one.key: cache.path_of(one).read_bytes() for one in known.artefacts} == before
    assert all(os.access(cache.path_of(one), os.X_OK) for one in known.artefacts)
    assert said == [f"there is no lock {site.lock_file}: the bundle's is taken"]


def test_a_bundle_is_the_same_each_time(site: Site, tmp_path: Path) -> None:
    site.fill()
    bundle.write(site.file, site.lock_file)
    os.utime(cache.path_of(KNOWN.artefacts[0]), (1, 1))
    cache.path_of(KNOWN.artefacts[1]).chmod(0o700)

    bundle.write(tmp_path / "new" / "again.tar", site.lock_file)

    assert (tmp_path / "new" / "again.tar").read_bytes() == site.file.read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["again.tar"]


def test_one_file_travels_once(site: Site) -> None:
    """kata-go 4.0.0 and kata-rs 4.0.0 are one tarball."""
    site.fill()
    twin = msgspec.structs.replace(KNOWN.artefacts[0], name="three")
    known = Lock(is_official=True, artefacts=(*KNOWN.artefacts, twin))
    lock.write(site.lock_file, known)
    bundle.write(site.file, site.lock_file)
    site.elsewhere()

    assert site.take_in() == known
    assert cache.has(twin)


def test_what_is_missing_is_named_with_its_command(site: Site) -> None:
    site.fill()
    cache.path_of(KNOWN.artefacts[1]).unlink()

    with pytest.raises(ArtefactError, match="two v1 is not in the cache") as caught:
        bundle.write(site.file, site.lock_file)

    assert f"lab artefacts fetch --lock {site.lock_file}" in caught.value.remedy
    assert not site.file.exists()


def test_no_damage_travels(site: Site) -> None:
    site.fill()
    cache.path_of(KNOWN.artefacts[1]).write_bytes(b"3" * 20)

    with pytest.raises(ArtefactError, match="two v1 has the wrong sum"):
        bundle.write(site.file, site.lock_file)

    assert not site.file.exists()


def test_a_directory_is_not_bundled(site: Site) -> None:
    lock.write(site.lock_file, LOCAL)

    with pytest.raises(ArtefactError, match="the lock of a directory"):
        bundle.write(site.file, site.lock_file)


def test_what_the_bundle_has_pinned_is_pinned(site: Site, said: list[str]) -> None:
    site.forge().close()
    loose = msgspec.structs.replace(KNOWN.artefacts[0], sha256=None, size=None, source=UNPINNED)
    lock.write(site.lock_file, KNOWN.with_artefact(loose))

    assert bundle.take_in(site.file, site.lock_file, say=said.append) == KNOWN
    assert lock.load(site.lock_file) == KNOWN
    assert said == [f"pinned one v1 to the bundle's: sha256 {KNOWN.artefacts[0].sha256}"]


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        (KNOWN.artefacts[:1], "two v1 is in one of them only"),
        ((*KNOWN.artefacts, locked(name="three")), "three v1 is in one of them only"),
        (
            (KNOWN.artefacts[0], locked(DATA["two"], name="two", address="https://other/")),
            "two v1 is from another address",
        ),
        (
            (KNOWN.artefacts[0], locked(b"3", name="two", address="https://dl.k8s.io/two")),
            "two v1 has sha256",
        ),
    ],
)
def test_our_own_lock_decides(site: Site, ours: tuple[object, ...], said: str) -> None:
    site.forge().close()
    known = msgspec.structs.replace(KNOWN, artefacts=ours)
    lock.write(site.lock_file, known)

    with pytest.raises(ArtefactError, match=said) as caught:
        site.take_in()

    assert f"lab artefacts import {site.file} --lock NEW-FILE" in caught.value.remedy
    assert lock.load(site.lock_file) == known
    assert site.nothing_came_in()


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "sha256/../../evil", "sha256/" + "0" * 64, "evil", SHA256["one"],
     f"./{SHA256['one']}", f"{SHA256['one']}/x", "sha256", "", "sha256/\n"],
)  # fmt: skip
def test_no_other_name_comes_in(site: Site, tmp_path: Path, name: str) -> None:
    with site.forge() as archive:
        add(archive, name, b"evil")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ArtefactError, match="no artefact of its lock, or twice"):
        site.take_in()

    assert site.nothing_came_in()
    assert not site.lock_file.exists()
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "home"] == before


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
     tarfile.DIRTYPE],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False], ids=["as the lock", "as an artefact"])
def test_nothing_but_files_comes_in(site: Site, kind: bytes, *, first: bool) -> None:
    def change(member: tarfile.TarInfo) -> None:
        member.type = kind
        member.linkname = "/etc/passwd"
        member.size = 0

    if first:
        with tarfile.open(site.file, "w") as archive:
            add(archive, bundle.LOCK_NAME, b"", change)
    else:
        with site.forge(without=("two",)) as archive:
            add(archive, SHA256["two"], b"", change)

    with pytest.raises(ArtefactError, match="the bundle"):
        site.take_in()

    assert site.nothing_came_in()


def test_a_link_to_what_came_before_does_not_come_in(site: Site) -> None:
    """A name that is right for a file that is another's."""

    def change(member: tarfile.TarInfo) -> None:
        member.type = tarfile.LNKTYPE
        member.linkname = SHA256["one"]

    with site.forge(without=("two",)) as archive:
        add(archive, SHA256["two"], DATA["two"], change)

    with pytest.raises(ArtefactError, match="no file of 20 bytes"):
        site.take_in()


def test_every_sum_is_right_before_anything_comes_in(site: Site) -> None:
    with site.forge(without=("two",)) as archive:
        add(archive, SHA256["two"], b"3" * 20)

    with pytest.raises(ArtefactError, match="two v1 has the wrong sum"):
        site.take_in()

    assert site.nothing_came_in()
    assert not site.lock_file.exists()


def test_another_size_does_not_come_in(site: Site) -> None:
    with site.forge(without=("two",)) as archive:
        add(archive, SHA256["two"], b"2" * 21)

    with pytest.raises(ArtefactError, match="no file of 20 bytes"):
        site.take_in()


def test_what_is_lacking_is_named(site: Site) -> None:
    site.forge(without=("two",)).close()

    with pytest.raises(ArtefactError, match="lacks two v1"):
        site.take_in()

    assert site.nothing_came_in()


@pytest.mark.parametrize("cut", [0, 1, 511, 513, 2000, 2600, 3100, 3600])
def test_a_truncated_bundle_does_not_come_in(site: Site, cut: int) -> None:
    site.forge().close()
    site.file.write_bytes(site.file.read_bytes()[:cut])

    with pytest.raises(ArtefactError, match=r"bundle\.tar"):
        site.take_in()

    assert site.nothing_came_in()


def test_what_is_no_tar_is_refused(site: Site) -> None:
    site.file.write_bytes(b"<html>" * 1000)

    with pytest.raises(ArtefactError, match="cannot be read") as caught:
        site.take_in()

    assert "lab artefacts bundle" in caught.value.remedy


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (LOCAL, "not upstream's, or that lacks sums"),
        (
            KNOWN.with_artefact(
                msgspec.structs.replace(KNOWN.artefacts[0], sha256=None, size=None, source=UNPINNED)
            ),
            "not upstream's, or that lacks sums",
        ),
    ],
)
def test_a_lock_that_vouches_for_nothing_is_refused(site: Site, known: Lock, said: str) -> None:
    site.forge(known=known).close()

    with pytest.raises(ArtefactError, match=said):
        site.take_in()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("lock.toml", b"", "does not begin with artefacts.lock.toml"),
        (bundle.LOCK_NAME, b"official = ", "is damaged"),
        (bundle.LOCK_NAME, b"#" * ((1 << 20) + 1), "has a lock of 1048577 bytes"),
    ],
)
def test_a_bundle_begins_with_its_lock(site: Site, name: str, data: bytes, said: str) -> None:
    with tarfile.open(site.file, "w") as archive:
        add(archive, name, data)

    with pytest.raises(ArtefactError, match=said):
        site.take_in()


def test_a_bundle_that_is_not_there_is_a_wrong_command_line(site: Site) -> None:
    with pytest.raises(UsageError, match="there is no bundle"):
        site.take_in()


def test_a_full_disk_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    site.forge().close()
    monkeypatch.setattr(shutil, "copyfileobj", full)

    with pytest.raises(ArtefactError, match="the disk is full"):
        site.take_in()

    assert site.nothing_came_in()


def test_a_full_disk_leaves_no_bundle(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    site.fill()
    target = site.file.parent / "usb" / "bundle.tar"
    monkeypatch.setattr(tarfile.TarFile, "addfile", full)

    with pytest.raises(ArtefactError, match="the disk is full") as caught:
        bundle.write(target, site.lock_file)

    assert str(target.parent) in caught.value.remedy
    assert list(target.parent.iterdir()) == []


def test_a_lock_that_says_the_same_is_left_alone(site: Site) -> None:
    site.forge().close()
    site.lock_file.write_text(lock.render(KNOWN) + "# a comment\n")

    site.take_in()

    assert site.lock_file.read_text().endswith("# a comment\n")


def test_names_of_the_real_thing(site: Site, internet: Upstream) -> None:
    relocked(internet, site.lock_file)
    known = fetch(site.lock_file, say=str)
    bundle.write(site.file, site.lock_file)

    with tarfile.open(site.file) as archive:
        members = archive.getmembers()

    assert members[0].name == bundle.LOCK_NAME
    assert f"sha256/{named(known, 'kubeadm').sha256}" in {one.name for one in members}
    assert {(one.mtime, one.uid, one.gid, one.mode) for one in members} == {(0, 0, 0, 0o644)}
