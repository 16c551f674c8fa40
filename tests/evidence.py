"""Answers of real sandboxes, and ways to tamper with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.matrix import Cell, Runtime
from lab.network.pod import CALICO_ROUTES, Pod
from lab.storage import BACKENDS
from lab.storage.backend import Snapshotter, Volume

if TYPE_CHECKING:
    from lab.outcome import Fact

DATA = Path(__file__).parent / "data" / "evidence"

Answers = Mapping[str, str]
Change = Callable[[Answers], dict[str, str]]

LOST = {
    "empty": "",
    "namespace-gone": 'Cannot open network namespace "boot1": No such file or directory\n',
    "garbage": "\x00\ufffd }{",
    "empty-list": "[]\n",
    "null": "null\n",
    "no-list": '{"ifname": "eth0"}\n',
}
"""What a question can be answered with when there is nothing left to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What one sandbox answered, and what the lab knew of it."""

    cell: Cell
    pod: Pod
    volume: Volume
    answers: Answers


def captured(name: str) -> Captured:
    """The answers of the sandbox of the cell *name* in tests/data/evidence."""
    kept = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    cell = Cell.parse(name)
    pod = Pod(
        namespace=kept["pod"]["namespace"],
        mac=kept["pod"]["mac"],
        address=IPv4Interface(kept["pod"]["address"]),
        mtu_bytes=1440,
        routes=CALICO_ROUTES,
    )
    is_guest = cell.runtime is Runtime.REFERENCE
    volume = Volume(
        snapshotter=BACKENDS[cell.storage].SNAPSHOTTER if is_guest else Snapshotter.OVERLAYFS,
        key=pod.namespace,
        mount=tuple(kept["mount"]),
        folder=pod.folder,
    )
    return Captured(cell=cell, pod=pod, volume=volume, answers=kept["answers"])


def broken(facts: Iterable[Fact]) -> set[str]:
    """The subjects of the facts that do not hold."""
    return {fact.subject for fact in facts if not fact.holds}


def answered(question: str, text: str) -> Change:
    """*question* was answered with *text*."""

    def change(answers: Answers) -> dict[str, str]:
        assert question in answers, question
        return {**answers, question: text}

    return change


def replaced(question: str, old: str, new: str) -> Change:
    """The answer to *question* has *new* where it had *old*."""

    def change(answers: Answers) -> dict[str, str]:
        assert old in answers[question], (old, answers[question])
        return {**answers, question: answers[question].replace(old, new)}

    return change


def without(question: str, **marks: str) -> Change:
    """The JSON list that answers *question* lacks the items that have all *marks*."""

    def change(answers: Answers) -> dict[str, str]:
        items = json.loads(answers[question])
        left = [item for item in items if not marks.items() <= item.items()]
        assert len(left) < len(items), marks
        return {**answers, question: json.dumps(left)}

    return change


def added(question: str, item: dict[str, Any]) -> Change:
    """The JSON list that answers *question* has one *item* more."""

    def change(answers: Answers) -> dict[str, str]:
        return {**answers, question: json.dumps([*json.loads(answers[question]), item])}

    return change


def edited(question: str, device: str, path: str, value: object) -> Change:
    """What answers *question* tells *value* at *path* (keys between slashes) of *device*."""

    def change(answers: Answers) -> dict[str, str]:
        items = json.loads(answers[question])
        at = next(item for item in items if item["ifname"] == device)
        *parents, last = path.split("/")
        for key in parents:
            at = at[key]
        assert at[last] != value, value
        at[last] = value
        return {**answers, question: json.dumps(items)}

    return change
