"""A connection to libvirt with a deadline on every call, and the daemons behind it."""

from __future__ import annotations

import grp
import logging
import os
import socket
import threading
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from lab.command import run
from lab.errors import HostError, ProvisionError
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0
DAEMON_TIMEOUT_S = 15.0
IDLE_EXIT_S = 300
"""A daemon that we started leaves by itself when no client and no machine is left."""

KVM = Path("/dev/kvm")
KVM_GROUP = "kvm"
KVM_MODE = 0o660
SYSTEMD_MARK = Path("/run/systemd/system")
DAEMON_SOCKETS = {
    "virtlogd": Path("/run/libvirt/virtlogd-sock"),
    "libvirtd": Path("/run/libvirt/libvirt-sock"),
}


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
    if uri == "qemu:///system" and not SYSTEMD_MARK.exists():
        _start_daemons()
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
        with suppress(libvirt.libvirtError):
            connection.call("closing", raw.close)


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


def _start_daemons() -> None:
    _give_kvm_its_group()
    for daemon, path in DAEMON_SOCKETS.items():
        if _answers(path):
            continue
        log.info("starting %s: no init system does", daemon)
        run([daemon, "--daemon", "--timeout", str(IDLE_EXIT_S)], timeout_s=DAEMON_TIMEOUT_S)
        wait_for(
            daemon,
            partial(_demand, path),
            timeout_s=DAEMON_TIMEOUT_S,
            every_s=0.1,
            remedy=f"run `{daemon} --verbose` by hand and read what it says",
        )


def _give_kvm_its_group() -> None:
    """
    Do to /dev/kvm what udev would have done (50-udev-default.rules), where there is no udev.

    libvirt looks at KVM with more rights than its machines have. Where the two differ it
    takes what it knows of QEMU for out of date and asks QEMU again, 4 s a time, a dozen times
    over (virQEMUCapsIsValid in libvirt 9.0's src/qemu/qemu_capabilities.c).
    """
    if not KVM.exists():
        return
    try:
        group = grp.getgrnam(KVM_GROUP).gr_gid
    except KeyError:  # whoever installs libvirt's system daemon makes the group
        return
    if KVM.stat().st_gid != group:
        log.info("giving %s to the group %s: no udev does", KVM, KVM_GROUP)
        os.chown(KVM, -1, group)
        KVM.chmod(KVM_MODE)


def _demand(path: Path) -> None:
    if not _answers(path):
        raise Pending(f"nobody listens on {path}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DAEMON_TIMEOUT_S)
        return client.connect_ex(str(path)) == 0


def _ignore_default_print(_context: object, _error: object) -> None:
    """libvirt prints each error to stderr by default; we raise them instead."""
