"""Topology files: TOML, read strictly; an error names the file, the key and the nearest known."""

from __future__ import annotations

import difflib
import re
from itertools import takewhile
from pathlib import Path

import msgspec

from lab.decode import DecodeError, toml_as
from lab.errors import TopologyError
from lab.places import TOPOLOGIES
from lab.toml_lines import in_words, line_of
from lab.topology import Binary, DataNetwork, NodeSpec, SandboxSpec, Topology

SUFFIX = ".toml"
"""What makes of a name a file's."""
DIRECTIVE = "#:"
"""Begins a line that tells an editor of the schema, and a reader nothing (Taplo's directives)."""
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]+)`")


def load_topology(name: str, *, folder: Path = TOPOLOGIES) -> Topology:
    """
    Read the topology called *name*, or the file at that path.

    Raises:
        TopologyError: if there is none of that name, or its file is wrong.
    """
    path = _path_of(name, folder)
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
        line = line_of(str(error), raw.decode(errors="replace"))
        where = f"{path}:{line}" if line else f"{path}"
        problem = f"{where}: {in_words(str(error))}"
        raise TopologyError(problem, remedy=_remedy(str(error))) from error


def purpose_of(name: str, *, folder: Path = TOPOLOGIES) -> str:
    """
    The first sentence of the comment at the head of a topology's file; empty without one.

    Raises:
        OSError: if there is no such file.
    """
    lines = _path_of(name, folder).read_text(encoding="utf-8", errors="replace").splitlines()
    head = takewhile(lambda line: line.startswith("#"), lines)
    told = " ".join(line[1:].strip() for line in head if not line.startswith(DIRECTIVE))
    return re.split(r"(?<=[.:]) ", told)[0].rstrip(":.")


def _path_of(name: str, folder: Path) -> Path:
    return Path(name) if name.endswith(SUFFIX) else folder / f"{name}{SUFFIX}"


def _no_such_topology(name: str, folder: Path) -> TopologyError:
    known = sorted(path.stem for path in folder.glob("*.toml"))
    near = difflib.get_close_matches(Path(name.removesuffix(SUFFIX)).name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    missing = f"topology {name!r} in {folder}"
    if name.endswith(SUFFIX):
        missing = f"file {name}"
    return TopologyError(
        f"there is no {missing}",
        remedy=f"{hint}known: {', '.join(known)}, or give the path of a .toml file",
    )


def _remedy(problem: str) -> str:
    if match := _UNKNOWN_FIELD.search(problem):
        structs = (Topology, NodeSpec, SandboxSpec, Binary, DataNetwork)
        known = {field.encode_name for kind in structs for field in msgspec.structs.fields(kind)}
        near = difflib.get_close_matches(match["key"], known, n=1)
        return f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return "correct the file; `lab topology schema` describes every key"
