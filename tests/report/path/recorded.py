"""
Evidence that was recorded of real sandboxes, under the names of the pictures drawn from it.

``python -m tests.report.path.recorded`` draws them anew.
"""

from __future__ import annotations

import json
from functools import cache

import msgspec

from lab.matrix import Runtime
from lab.network import MODELS
from lab.outcome import Evidence
from lab.report.path import DataPath, path_of, path_text
from lab.runtime.evidence import qemu_facts
from lab.storage import BACKENDS
from tests.evidence import DATA as ANSWERS
from tests.evidence import Change, captured

DATA = ANSWERS.parent / "path"
DRAWN = DATA / "drawn"
ENDS_NOT_READ = "-ends-not-read"
POD = "runc-pod-of-kubernetes"
CELLS = tuple(sorted(file.stem for file in DATA.glob("*.json")))
CAPTURED = tuple(sorted(file.stem for file in ANSWERS.glob("*.json")))


@cache
def evidence(cell: str) -> tuple[Evidence, ...]:
    """What a run has kept of the boot of a cell."""
    return msgspec.json.decode((DATA / f"{cell}.json").read_bytes(), type=tuple[Evidence, ...])


def changed(cell: str, *changes: Change) -> tuple[Evidence, ...]:
    """What would have been kept of a captured sandbox if its answers had been others."""
    sandbox = captured(cell)
    answers = dict(sandbox.answers)
    for change in changes:
        answers = change(answers)
    facts = (
        ()
        if sandbox.cell.runtime is Runtime.RUNC
        else (
            *qemu_facts(sandbox.pod, answers),
            *MODELS[sandbox.cell.network].facts(sandbox.pod, answers),
            *BACKENDS[sandbox.cell.storage].facts(sandbox.volume, answers),
        )
    )
    return (Evidence(phase="before", facts=facts, raw=answers),)


def pod() -> tuple[Evidence, ...]:
    """A pod of Kubernetes, without the facts."""
    file = ANSWERS.parent / "kubernetes" / "evidence-runc-pod.json"
    return (Evidence(phase="before", facts=(), raw=json.loads(file.read_text(encoding="utf-8"))),)


PICTURES = {
    **{cell: evidence(cell) for cell in CELLS},
    **{f"{cell}{ENDS_NOT_READ}": changed(cell) for cell in CAPTURED},
    POD: pod(),
}


def drawn(kept: tuple[Evidence, ...]) -> DataPath:
    """The picture of evidence that has one."""
    path = path_of(kept)
    assert path is not None
    return path


if __name__ == "__main__":
    for name, kept in PICTURES.items():
        text = path_text(drawn(kept))
        (DRAWN / f"{name}.txt").write_text(text, encoding="utf-8")
