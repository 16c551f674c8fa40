"""
What the lab needs from the distribution: named, found by presence, installed where one may.

Only the standard library is imported: noxfile.py asks before there is any environment.
The needs themselves are data, in ``system.toml`` beside this module.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from lab.command import attached, run
from lab.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

NEEDS_FILE = Path(__file__).with_suffix(".toml")
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where daemons live; not on the PATH of a plain user of Debian."""
APT_ENVIRONMENT = ("env", "DEBIAN_FRONTEND=noninteractive")
WAIT_FOR_LOCK = ("-o", "DPkg::Lock::Timeout=300")
"""In seconds; a fresh machine often upgrades itself when it is first used."""
SUDO_TIMEOUT_S = 10.0


class Purpose(StrEnum):
    """What a need is there for."""

    ENVIRONMENT = "environment"
    BENCH = "bench"
    ROOT = "root"
    """The bench, where root runs it."""
    USER = "user"
    """The bench, where a plain user runs it."""
    BROWSER = "browser"
    """The tests that look at a report as a reader does."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something the distribution provides."""

    package: str
    proofs: tuple[str, ...]
    reason: str
    purpose: Purpose

    @property
    def is_met(self) -> bool:
        """Whether any of the proofs is on this machine."""
        return any(_is_there(proof) for proof in self.proofs)


def environment_needs() -> tuple[Need, ...]:
    """What building the Python environment takes."""
    return _needs(Purpose.ENVIRONMENT)


def bench_needs(*, user_is_root: bool) -> tuple[Need, ...]:
    """What running nodes takes, the Python environment included."""
    who = Purpose.ROOT if user_is_root else Purpose.USER
    return _needs(Purpose.ENVIRONMENT, Purpose.BENCH, who)


def browser_needs() -> tuple[Need, ...]:
    """What looking at a report in a browser takes, the Python environment included."""
    return _needs(Purpose.ENVIRONMENT, Purpose.BROWSER)


def missing(needs: Iterable[Need]) -> tuple[Need, ...]:
    """Those of *needs* that this machine does not meet."""
    return tuple(need for need in needs if not need.is_met)


def install_command(needs: Iterable[Need]) -> tuple[str, ...]:
    """The command that installs what meets *needs*, for root."""
    packages = sorted({need.package for need in needs})
    return ("apt-get", "install", "--yes", "--no-install-recommends", *packages)


def mend(needs: Iterable[Need]) -> str:
    """What to do for *needs* on this distribution: one command where its packages are known."""
    if shutil.which("apt-get") is None:
        return "install what your distribution has for: " + ", ".join(
            sorted({need.proofs[0] for need in needs})
        )
    return _remedy(needs).removeprefix("run ")


def as_root(argv: Sequence[str]) -> None:
    """
    Run a command as root, with this terminal; sudo may want a password there.

    Raises:
        HostError: if this user may not, or it fails.
    """
    leave = _leave(asks=False)
    if leave is None:
        raise HostError(
            f"this user may not run `{shlex.join(argv)}`", remedy="run it as root, then try again"
        )
    line = shlex.join((*leave, *argv))
    if status := attached([*leave, *argv]):
        raise HostError(f"`{line}` exited with status {status}", remedy="read what it said")


def ensure(needs: Iterable[Need], *, say: Callable[[str], object], asks: bool = True) -> None:
    """
    Name, with *say*, what is missing of *needs*, and install it where this user may.

    Root may. A user of sudo is asked once on a terminal; where there is none to ask on,
    sudo that wants no password is leave enough.

    Args:
        asks: Whether to ask; not where the user has just said that it shall be done.

    Raises:
        HostError: if this user may not, or does not want to, or if it did not work; the
            remedy is one command.
    """
    lacking = missing(needs)
    if not lacking:
        return
    for need in lacking:
        say(f"missing: {need.package} ({need.reason})")
    _install(lacking, asks=asks)
    if still := missing(lacking):
        raise HostError(f"not installed: {_packages(still)}", remedy=_remedy(still))


def _needs(*purposes: Purpose) -> tuple[Need, ...]:
    tables = tomllib.loads(NEEDS_FILE.read_text(encoding="utf-8"))["need"]
    needs = (
        Need(table["package"], tuple(table["proofs"]), table["reason"], Purpose(table["for"]))
        for table in tables
    )
    return tuple(need for need in needs if need.purpose in purposes)


def _is_there(proof: str) -> bool:
    place = proof.format(include=sysconfig.get_path("include"))
    if place.startswith("/"):
        return any(Path("/").glob(place.removeprefix("/")))
    return shutil.which(place, path=os.pathsep.join((*os.get_exec_path(), *SBIN))) is not None


def _install(lacking: Sequence[Need], *, asks: bool) -> None:
    if shutil.which("apt-get") is None:
        problem = f"this is neither Debian nor Ubuntu, and it lacks: {_packages(lacking)}"
        raise HostError(problem, remedy=mend(lacking))
    leave = _leave(asks=asks)
    if leave is None:
        raise HostError(f"not installed: {_packages(lacking)}", remedy=_remedy(lacking))
    update = ("apt-get", "update")
    for argv in (update, install_command(lacking)):
        attached([*leave, *APT_ENVIRONMENT, *argv, *WAIT_FOR_LOCK])


def _leave(*, asks: bool) -> tuple[str, ...] | None:
    """What to put before a command to run it as root; None without leave to do so."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") is None:
        return None
    if sys.stdin.isatty():
        return ("sudo",) if not asks or _says_yes("Install these packages with sudo?") else None
    quiet = ("sudo", "--non-interactive")
    asked = run([*quiet, "true"], timeout_s=SUDO_TIMEOUT_S, check=False)
    return quiet if asked.returncode == 0 else None


def _says_yes(question: str) -> bool:
    sys.stderr.write(f"{question} [Y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()  # empty at the end of input, which is no answer
    return answer.strip().lower() in {"", "y", "yes"} and answer != ""


def _packages(needs: Iterable[Need]) -> str:
    return " ".join(sorted({need.package for need in needs}))


def _remedy(needs: Iterable[Need]) -> str:
    script = f"apt-get update; {shlex.join(install_command(needs))}"
    become = "sudo sh -c" if shutil.which("sudo") else "su -c"
    return f"run {become} {shlex.quote(script)}"
