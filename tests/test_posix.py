"""Behaviours of a file system: the scripts on this machine's own, and what answers mean."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lab import posix
from lab.matrix import Cell, Storage
from lab.outcome import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from lab.posix import Behaviour

ANYWHERE = (
    posix.OPEN_UNLINKED,
    posix.RENAMED_OVER,
    posix.HARD_LINKS,
    posix.LOCKED,
    posix.MANY_FILES,
)
"""Need nothing but coreutils and util-linux, and work on every file system a test may run on."""


def run(behaviour: Behaviour, folder: Path) -> str:
    script = behaviour.script.replace(posix.FOLDER, str(folder))
    return subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=False, timeout=60
    ).stdout.strip()


@pytest.mark.parametrize("behaviour", ANYWHERE, ids=lambda behaviour: behaviour.name)
def test_a_local_file_system_behaves_and_may_be_asked_again(
    behaviour: Behaviour, tmp_path: Path
) -> None:
    assert [run(behaviour, tmp_path), run(behaviour, tmp_path)] == [behaviour.expected] * 2


@pytest.mark.parametrize("behaviour", posix.BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_every_script_is_one(behaviour: Behaviour) -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=behaviour.script, text=True, check=False)

    assert done.returncode == 0


def test_each_is_asked_under_a_name_of_its_own() -> None:
    assert len(posix.questions()) == len(posix.BEHAVIOURS)


REFUSED = "fallocate: fallocate failed: Operation not supported\n"


@pytest.mark.parametrize(
    ("storage", "said", "outcome", "reason"),
    [
        (Storage.DEVMAPPER, "1048576\n", Outcome.PASS, ""),
        (Storage.DEVMAPPER, REFUSED, Outcome.FAIL, "expected '1048576'"),
        (Storage.NINEP, REFUSED, Outcome.UNSUPPORTED, "failed: Operation not supported (known:"),
        (Storage.NINEP, "1048576\n", Outcome.FAIL, "it says '1048576'"),
        (Storage.NINEP, "", Outcome.FAIL, "it says ''"),
    ],
)
def test_a_known_lack_is_unsupported_and_anything_else_is_told(
    storage: Storage, said: str, outcome: Outcome, reason: str
) -> None:
    found, why = posix.judge(posix.PREALLOCATED, storage, said)

    assert found is outcome
    assert reason in why


def local(script: str, folder: Path) -> list[str]:
    return ["/bin/sh", "-c", script.replace(posix.SHARED, str(folder))]


def test_a_lock_that_is_held_elsewhere_is_seen_until_it_is_given_up(tmp_path: Path) -> None:
    ask = local(posix.LOCKED_ELSEWHERE.script, tmp_path)
    with subprocess.Popen(local(posix.HOLD_LOCK, tmp_path)) as holder:
        subprocess.run(local(posix.UNTIL_LOCKED, tmp_path), check=True, timeout=30)
        held = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        holder.kill()
    free = subprocess.run(ask, capture_output=True, text=True, check=True).stdout

    assert (held, free) == ("held\n", "free\n")


def test_a_lock_that_cannot_be_tried_is_neither(tmp_path: Path) -> None:
    ask = local(posix.LOCKED_ELSEWHERE.script, tmp_path / "nowhere")

    assert subprocess.run(ask, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize(
    ("cell", "said", "outcome"),
    [
        ("veth+devmapper+runc", "held\n", Outcome.PASS),
        ("veth+overlayfs+runc", "free\n", Outcome.FAIL),
        ("tcfilter+virtiofs+kata-go", "free\n", Outcome.UNSUPPORTED),
        ("tcfilter+devmapper+kata-go", "free\n", Outcome.UNSUPPORTED),
        ("tcfilter+9p+kata-go", "free\n", Outcome.UNSUPPORTED),
        ("tcfilter+9p+kata-go", "held\n", Outcome.FAIL),
        ("tcfilter+devmapper-blk+kata-rs", "", Outcome.FAIL),
    ],
)
def test_locks_of_a_volume_are_as_what_shares_it(cell: str, said: str, outcome: Outcome) -> None:
    share = posix.share_of(Cell.parse(cell))

    assert posix.judge(posix.LOCKED_ELSEWHERE, share, said)[0] is outcome
