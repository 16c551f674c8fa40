"""mmdebstrap: asks the mirror, fetches from it, and unpacks or installs without it."""

from __future__ import annotations

import os
import shlex
import time
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import gettempdir
from typing import TYPE_CHECKING

from lab import command, files
from lab.command import Completed
from lab.errors import CommandError, ImageError, LabError
from lab.image.packages import BACKPORTS, SUITE
from lab.scratch import scratch
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from subprocess import Popen  # noqa: TID251 - the type only

MIRROR_VARIABLE = "LAB_MIRROR"
ASK_TIMEOUT_S = 300.0
FETCH_TIMEOUT_S = 1800.0
MAKE_TIMEOUT_S = 900.0
POLL_S = 0.1
# With this, apt inside a hook uses the sources and indexes of the system being made.
_USE_ITS_APT = "set -eu; export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG"
# The suite's first source says where its backports are too, whatever mirror was chosen.
_ADD_BACKPORTS = (
    f's="$1/etc/apt/sources.list"; sed -n "s/ {SUITE} / {BACKPORTS} /p" "$s" | head -n 1 >"$s.add";'
    ' cat "$s.add" >>"$s"; rm "$s.add"'
)
# The kernel's words, and apt's.
_DISK_FULL = ("No space left on device", "enough free space")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of mmdebstrap that has been started."""

    argv: tuple[str, ...]
    process: Popen[str]
    output: Path
    started: float

    def finish(self, *, timeout_s: float) -> None:
        """
        Wait for its end.

        Raises:
            ImageError: if it ran out of disk, or found no mirror.
            CommandError: if it failed for any other reason.
            NotReadyError: at the deadline.
        """

        def ended() -> int:
            returncode = self.process.poll()
            if returncode is None:
                raise Pending("still running")
            return returncode

        remedy = f"see whether the machine is overloaded, or run {shlex.join(self.argv)}"
        wait_for("mmdebstrap", ended, timeout_s=timeout_s, every_s=POLL_S, remedy=remedy)
        if self.process.returncode:
            raise self._failure()

    def _failure(self) -> LabError:
        said = self.output.read_text(encoding="utf-8", errors="replace")
        if any(complaint in said for complaint in _DISK_FULL):
            return disk_full()
        if "E: apt-get update" in said or "Failed to fetch" in said:
            remedy = f"check the network, or set {MIRROR_VARIABLE} to a Debian mirror within reach"
            return ImageError("no Debian mirror can be reached", remedy=remedy)
        elapsed_s = time.monotonic() - self.started
        completed = Completed(self.argv, self.process.returncode, "", said, elapsed_s)
        problem = f"mmdebstrap exited with status {self.process.returncode}"
        return CommandError(problem, completed=completed)


def disk_full() -> ImageError:
    """Say which disks an image needs."""
    places = f"{files.state_dir()} and {gettempdir()}"
    remedy = f"free some 3 GB in {places}, or choose others with LAB_HOME and TMPDIR"
    return ImageError("the disk is full", remedy=remedy)


def ask(script: str) -> str:
    """Run a shell *script* beside a fresh index of the mirror; return what it printed."""
    with scratch("ask") as folder:
        answer = folder / "answer"
        hooks = [
            f"{_USE_ITS_APT}; exec >$1/lab-answer\n{script}",
            f"download /lab-answer {shlex.quote(str(answer))}",
        ]
        _with_mirror(hooks, timeout_s=ASK_TIMEOUT_S)
        return answer.read_text(encoding="utf-8")


def offered(names: Sequence[str]) -> set[tuple[str, str]]:
    """Ask which versions of the packages *names* the mirror has: (name, version) each."""
    lines = ask(f"apt-cache madison {' '.join(names)}").splitlines()
    columns = [[part.strip() for part in line.split("|")] for line in lines]
    return {(name, version) for name, version, *_ in columns}


def fetch(requests: Sequence[str], target: Path) -> None:
    """Download packages, ``name=version`` each, into the directory *target*."""
    script = f"mkdir $1/lab-debs; cd $1/lab-debs; apt-get --quiet download {' '.join(requests)}"
    hooks = [f"{_USE_ITS_APT}; {script}", f"sync-out /lab-debs {shlex.quote(str(target))}"]
    _with_mirror(hooks, timeout_s=FETCH_TIMEOUT_S)


@contextmanager
def making(
    repository: Path,
    target: Path,
    *,
    variant: str,
    include: Sequence[str],
    options: Sequence[str] = (),
    epoch: int,
) -> Iterator[Run]:
    """
    Make the tar archive *target* of a system from the packages in *repository* alone.

    It is done when the run is finished; if the block ends before, it is ended too.

    Args:
        variant: ``essential`` installs, on top of the essential packages; ``extract`` only
            unpacks, and runs nothing of what it unpacks.
        options: Further options of mmdebstrap.
        epoch: The time that no file exceeds, in seconds since 1970.
    """
    arguments = [
        *(f"--variant={variant}", "--format=tar", f"--include={','.join(include)}"),
        # The result is thrown away if the machine stops: nothing needs to reach the disk early.
        *("--dpkgopt=force-unsafe-io", *options),
        *(SUITE, str(target), f"deb [trusted=yes] copy://{repository} {SUITE} main"),
    ]
    with _started(arguments, env={"SOURCE_DATE_EPOCH": str(epoch)}) as run:
        yield run


def _with_mirror(hooks: Sequence[str], *, timeout_s: float) -> None:
    mirror = os.environ.get(MIRROR_VARIABLE)
    arguments = [
        *("--variant=custom", "--format=null"),
        f"--setup-hook={_ADD_BACKPORTS}",
        *(f"--customize-hook={hook}" for hook in hooks),
        *(SUITE, "/dev/null"),
        *([mirror] if mirror else []),
    ]
    with _started(arguments) as run:
        run.finish(timeout_s=timeout_s)


@contextmanager
def _started(arguments: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[Run]:
    """
    Run mmdebstrap beside the block.

    At its end it is asked to stop, not killed: it removes the system that it was making,
    which, made by a user, belongs to other user numbers than the user's own. Should it be killed
    all the same, the system lies in a folder that says whose it is.
    """
    argv = ("mmdebstrap", *arguments)
    with scratch("mmdebstrap") as folder:
        folder.chmod(0o711)  # apt, and a user's root, are users of their own
        output = folder / "output"
        started = time.monotonic()
        with (
            output.open("w", encoding="utf-8") as stream,
            command.running(
                argv, output=stream, env={**(env or {}), "TMPDIR": str(folder)}
            ) as process,
        ):
            yield Run(argv, process, output, started)
