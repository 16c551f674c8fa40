"""
A machine's memory and devices as a file, from which another machine of the same shape goes on.

By QEMU's own migration, not by libvirt's save: libvirt restores under the same name and UUID alone,
and a lab's machines have names of their own. Source: QEMU, docs/devel/migration, "file:" (8.2).
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt
import libvirt_qemu
import msgspec

from lab.decode import DecodeError, json_as
from lab.errors import ProvisionError
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lab.virt.connection import Connection

T = TypeVar("T")

SAVE_TIMEOUT_S = 120.0
NO_LIMIT_BYTES = 1 << 40
"""A second. QEMU's own is 128 MiB, meant for a network."""


@contextmanager
def held(connection: Connection, names: Sequence[str]) -> Iterator[None]:
    """Keep the processors of the machines called *names* still for the block, all of them."""
    held: list[str] = []
    try:
        for name in names:
            _do(connection, "holding", name, lambda machine: machine.suspend())
            held.append(name)
        yield
    finally:
        for name in held:
            _do(connection, "letting go on", name, lambda machine: machine.resume())


def save(connection: Connection, name: str, path: Path) -> None:
    """
    Write the memory and devices of the machine called *name*, which is held, to *path*.

    Raises:
        ProvisionError: if QEMU or libvirt refuses, with their words.
        NotReadyError: if it takes too long.
    """

    def probe() -> None:
        state = _ask(connection, name, "query-migrate")
        if state.status == "failed":
            raise _refused(f"keeping the memory of {name}", state.reason)
        if state.status != "completed":
            raise Pending(f"QEMU says {state.status}")

    _ask(connection, name, "migrate-set-parameters", **{"max-bandwidth": NO_LIMIT_BYTES})
    _ask(connection, name, "migrate", uri=f"file:{path}")
    wait_for(
        f"the memory of {name}",
        probe,
        timeout_s=SAVE_TIMEOUT_S,
        every_s=0.2,
        remedy="see whether the disk is slow or full",
    )


class _Error(msgspec.Struct):
    description: str = msgspec.field(name="desc", default="no reason given")


class State(msgspec.Struct):
    """Of a migration; what other commands return has nothing of it."""

    status: str = "nothing"
    reason: str = msgspec.field(name="error-desc", default="no reason given")


class _Answer(msgspec.Struct):
    """What QEMU's monitor says to a command (QMP): either of these."""

    returned: State | None = msgspec.field(name="return", default=None)
    error: _Error | None = None


def _ask(connection: Connection, name: str, command: str, **arguments: object) -> State:
    text = json.dumps({"execute": command, "arguments": arguments})

    def ask(machine: Any) -> str:  # noqa: ANN401 - libvirt has no types
        said: str = libvirt_qemu.qemuMonitorCommand(machine, text, 0)
        return said

    return parse(_do(connection, f"{command} of", name, ask), asked=f"{command} of {name}")


def parse(said: str, *, asked: str) -> State:
    """
    Read what QEMU's monitor *said* when it was *asked*.

    Raises:
        ProvisionError: if it refuses, or that is no answer.
    """
    try:
        answer = json_as(said, _Answer)
    except DecodeError as error:
        raise _refused(asked, str(error)) from error
    if answer.returned is None:
        raise _refused(asked, (answer.error or _Error()).description)
    return answer.returned


def _do(connection: Connection, what: str, name: str, action: Callable[[Any], T]) -> T:
    """Do *action* to the machine called *name*; *what* is that, in words before its name."""
    try:
        return connection.call(f"{what} {name}", lambda: action(connection.raw.lookupByName(name)))
    except libvirt.libvirtError as error:
        raise _refused(f"{what} {name}", error.get_error_message()) from error


def _refused(what: str, why: str) -> ProvisionError:
    return ProvisionError(f"{what} failed: {why}", remedy="read libvirt's log of the machine")
