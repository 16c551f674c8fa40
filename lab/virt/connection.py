"""A connection to libvirt with a deadline on every call."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from lab.errors import HostError, ProvisionError
from lab.virt import daemons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0


def default_uri() -> str:
    """Root's machines belong to the system daemon, a user's to the user's own."""
    return "qemu:///system" if os.geteuid() == 0 else "qemu:///session"


@contextmanager
def connected(uri: str) -> Iterator[Connection]:
    """
    Hold a connection to *uri*; the system's daemons are started where no init system does.

    Raises:
        HostError: if no daemon can be reached, or it does not answer in time.
    """
    libvirt.registerErrorHandler(_ignore_default_print, None)
    if uri == "qemu:///system" and not daemons.SYSTEMD_MARK.exists():
        daemons.start()
    try:
        raw = within(CALL_TIMEOUT_S, f"opening {uri}", lambda: libvirt.open(uri))
    except libvirt.libvirtError as error:
        raise HostError(
            f"libvirt at {uri} cannot be reached: {error.get_error_message()}",
            remedy="start it with `systemctl start libvirtd`, then try again",
        ) from error
    connection = Connection(uri, raw)
    try:
        yield connection
    finally:
        # A daemon that hangs was the error already: that it does not let go of us says no more.
        with suppress(libvirt.libvirtError, ProvisionError):
            connection.call("closing", raw.close, timeout_s=CLOSE_TIMEOUT_S)


class Connection:
    """One open connection; every call through it ends by itself."""

    def __init__(self, uri: str, raw: Any) -> None:  # noqa: ANN401 - libvirt has no types
        self.uri = uri
        self.raw = raw

    def call(self, what: str, action: Callable[[], T], *, timeout_s: float = CALL_TIMEOUT_S) -> T:
        """Do *action*, a libvirt call, within *timeout_s*; *what* names it in the error."""
        return within(timeout_s, f"{what} at {self.uri}", action)


def within(timeout_s: float, what: str, action: Callable[[], T]) -> T:
    """
    Do *action* in a thread of its own and give up on it at the deadline.

    libvirt's C calls cannot be interrupted: a daemon that hangs would hang us. The thread
    is a daemon thread, so that it cannot keep the process from ending either.

    Raises:
        ProvisionError: if the deadline passed.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            future.set_exception(error)

    threading.Thread(target=work, name=f"libvirt: {what}", daemon=True).start()
    try:
        return future.result(timeout_s)
    except TimeoutError:
        raise ProvisionError(
            f"{what}: libvirt did not answer within {timeout_s:g} s",
            remedy="restart the daemon (`systemctl restart libvirtd`), then try again",
        ) from None
    except KeyboardInterrupt:
        # The call goes on in the daemon. What it makes must be there before it is undone.
        wait([future], timeout_s)
        raise


def _ignore_default_print(_context: object, _error: object) -> None:
    """libvirt prints each error to stderr by default; we raise them instead."""
