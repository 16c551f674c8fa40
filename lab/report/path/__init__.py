"""
The picture of a sandbox's data path, drawn from the evidence of that very sandbox.

Two lanes, network and storage, of hops in zones: node, pod namespace, QEMU, guest. A hop is drawn
as it was read, and never from the cell's name: what was not read is dashed, a fact that does not
hold is an alarm at the hop that it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network.model import LINKS
from lab.report.path import network, storage
from lab.report.path.graph import DataPath, Hop, Lane, State, Zone
from lab.report.path.hops import Alarms
from lab.report.path.reading import Reading
from lab.report.path.text import path_text
from lab.storage.backend import MOUNTS, QEMU_COMMAND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.outcome import Evidence

__all__ = ["DataPath", "Hop", "Lane", "State", "Zone", "path_of", "path_text"]


def path_of(kept: Sequence[Evidence]) -> DataPath | None:
    """
    Draw the data path that the evidence of one boot tells of, as it was read last.

    None if nothing was asked that tells of one. Facts that did not hold earlier are told too.
    """
    if not kept or not {LINKS, MOUNTS, QEMU_COMMAND} & kept[-1].raw.keys():
        return None
    last = kept[-1]
    reading = Reading(last.raw)
    alarms = Alarms(_contradictions(kept))
    lanes = (
        alarms.lane("network", network.drafts(reading)),
        alarms.lane("storage", storage.drafts(reading, last.facts)),
    )
    beside = network.beside(reading)
    return DataPath(
        phase=last.phase,
        machine=_machine(reading),
        lanes=lanes,
        alarms=alarms.left,
        notes=(f"Also in the pod's namespace: {', '.join(beside)}",) if beside else (),
    )


def _contradictions(kept: Sequence[Evidence]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for evidence in kept:
        for fact in evidence.contradictions:
            told = texts.setdefault(fact.subject, [])
            if str(fact) not in told:
                told.append(str(fact))
    return texts


def _machine(reading: Reading) -> str:
    if not reading.has_guest:
        return "no guest: a container on the node"
    qemu = reading.qemu
    if qemu is None:
        return "QEMU's command line was not read"
    machine = next(qemu.all("machine"))
    return ", ".join((qemu.program, machine.kind, *machine.told("accel")))
