"""
What programs expect of a file system, and where it is known to be lacking.

Each behaviour is asked for inside a sandbox by a few shell lines; what they print tells. A known
lack of a storage is on record with its source: it makes the scenario UNSUPPORTED for as long as it
is seen, and FAIL once it is gone or looks different.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.matrix import Runtime, Storage
from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.matrix import Cell

FOLDER = "/lab/posix"
SHARED = "/var/lib/kata-lab/shared"
"""A folder of the node that several sandboxes may have, under the same name."""
FILES = 64
DESCRIPTORS = 32
_VIRTIOFS = (Storage.VIRTIOFS, Storage.VIRTIOFS_DAX)
_NOT_SUPPORTED = "not supported"


@dataclass(frozen=True, slots=True)
class Lack:
    """What a storage is known to answer instead."""

    said: str
    """A regular expression, found in what was printed."""
    source: str


_NO_ATTRIBUTES = Lack(_NOT_SUPPORTED, "virtiofsd(1): --xattr is off, and Kata leaves it so")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that programs rely on."""

    name: str
    script: str
    expected: str
    """All that the script prints where the file system behaves."""
    lacks: Mapping[Storage, Lack]


def _behaviour(
    name: str, script: str, expected: str, lacks: Mapping[Storage, Lack] | None = None
) -> Behaviour:
    inside = f"( mkdir -p {FOLDER}/{name} && cd {FOLDER}/{name} || exit 1\n{script} )"
    return Behaviour(name, inside, expected, lacks or {})


OPEN_UNLINKED = _behaviour(
    "open-unlinked",
    "echo kept >file; exec 3<file; rm file; stat -L -c %h /proc/self/fd/3; cat <&3",
    "0\nkept",
)
RENAMED_OVER = _behaviour(
    "renamed-over",
    "echo old >one; echo new >two; exec 3<one; mv two one; cat <&3; cat one",
    "old\nnew",
)
HARD_LINKS = _behaviour(
    "hard-links", "echo x >one; ln -f one two; echo y >>two; stat -c %h one; cat one", "2\nx\ny"
)
PREALLOCATED = _behaviour(
    "preallocated",
    "fallocate -l 1048576 file && stat -c %s file",
    "1048576",
    {Storage.NINEP: Lack(_NOT_SUPPORTED, "kata-containers/runtime#687: 9p has no fallocate")},
)
DIRECT = _behaviour(
    "direct",
    "dd if=/dev/zero of=file bs=4096 count=4 oflag=direct status=none && stat -c %s file",
    "16384",
)
ATTRIBUTES = _behaviour(
    "attributes",
    "echo x >file; setfattr -n user.lab -v kept file && getfattr --only-values -n user.lab file",
    "kept",
    dict.fromkeys(
        _VIRTIOFS, Lack(_NOT_SUPPORTED, "virtiofsd(1): --xattr is off, and Kata leaves it")
    ),
)
CAPABILITIES = _behaviour(
    "capabilities",
    "echo x >file; setcap cap_net_raw+ep file && getcap file",
    "file cap_net_raw=ep",
    {
        **dict.fromkeys(_VIRTIOFS, _NO_ATTRIBUTES),
        Storage.NINEP: Lack(_NOT_SUPPORTED, "kata-containers/tests#2358: 9p carries none"),
    },
)
MAPPED = _behaviour(
    "mapped",
    "fio --name=m --filename=file --size=64k --bs=4k --rw=write --ioengine=mmap --verify=crc32c"
    " --output=report && sync file && stat -c %s file",
    "65536",
)
LOCKED = _behaviour(
    "locked", "exec 9>file; flock -n 9 && ! flock -n file true && echo held", "held"
)
MANY_FILES = _behaviour(
    "many-files",
    f"ulimit -n {DESCRIPTORS}; mkdir -p many; n=0; while [ $n -lt {FILES} ]; do : >many/$n;"
    " n=$((n + 1)); done; ls many | wc -l",
    str(FILES),
)
BEHAVIOURS = (
    OPEN_UNLINKED, RENAMED_OVER, HARD_LINKS, PREALLOCATED, DIRECT, ATTRIBUTES, CAPABILITIES, MAPPED,
    LOCKED, MANY_FILES,
)  # fmt: skip


LOCK = f"{SHARED}/lock"
HOLD_LOCK = f"exec 9>{LOCK}; flock 9; exec sleep infinity"
"""What one sandbox runs to hold a lock, until it is ended."""
UNTIL_LOCKED = f"until [ -e {LOCK} ] && ! flock -n {LOCK} true; do sleep 0.1; done"
"""What it runs beside that, to know that it does."""
LOCKED_ELSEWHERE = Behaviour(
    "locked-elsewhere",
    f"flock -n {LOCK} true; case $? in 0) echo free ;; 1) echo held ;; esac",
    "held",
    {
        Storage.VIRTIOFS: Lack(
            "free",
            "kata-containers#3408: virtiofsd passes no locks on, each guest has its own;"
            " Kata will not ask for it (#3410, #3373)",
        ),
        Storage.NINEP: Lack(
            "free", "QEMU grants every lock of a 9p client (hw/9pfs/9p.c, v9fs_lock)"
        ),
    },
)
"""What another sandbox that has the folder is asked. It is not among the others."""


def share_of(cell: Cell) -> Storage:
    """
    How a folder of the node reaches the sandboxes of *cell*: as their root file system need not.

    Kata's go through what it shares with the guest (docs/Limitations.md), which is virtio-fs
    wherever it is not 9p.
    """
    if cell.runtime is Runtime.RUNC:
        return Storage.OVERLAYFS
    return Storage.NINEP if cell.storage is Storage.NINEP else Storage.VIRTIOFS


def questions() -> dict[str, str]:
    """Every behaviour's script, by name: to be asked in one round trip."""
    return {behaviour.name: behaviour.script for behaviour in BEHAVIOURS}


def judge(behaviour: Behaviour, storage: Storage, said: str) -> tuple[Outcome, str]:
    """What it means that the script of *behaviour* printed *said* on *storage*."""
    said = said.strip()
    lack = behaviour.lacks.get(storage)
    if lack is None:
        is_right = said == behaviour.expected
        return (Outcome.PASS, "") if is_right else (Outcome.FAIL, _both(behaviour.expected, said))
    if re.search(lack.said, said):
        return Outcome.UNSUPPORTED, f"it says: {said.splitlines()[-1]} (known: {lack.source})"
    return Outcome.FAIL, _both(f"{lack.said} ({lack.source})", said)


def _both(expected: str, said: str) -> str:
    return f"expected {expected!r}, it says {said!r}"
