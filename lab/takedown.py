"""From whatever is left of a lab to nothing: by its ledger, never by today's configuration."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab import ledger
from lab.errors import HostError, LabError, ProvisionError
from lab.files import remove
from lab.interrupt import held_off
from lab.labs import LEDGER
from lab.ledger import Kind, Ledger
from lab.node import Access, Node
from lab.virt import daemons, domain
from lab.virt.connection import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lab.ledger import Entry

log = logging.getLogger(__name__)


def take_down(folder: Path) -> None:
    """
    Undo everything in the ledger of the lab in *folder*, newest first, then forget the lab.

    Each step is tried, whatever became of the others. A lab that is gone already is fine.

    Raises:
        ProvisionError: if something would not go; the ledger is then kept, so that the
            next `lab down` can try again.
    """
    with held_off(f"taking down {folder.name}"):
        stuck = undo(Ledger(folder / LEDGER).newest_first())
        if not stuck:
            stuck = _tried("folder", str(folder), partial(_remove, folder))
    if stuck:
        raise ProvisionError(
            f"{folder.name} could not be taken down whole:\n  " + "\n  ".join(stuck),
            remedy=f"run `lab down {folder.name}` once that is mended",
        )


@contextmanager
def taken_down_on_failure(folder: Path) -> Iterator[None]:
    """
    Take the lab in *folder* down if the block fails, and let its error go on.

    It is the first that went wrong, and stays what is told: what would not go is a note to it.
    """
    try:
        yield
    except BaseException as error:
        take_down_beside(error, folder)
        raise


def take_down_beside(error: BaseException, folder: Path) -> None:
    """Take the lab in *folder* down because of *error*, to which what is stuck is a note."""
    try:
        take_down(folder)
    except LabError as left:
        error.add_note(str(left))


@contextmanager
def taken_down_after(folder: Path) -> Iterator[None]:
    """Take the lab in *folder* down after the block; if that has failed, its error goes on."""
    with taken_down_on_failure(folder):
        yield
    take_down(folder)


def undo(entries: Iterable[Entry]) -> list[str]:
    """Undo *entries* in that order, each whatever became of the others; return what is stuck."""
    stuck = []
    for entry in entries:
        stuck += _tried(entry.kind, entry.name, partial(_UNDO[entry.kind], entry))
    return stuck


def leave() -> None:
    """
    Undo what this process has made outside of labs: the last that it does.

    Raises:
        ProvisionError: if something would not go.
    """
    if not ledger.owns_one():
        return
    with held_off("leaving"):
        stuck = undo(ledger.forget_own())
    if stuck:
        raise ProvisionError(
            "something is left behind:\n  " + "\n  ".join(stuck), remedy="remove it by hand"
        )


def _tried(kind: str, name: str, action: Callable[[], None]) -> list[str]:
    try:
        action()
    except LabError as error:
        return [f"{kind} {name}: {error.problem}"]
    return []


def _undo_domain(entry: Entry) -> None:
    with connected(entry.where) as connection:
        domain.end(connection, entry.name)


def _undo_connection(entry: Entry) -> None:
    Node(Access(name=entry.name, sockets=Path(entry.where))).disconnect()


def _undo_path(entry: Entry) -> None:
    _remove(Path(entry.name))


def _remove(path: Path) -> None:
    try:
        remove(path)
    except OSError as error:
        raise HostError(str(error), remedy=f"remove {path} by hand") from error


def _ends_by_itself(entry: Entry) -> None:
    log.debug("%s %s ends by itself", entry.kind, entry.name)


_UNDO = {
    Kind.DOMAIN: _undo_domain,
    Kind.DISK: _undo_path,
    Kind.FOLDER: _undo_path,
    Kind.CONNECTION: _undo_connection,
    Kind.PORT: _ends_by_itself,
    Kind.DAEMON: _ends_by_itself,
    Kind.SETTING: daemons.restore,
}
