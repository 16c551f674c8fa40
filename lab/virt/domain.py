"""A node's domain: started, asked whether it runs, and ended without leaving anything."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libvirt

from lab.decode import DecodeError, xml
from lab.errors import ProvisionError
from lab.virt.xml import APPARMOR, ownership

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.virt.connection import Connection
    from lab.virt.xml import Ownership

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


def emulator_problem(connection: Connection, emulator: Path) -> str:
    """Why libvirt cannot start a machine with *emulator*, in its own words; empty if it can."""
    try:
        connection.call(
            f"asking {emulator} what it can do",
            lambda: connection.raw.getDomainCapabilities(str(emulator), None, None, "qemu", 0),
            timeout_s=START_TIMEOUT_S,
        )
    except libvirt.libvirtError as error:
        return str(error.get_error_message())
    return ""


def confined_by(connection: Connection) -> str | None:
    """
    The security model in force whose profiles list the programs a machine may run.

    Raises:
        ProvisionError: if libvirt's answer cannot be read.
    """
    answer = connection.call("reading capabilities", connection.raw.getCapabilities)
    try:
        models = xml(answer).findall("host/secmodel/model")
    except DecodeError as error:
        problem = f"libvirt's capabilities cannot be read: {error}"
        raise ProvisionError(problem, remedy="look at them: `virsh capabilities`") from error
    return next((APPARMOR for model in models if model.text == APPARMOR), None)


def is_running(connection: Connection, name: str) -> bool:
    """
    Whether a domain of that name is running.

    Raises:
        ProvisionError: if libvirt cannot tell.
    """
    try:
        return connection.call(
            f"looking for {name}", lambda: bool(connection.raw.lookupByName(name).isActive())
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return False
        raise _refused(f"look for {name}", error) from error


@dataclass(frozen=True, slots=True)
class OwnDomain:
    """A domain that says it is the lab's, and has the name of one."""

    name: str
    whose: Ownership


def own(connection: Connection) -> tuple[OwnDomain, ...]:
    """
    The domains of labs, by what is written on them.

    Raises:
        ProvisionError: if libvirt cannot tell.
    """

    def look() -> tuple[OwnDomain, ...]:
        found = []
        for each in connection.raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            with _gone_is_fine():
                name, whose = each.name(), ownership(each.XMLDesc())
                # A copy that somebody has made of one is called otherwise, and is his.
                if whose and name.startswith(f"{whose.lab}-"):
                    found.append(OwnDomain(name, whose))
        return tuple(found)

    try:
        return connection.call("listing domains", look)
    except libvirt.libvirtError as error:
        raise _refused("list domains", error) from error


def destroy(connection: Connection, name: str) -> None:
    """
    End a domain at once; one that is gone already, or off, is fine.

    Raises:
        ProvisionError: if it will not end, with libvirt's words.
    """
    try:
        connection.call(
            f"ending {name}",
            lambda: connection.raw.lookupByName(name).destroy(),
            timeout_s=START_TIMEOUT_S,
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() not in _GONE:
            raise _refused(f"end {name}", error) from error
        log.debug("gone already: %s", error.get_error_message())


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in _GONE:
            raise


def end(connection: Connection, name: str) -> None:
    """
    End a node's domain; one of that name that is not the lab's is left alone.

    Raises:
        ProvisionError: if it will not end, with libvirt's words.
    """
    if any(each.name == name for each in own(connection)):
        destroy(connection, name)


def _refused(action: str, error: libvirt.libvirtError) -> ProvisionError:
    return ProvisionError(
        f"libvirt cannot {action}: {error.get_error_message()}",
        remedy="see that libvirt is up (`lab doctor`), then try again",
    )
