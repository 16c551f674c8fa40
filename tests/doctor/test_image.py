from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.doctor import image
from lab.doctor.finding import EVERY_CELL, State
from lab.errors import ImageError
from lab.image import build
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.system import SBIN

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

RELEASE = "6.12.1-test"
EVERY = [name for names in image.WANTED.values() for name in names]
MKE2FS = shutil.which("mke2fs", path=":".join(SBIN))


def images(disk: Path) -> Images:
    return Images(
        node=NodeImage(
            digest="0123456789abcdef",
            disk=disk,
            kernel=disk,
            initramfs=disk,
            kernel_release=RELEASE,
        ),
        guest=GuestImage(digest="g", kernel=disk, initramfs=disk),
        workload=WorkloadImage(digest="w", archive=disk, reference="r", layer="l"),
    )


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The node's disk, which is yet to be made."""
    path = tmp_path / "disk.img"
    monkeypatch.setattr(image, "built", lambda: images(path))
    return path


def make(disk: Path, *, loadable: list[str], builtin: list[str]) -> None:
    """A real file system with what a kernel says of its modules."""
    assert MKE2FS, "e2fsprogs is a need of the bench"
    root = disk.with_name("root")
    folder = root / "usr/lib/modules" / RELEASE
    folder.mkdir(parents=True)
    lines = (f"kernel/drivers/{name.replace('_', '-')}.ko: kernel/x.ko\n" for name in loadable)
    (folder / "modules.dep").write_text("".join(lines))
    (folder / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in builtin))
    command = [MKE2FS, "-q", "-t", "ext4", "-d", str(root), str(disk), "2M"]
    subprocess.run(command, check=True)


def test_a_kernel_with_every_module_is_good(disk: Path) -> None:
    make(disk, loadable=EVERY[:5], builtin=EVERY[5:])

    first, modules = image.findings()

    assert first.fact == f"node 0123456789ab, kernel {RELEASE}"
    assert (modules.state, modules.fact) == (
        State.GOOD,
        f"its kernel has all {len(EVERY)} that sandboxes want",
    )


def test_a_module_that_some_cells_want_is_what_they_lack(disk: Path) -> None:
    make(disk, loadable=[name for name in EVERY if name != "macvtap"], builtin=[])

    _, modules = image.findings()

    assert (modules.state, modules.unlocks) == (State.LESS, "macvtap+*+*")
    assert modules.fact == "its kernel lacks macvtap"
    assert "lab image lock" in modules.mend


def test_a_module_that_every_cell_wants_is_a_lack(disk: Path) -> None:
    make(disk, loadable=[name for name in EVERY if name not in {"veth", "bridge"}], builtin=[])

    states = {finding.unlocks: finding.state for finding in list(image.findings())[1:]}

    assert states == {EVERY_CELL: State.LACK, "bridge+*+*": State.LESS}


def test_a_disk_without_modules_lacks_all_of_them(disk: Path) -> None:
    disk.write_bytes(b"no file system")

    _, *modules = image.findings()

    assert len(modules) == len(image.WANTED)


def test_a_disk_that_nothing_can_read_is_said(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.touch()
    monkeypatch.setattr(image, "DEBUGFS", "no-such-program")

    _, modules = image.findings()

    assert modules.fact == "not read: no-such-program is not installed"


def test_no_image_yet_is_nothing_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "built", lambda: None)

    (only,) = image.findings()

    assert only.state is State.GOOD
    assert only.fact.startswith("not built yet")


def test_nothing_is_built_to_look(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def builds(*_: object, **__: object) -> NoReturn:
        raise AssertionError("it builds")

    monkeypatch.setattr(build, "_build", builds)

    assert image.built() is None
    assert not (machine / "home" / "images").exists()


def test_a_lock_that_is_wrong_is_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> NoReturn:
        raise ImageError("the lock is wrong", remedy="lock again")

    monkeypatch.setattr(image, "built", fails)

    (only,) = image.findings()

    assert (only.state, only.fact, only.mend) == (State.LACK, "the lock is wrong", "lock again")
