"""Output of real tools, and ways to break it."""

from __future__ import annotations

import json
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"


def captured(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def changed(name: str, path: str, value: object) -> str:
    """The captured JSON of *name* with *value* at *path* (keys and indices between slashes)."""
    report = json.loads(captured(name))
    at = report
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    for key in parents:
        at = at[key]
    at[last] = value
    return json.dumps(report)


def without(name: str, path: str) -> str:
    """The captured JSON of *name* without what is at *path*."""
    report = json.loads(captured(name))
    at = report
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    for key in parents:
        at = at[key]
    del at[last]
    return json.dumps(report)
