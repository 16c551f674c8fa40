"""Which code measures: a digest of the lab's own files and of the scenarios."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

LAB = Path(__file__).resolve().parent
SCENARIOS = LAB.parent / "scenarios"
SHORT = 12
SKIPPED = {"__pycache__"}


@cache
def digest() -> str:
    """The digest of all files that a run is made by, whatever their version says."""
    found = hashlib.sha256()
    for root in (LAB, SCENARIOS):
        for path in sorted(root.rglob("*")):
            if path.is_file() and not SKIPPED & set(path.parts):
                found.update(f"{path.relative_to(root.parent)}\0".encode())
                found.update(path.read_bytes())
    return found.hexdigest()[:SHORT]
