"""From whatever is left of a lab to nothing: by its ledger, never by today's configuration."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import HostError, LabError, ProvisionError
from lab.interrupt import held_off
from lab.labs import LEDGER
from lab.ledger import Kind, Ledger
from lab.node import Access, Node
from lab.virt import domain
from lab.virt.connection import connected

if TYPE_CHECKING:
    from lab.ledger import Entry

log = logging.getLogger(__name__)


def take_down(folder: Path) -> None:
    """
    Undo everything in the ledger of the lab in *folder*, newest first, then forget the lab.

    Each step is tried, whatever became of the others.

    Raises:
        ProvisionError: if something would not go; the ledger is then kept, so that the
            next `lab down` can try again.
    """
    stuck = []
    with held_off(f"taking down {folder.name}"):
        for entry in Ledger(folder / LEDGER).newest_first():
            try:
                _UNDO[entry.kind](entry)
            except LabError as error:
                stuck.append(f"{entry.kind} {entry.name}: {error.problem}")
        if not stuck:
            shutil.rmtree(folder)
    if stuck:
        raise ProvisionError(
            f"{folder.name} could not be taken down whole:\n  " + "\n  ".join(stuck),
            remedy=f"run `lab down {folder.name}` once that is mended",
        )


def _undo_domain(entry: Entry) -> None:
    with connected(entry.where) as connection:
        domain.destroy(connection, entry.name)


def _undo_connection(entry: Entry) -> None:
    Node(Access(name=entry.name, sockets=Path(entry.where))).disconnect()


def _undo_folder(entry: Entry) -> None:
    try:
        shutil.rmtree(entry.name)
    except FileNotFoundError:
        log.debug("gone already: %s", entry.name)
    except OSError as error:
        raise HostError(str(error), remedy=f"remove {entry.name} by hand") from error


_UNDO = {
    Kind.DOMAIN: _undo_domain,
    Kind.CONNECTION: _undo_connection,
    Kind.FOLDER: _undo_folder,
}
