"""
libvirt's system daemons, where no init system starts them, and what they need of the host.

A daemon that we have started ends by itself; what was changed of the host is put back by the last
process of the lab that needs it changed.
"""

from __future__ import annotations

import grp
import logging
import os
import re
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from lab import ledger, owner
from lab.command import run
from lab.errors import CommandError, HostError, ProvisionError
from lab.files import locked, state_dir
from lab.ledger import Entry, Kind
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

TIMEOUT_S = 15.0
IDLE_EXIT_S = 300
"""A daemon that we started leaves by itself when no client and no machine is left."""
STARTED_BY = "KATA_LAB_STARTED_BY"
"""What it has in its environment: not the mark of what ends with its owner, for it does not."""

KVM = Path("/dev/kvm")
KVM_GROUP = "kvm"
KVM_MODE = 0o660
SYSTEMD_MARK = Path("/run/systemd/system")
SOCKETS = {
    "virtlogd": Path("/run/libvirt/virtlogd-sock"),
    "libvirtd": Path("/run/libvirt/libvirt-sock"),
}
_CHANGE = re.compile(r"(\d+):([0-7]+) -> (\d+):([0-7]+)")
"""The group and the mode of a file, as they were and as we have set them."""


def start() -> None:
    """
    Start those of the system's daemons that do not answer.

    Raises:
        LabError: if one does not come up.
    """
    _give_kvm_its_group()
    for daemon, path in SOCKETS.items():
        if not _answers(path):
            _start(daemon, path)


def restore(entry: Entry) -> None:
    """
    Put a setting of the host back to what it was, unless a process that lives needs it changed.

    What somebody else has changed since is left as it is.

    Raises:
        HostError: if it cannot be put back.
    """
    path, change = Path(entry.name), _CHANGE.fullmatch(entry.where)
    if change is None or not path.exists():
        return
    with locked(_lock()):
        if any(other.name == entry.name for other, is_alive in _changes() if is_alive):
            return
        group, mode, our_group, our_mode = change.groups()
        if _state(path) not in {(int(our_group), int(m, 8)) for m in (mode, our_mode)}:
            return  # the first of the two is a change that was cut short
        log.info("giving %s back to group %s, mode %s", path, group, mode)
        try:
            os.chown(path, -1, int(group))
            path.chmod(int(mode, 8))
        except OSError as error:
            remedy = f"run `chgrp {group} {path}; chmod {mode} {path}`"
            raise HostError(f"{path} cannot be put back: {error}", remedy=remedy) from error


def _start(daemon: str, path: Path) -> None:
    log.info("starting %s: no init system does", daemon)
    ledger.own().record(Entry(kind=Kind.DAEMON, name=daemon, where=str(path)))
    argv = [daemon, "--daemon", "--timeout", str(IDLE_EXIT_S)]
    try:
        run(argv, timeout_s=TIMEOUT_S, env={owner.VARIABLE: "", STARTED_BY: owner.me().id})
    except CommandError:
        if not _answers(path):  # else another run was faster, and ours could not but fail
            raise
    wait_for(
        daemon,
        partial(_demand, path),
        timeout_s=TIMEOUT_S,
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
    with locked(_lock()):
        was_group, was_mode = _state(KVM)
        if was_group != group:
            change = f"{was_group}:{was_mode:o} -> {group}:{KVM_MODE:o}"
            log.info("giving %s to the group %s: no udev does", KVM, KVM_GROUP)
            ledger.own().record(Entry(kind=Kind.SETTING, name=str(KVM), where=change))
            os.chown(KVM, -1, group)
            KVM.chmod(KVM_MODE)
        elif (found := next(_changes(), None)) and not _is_ours(found[0]):
            # From now on we need it too: whoever ends last puts it back.
            ledger.own().record(found[0])


def _changes() -> Iterator[tuple[Entry, bool]]:
    """What processes of the lab have changed of the host, and whether each lives."""
    home = state_dir()
    for who, theirs in ledger.of_processes(home):
        with suppress(ProvisionError):  # damaged: `lab gc` says so
            for entry in theirs.newest_first():
                if entry.kind is Kind.SETTING:
                    yield entry, ledger.is_alive(who, home)


def _is_ours(entry: Entry) -> bool:
    return ledger.owns_one() and entry in ledger.own().newest_first()


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_gid, S_IMODE(found.st_mode)


def _lock() -> Path:
    return state_dir() / "settings.lock"


def _demand(path: Path) -> None:
    if not _answers(path):
        raise Pending(f"nobody listens on {path}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT_S)
        return client.connect_ex(str(path)) == 0
