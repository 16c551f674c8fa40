"""
The QEMU guest agent, spoken to over its unix socket: how the lab acts inside a guest.

Protocol: qemu-ga-ref(7), JSON objects, one a line.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lab.command import Completed
from lab.decode import DecodeError, json_as
from lab.errors import CommandError, SandboxError
from lab.wait import pause

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 30.0
FIRST_POLL_S = 0.05
LAST_POLL_S = 0.3
POLL_GROWTH = 1.2
ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C.UTF-8",
    "HOME=/root",
)
RECEIVE_BYTES = 65536
LONGEST_ANSWER_BYTES = 64 << 20
"""The agent keeps 16 MiB each of what a program prints and complains (GUEST_EXEC_MAX_OUTPUT)."""
REMEDY = "read the guest's console, which is kept with the results"


T = TypeVar("T")


class _Refusal(msgspec.Struct):
    desc: str = "it gives no reason"


class _Answer(msgspec.Struct):
    error: _Refusal | None = None
    value: Any = msgspec.field(name="return", default=msgspec.UNSET)


class _Started(msgspec.Struct):
    pid: int


class _Status(msgspec.Struct):
    """Of a program; one that a signal ended has a signal and no exit code."""

    exited: bool
    exitcode: int | None = None
    signal: int = 0
    out: bytes = msgspec.field(name="out-data", default=b"")
    err: bytes = msgspec.field(name="err-data", default=b"")


class GuestAgent:
    """An open conversation with the agent of one guest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer = bytearray()
        self._owes_answer = False
        self._socket = socket.socket(socket.AF_UNIX)

    def connect(self, *, timeout_s: float) -> None:
        """
        Wait until the agent answers, by one question that waits in the guest's port for it.

        Raises:
            SandboxError: if it does not within *timeout_s*, or QEMU ended.
        """
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            raise SandboxError(f"no way to the guest's agent: {error}", remedy=REMEDY) from error
        self._synchronise(time.monotonic() + timeout_s)

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def ask(self, command: str, arguments: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        """
        Give one command and return its answer, as JSON.

        Raises:
            SandboxError: if the agent refuses it, or does not answer in time.
        """
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        if self._owes_answer:  # somebody was interrupted (Ctrl-C) while waiting for it
            self._synchronise(deadline)
        self._send(command, arguments or {})
        self._owes_answer = True
        answer = self._receive(deadline)
        self._owes_answer = False
        return answer

    def start(self, argv: Sequence[str], *, stdin: str = "") -> int:
        """Start a program in the guest and return its process id there."""
        arguments: dict[str, Any] = {
            "path": argv[0],
            "arg": list(argv[1:]),
            "env": list(ENVIRONMENT),
            "capture-output": True,
        }
        if stdin:
            arguments["input-data"] = base64.b64encode(stdin.encode()).decode()
        return _as(_Started, self.ask("guest-exec", arguments)).pid

    def run(
        self, argv: Sequence[str], *, timeout_s: float, expected_s: float = 0.0, stdin: str = ""
    ) -> Completed:
        """
        Run a program in the guest to its end.

        The agent has no event for the end of a program: it must be asked, and each question
        disturbs the guest. So nothing is asked for *expected_s*, and then ever less often.

        Raises:
            CommandError: if it was given up on at the deadline.
        """
        started = time.monotonic()
        pid = self.start(argv, stdin=stdin)
        pause(expected_s)
        interval_s = FIRST_POLL_S
        while not (status := self._status(pid)).exited:
            if time.monotonic() - started > timeout_s:
                self.kill(pid)
                gone = Completed(tuple(argv), -1, "", "", time.monotonic() - started)
                raise CommandError(
                    f"{argv[0]} was killed in the guest after {timeout_s:g} s", completed=gone
                )
            pause(interval_s)
            interval_s = min(interval_s * POLL_GROWTH, LAST_POLL_S)
        return Completed(
            tuple(argv),
            -status.signal if status.exitcode is None else status.exitcode,
            status.out.decode(errors="replace"),
            status.err.decode(errors="replace"),
            time.monotonic() - started,
        )

    def kill(self, pid: int) -> None:
        """End a program in the guest; one that is gone already is fine."""
        self.start(["/bin/kill", "-9", str(pid)])

    def _status(self, pid: int) -> _Status:
        return _as(_Status, self.ask("guest-exec-status", {"pid": pid}))

    def _synchronise(self, deadline: float) -> None:
        """Skip what the agent still has to say, up to the answer to a question of our own."""
        token = secrets.randbelow(1 << 31)
        self._send("guest-sync", {"id": token})
        while self._receive(deadline) != token:
            log.debug("skipped an answer to somebody else's question")
            if time.monotonic() > deadline:  # however fast it talks
                raise _silent()
        self._owes_answer = False

    def _send(self, command: str, arguments: dict[str, Any]) -> None:
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise SandboxError(f"the guest's agent is gone: {error}", remedy=REMEDY) from error

    def _receive(self, deadline: float) -> Any:  # noqa: ANN401 - JSON
        line = self._line(deadline)
        try:
            answer = json_as(line, _Answer)
        except DecodeError as error:
            raise _senseless(str(error)) from error
        if answer.error is not None:
            raise SandboxError(f"the guest's agent: {answer.error.desc}", remedy=REMEDY)
        if answer.value is msgspec.UNSET:
            raise _senseless("it returns nothing")
        return answer.value

    def _line(self, deadline: float) -> bytes:
        """The next line; a guest that talks without end has neither more time nor more room."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LONGEST_ANSWER_BYTES:
                raise _senseless(f"it is longer than {LONGEST_ANSWER_BYTES} bytes")
            self._buffer += self._chunk(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _chunk(self, deadline: float) -> bytes:
        if (left_s := deadline - time.monotonic()) <= 0:
            raise _silent()
        self._socket.settimeout(left_s)
        try:
            chunk = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise _silent() from None
        except OSError as error:
            raise SandboxError(f"the guest's agent is gone: {error}", remedy=REMEDY) from error
        if not chunk:
            raise SandboxError("QEMU ended before the guest answered", remedy=REMEDY)
        return chunk


def _as(kind: type[T], answer: object) -> T:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise _senseless(str(error)) from error


def _silent() -> SandboxError:
    return SandboxError("the guest's agent does not answer", remedy=REMEDY)


def _senseless(problem: str) -> SandboxError:
    return SandboxError(f"the guest's agent answers what makes no sense: {problem}", remedy=REMEDY)
