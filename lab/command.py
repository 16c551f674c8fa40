"""Local programs: the only door to them, without a shell, with a deadline for each."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from lab import owner
from lab.errors import CommandError, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

log = logging.getLogger(__name__)

TERMINATE_GRACE_S = 5.0
LAST_WORDS_S = 2.0
REAPED_S = 2.0
KILLED = -int(signal.SIGKILL)
"""The status of a program that was killed, also where it hangs in the kernel and has none yet."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ran to its end."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    elapsed_s: float

    @property
    def command_line(self) -> str:
        """The command as one can paste it into a shell."""
        return shlex.join(self.argv)


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    timeout_s: float,
    check: bool = True,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
) -> Completed:
    """
    Run *argv* to its end, without a shell, and return what it said.

    The program leads a process group of its own, so that a timeout or Ctrl-C ends
    its children too, and runs in the C locale, so that its output can be parsed.

    Raises:
        HostError: if the program is not installed.
        CommandError: if it was killed at the deadline, or, with *check*, failed.
    """
    args = tuple(os.fspath(arg) for arg in argv)
    log.debug("+ %s", shlex.join(args))
    started = time.monotonic()
    timed_out = False
    with _started(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            _kill_group(process)
            stdout, stderr = _last_words(process)
        except BaseException:
            _kill_group(process)
            raise
    status = KILLED if process.returncode is None else process.returncode
    done = Completed(args, status, stdout, stderr, time.monotonic() - started)
    if timed_out:
        raise CommandError(f"{args[0]} was killed after {timeout_s:g} s", completed=done)
    if check and status:
        raise CommandError(f"{args[0]} exited with status {done.returncode}", completed=done)
    return done


@contextmanager
def running(
    argv: Sequence[str | os.PathLike[str]],
    *,
    output: IO[str] | int = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run *argv* beside the block, and end it, children and all, with the block."""
    args = tuple(os.fspath(arg) for arg in argv)
    log.debug("+ %s &", shlex.join(args))
    with _started(args, stdout=output, stderr=subprocess.STDOUT, env=env) as process:
        try:
            yield process
        finally:
            _end_group(process)


def attached(argv: Sequence[str | os.PathLike[str]]) -> int:
    """
    Run *argv* on the user's own terminal and return its exit status.

    For programs that talk to a person: they keep the terminal and its signals, and have no
    deadline, for nobody can say how long a person takes.

    Raises:
        HostError: if the program is not installed.
    """
    args = tuple(os.fspath(arg) for arg in argv)
    log.debug("+ %s", shlex.join(args))
    try:
        return subprocess.call(args)
    except FileNotFoundError:
        raise _not_installed(args[0]) from None


def _not_installed(program: str) -> HostError:
    return HostError(
        f"{program} is not installed", remedy="run `lab doctor` to see what is missing"
    )


@contextmanager
def _started(
    args: tuple[str, ...],
    *,
    stdout: IO[str] | int,
    stderr: IO[str] | int,
    env: Mapping[str, str] | None,
) -> Iterator[subprocess.Popen[str]]:
    """A program whose end the block sees to: Popen itself would wait for it without end."""
    try:
        process = subprocess.Popen(
            args,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            text=True,
            errors="replace",
            # Whose it is can be read from outside, should we die and leave it behind.
            env={**os.environ, "LC_ALL": "C.UTF-8", owner.VARIABLE: owner.me().id, **(env or {})},
            start_new_session=True,
        )
    except FileNotFoundError:
        raise _not_installed(args[0]) from None
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):  # it may be gone, with what was still to be written
                    pipe.close()


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kill it, children and all, and reap it: after Ctrl-C, subprocess does not wait for it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("process group %d was gone already", process.pid)
    try:
        process.wait(REAPED_S)
    except subprocess.TimeoutExpired:  # it hangs inside the kernel
        log.warning("process %d does not end though it was killed", process.pid)


def _last_words(process: subprocess.Popen[str]) -> tuple[str, str]:
    """
    What a killed program has said.

    It is gone, and yet somebody may still hold its pipes: the master of a shared ssh connection
    has those of each client, until the command at the other end has ended.
    """
    try:
        return process.communicate(timeout=LAST_WORDS_S)
    except subprocess.TimeoutExpired as error:
        return _text(error.stdout), _text(error.stderr)


def _text(said: bytes | str | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _end_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(TERMINATE_GRACE_S)
    except ProcessLookupError:
        log.debug("process group %d was gone already", process.pid)
    except subprocess.TimeoutExpired:
        _kill_group(process)
