"""Topology files: TOML, read strictly; an error names the file, the key and the nearest known."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import msgspec

from lab.decode import DecodeError, toml_as
from lab.errors import TopologyError
from lab.places import TOPOLOGIES
from lab.topology import Binary, DataNetwork, NodeSpec, SandboxSpec, Topology

_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]+)`")


def load_topology(name: str, *, folder: Path = TOPOLOGIES) -> Topology:
    """
    Read the topology called *name*, or the file at that path.

    Raises:
        TopologyError: if there is none of that name, or its file is wrong.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_such_topology(name, folder) from None
    except OSError as error:
        remedy = "name a file that can be read"
        raise TopologyError(f"{path}: {error.strerror}", remedy=remedy) from error
    try:
        return toml_as(raw, Topology)
    except DecodeError as error:
        raise TopologyError(f"{path}: {error}", remedy=_remedy(str(error))) from error


def _no_such_topology(name: str, folder: Path) -> TopologyError:
    known = sorted(path.stem for path in folder.glob("*.toml"))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return TopologyError(
        f"--topology: there is no topology {name!r} in {folder}",
        remedy=f"{hint}known: {', '.join(known)}, or give the path of a .toml file",
    )


def _remedy(problem: str) -> str:
    if match := _UNKNOWN_FIELD.search(problem):
        structs = (Topology, NodeSpec, SandboxSpec, Binary, DataNetwork)
        known = {field.encode_name for kind in structs for field in msgspec.structs.fields(kind)}
        near = difflib.get_close_matches(match["key"], known, n=1)
        return f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return "correct the file; docs/topology.md describes every key"
