"""The lock: read strictly, written so that a change of one package is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.errors import ImageError
from lab.image import lock, mmdebstrap
from lab.image.lock import Lock, Package
from lab.image.packages import WANTED, PackageSet

if TYPE_CHECKING:
    from pathlib import Path

A, B = "a" * 64, "b" * 64


def answer(*, lacking: PackageSet | None = None) -> str:
    """What apt says: every wanted package in version 1, and a library with an epoch."""
    lines = ["Reading package lists..."]
    for kind, wanted in WANTED.items():
        lines.append(f"lab-set: {kind}")
        if kind is not lacking:
            lines += [
                f"'http://mirror/{name}.deb' {name}_1_amd64.deb 10 SHA256:{A}" for name in wanted
            ]
            lines.append(f"'http://mirror/z' libz_2%3a1.5~rc-1%2bb1_all.deb 7 SHA256:{B}")
    return "\n".join(lines)


def whole() -> Lock:
    return Lock(suite="trixie", epoch=86_400, packages=lock.parse_answer(answer()))


def test_lock_of_the_repository_is_whole() -> None:
    known = lock.load()

    assert {kind for package in known.packages for kind in package.sets} == set(PackageSet)
    assert list(known.packages) == sorted(known.packages)


def test_apts_answer_is_read_with_epochs_and_sets() -> None:
    found = {package.name: package for package in lock.parse_answer(answer())}

    assert found["libz"].version == "2:1.5~rc-1+b1"
    assert found["libz"].size == 7
    assert set(found["libz"].sets) == set(PackageSet)
    assert found["qemu-guest-agent"].sets == (PackageSet.GUEST,)


def test_set_without_packages_is_an_error() -> None:
    with pytest.raises(ImageError, match="no packages for guest"):
        lock.parse_answer(answer(lacking=PackageSet.GUEST))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "lock.toml"
    path.write_text(lock.render(whole()))

    assert lock.load(path) == whole()


def test_lock_holds_no_addresses() -> None:
    assert "://" not in lock.LOCK_FILE.read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 7", "size = 0", "size"),
        ("size = 7", 'size = "7"', "size"),
        (f'sha256 = "{B}"', 'sha256 = "b"', "sha256"),
        ('architecture = "all"', 'architecture = "arm64"', "architecture"),
        ('version = "2:1.5~rc-1+b1"', 'version = "1; rm -r /"', "version"),
        ("epoch = 86400", "epoch = 0", "epoch"),
        ("epoch = 86400", "epoc = 86400", "epoc"),
        ('"node"', '"nodes"', "nodes"),
        ("packages = [", "packages = ", "damaged"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "lock.toml"
    path.write_text(lock.render(whole()).replace(old, new))

    with pytest.raises(ImageError, match=said) as caught:
        lock.load(path)

    assert "lab image lock" in caught.value.remedy


def test_lock_that_lacks_a_wanted_package_says_which(tmp_path: Path) -> None:
    path = tmp_path / "lock.toml"
    lines = lock.render(whole()).splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"sockperf"' not in line))

    with pytest.raises(ImageError, match="lacks sockperf for the node image"):
        lock.load(path)


def test_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="there is no lock"):
        lock.load(tmp_path / "lock.toml")


def test_relocking_the_same_packages_keeps_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock.toml"
    path.write_text(lock.render(whole()))
    monkeypatch.setattr(mmdebstrap, "ask", lambda _: answer())

    assert lock.relock(path).epoch == 86_400
    assert path.read_text() == lock.render(whole())


def test_relocking_other_packages_moves_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock.toml"
    path.write_text(lock.render(whole()))
    monkeypatch.setattr(mmdebstrap, "ask", lambda _: answer().replace("sockperf_1_", "sockperf_2_"))

    moved = lock.relock(path)

    assert moved == lock.load(path)
    assert moved.epoch > 86_400
    versions = {package.version for package in moved.packages if package.name == "sockperf"}
    assert versions == {"2"}


def test_a_set_holds_its_packages_only() -> None:
    both, one = (PackageSet.GUEST, PackageSet.NODE), (PackageSet.NODE,)
    first = Package("a", "1", "all", 1, A, both)
    second = Package("b", "1", "all", 1, B, one)

    assert Lock("trixie", 1, (first, second)).of(PackageSet.GUEST) == (first,)
