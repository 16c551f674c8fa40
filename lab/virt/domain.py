"""A node's domain: started, asked whether it runs, and ended without leaving anything."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import libvirt

from lab.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.virt.connection import Connection

log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0

_GONE = {libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID}


class PortTakenError(ProvisionError):
    """The management port was taken between choosing it and starting the node."""


def start(connection: Connection, xml: str, *, name: str) -> None:
    """
    Create the transient domain of *xml*: it is gone, definition and all, when it stops.

    Raises:
        PortTakenError: if its port on 127.0.0.1 is in use.
        ProvisionError: if libvirt or QEMU refuses it, with their words.
    """
    try:
        connection.call(
            f"starting {name}", lambda: connection.raw.createXML(xml, 0), timeout_s=START_TIMEOUT_S
        )
    except libvirt.libvirtError as error:
        message = error.get_error_message()
        if "host forwarding rule" in message:
            raise PortTakenError(
                f"{name} cannot have its port: {message}", remedy="try again"
            ) from error
        raise ProvisionError(
            f"libvirt cannot start {name}: {message}",
            remedy="run `lab doctor`; if it finds nothing, read libvirt's log of the machine"
            f" (qemu/{name}.log in libvirt's log folder)",
        ) from error


def is_running(connection: Connection, name: str) -> bool:
    """Whether a domain of that name is running."""
    try:
        return connection.call(
            f"looking for {name}", lambda: bool(connection.raw.lookupByName(name).isActive())
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return False
        raise


def shut_down(connection: Connection, name: str) -> None:
    """Ask the node's system to end; it is up to the caller to wait for it."""
    with gone_is_fine():
        connection.call(
            f"shutting down {name}", lambda: connection.raw.lookupByName(name).shutdown()
        )


def destroy(connection: Connection, name: str) -> None:
    """End a domain at once; one that is gone already is fine."""
    with gone_is_fine():
        connection.call(
            f"ending {name}",
            lambda: connection.raw.lookupByName(name).destroy(),
            timeout_s=START_TIMEOUT_S,
        )


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Swallow "no such domain" and "not running", by code, and nothing else."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in _GONE:
            raise
        log.debug("gone already: %s", error.get_error_message())
