"""
A machine's memory and devices as a file, from which another machine of the same shape goes on.

By QEMU's own migration, not by libvirt's save: libvirt restores under the same name and UUID alone,
and a lab's machines have names of their own. Source: QEMU, docs/devel/migration, "file:" (8.2).
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import libvirt
import libvirt_qemu

from lab.errors import ProvisionError
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lab.virt.connection import Connection

SAVE_TIMEOUT_S = 120.0
NO_LIMIT_BYTES = 1 << 40
"""A second. QEMU's own is 128 MiB, meant for a network."""


@contextmanager
def held(connection: Connection, names: Sequence[str]) -> Iterator[None]:
    """Keep the processors of the machines called *names* still for the block, all of them."""
    held: list[str] = []
    try:
        for name in names:
            _do(connection, f"holding {name}", _of(connection, name).suspend)
            held.append(name)
        yield
    finally:
        for name in held:
            _do(connection, f"letting {name} go on", _of(connection, name).resume)


def save(connection: Connection, name: str, path: Path) -> None:
    """
    Write the memory and devices of the machine called *name*, which is held, to *path*.

    Raises:
        ProvisionError: if QEMU or libvirt refuses, with their words.
        NotReadyError: if it takes too long.
    """

    def probe() -> None:
        state = _asked(connection, name, "query-migrate")
        if state.get("status") == "failed":
            raise _refused(
                f"keeping the memory of {name}", state.get("error-desc", "no reason given")
            )
        if state.get("status") != "completed":
            raise Pending(f"QEMU says {state.get('status', 'nothing')}")

    _asked(connection, name, "migrate-set-parameters", {"max-bandwidth": NO_LIMIT_BYTES})
    _asked(connection, name, "migrate", {"uri": f"file:{path}"})
    wait_for(
        f"the memory of {name}",
        probe,
        timeout_s=SAVE_TIMEOUT_S,
        every_s=0.2,
        remedy="see whether the disk is slow or full",
    )


def _asked(
    connection: Connection, name: str, command: str, arguments: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What QEMU returns for a *command* of its monitor (QMP)."""
    text = json.dumps({"execute": command, "arguments": arguments or {}})
    ask = partial(libvirt_qemu.qemuMonitorCommand, _of(connection, name), text, 0)
    said = _do(connection, f"{command} of {name}", ask)
    answer: dict[str, Any] = json.loads(said)
    if "error" in answer:
        raise _refused(f"{command} of {name}", answer["error"].get("desc", said))
    returned: dict[str, Any] = answer["return"]
    return returned


def _of(connection: Connection, name: str) -> Any:  # noqa: ANN401 - libvirt has no types
    return _do(connection, f"looking for {name}", partial(connection.raw.lookupByName, name))


def _do(connection: Connection, what: str, action: Callable[[], Any]) -> Any:  # noqa: ANN401 - its
    try:
        return connection.call(what, action)
    except libvirt.libvirtError as error:
        raise _refused(what, error.get_error_message()) from error


def _refused(what: str, why: str) -> ProvisionError:
    return ProvisionError(f"{what} failed: {why}", remedy="read libvirt's log of the machine")
