"""`lab topology`: which topologies there are, whether a file is one, what it comes to."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from lab.verbs.parser import OK, USAGE, Group, Verbs

if TYPE_CHECKING:
    import argparse

    from lab.topology import Topology

WIDTH = 80
HEADS = {"memory_mib": "MiB", "pool_gib": "pool GiB", "from_mac": "", "to_mac": ""}
"""What a column is called in a table, if not as in JSON."""


def add(verbs: Verbs) -> None:
    """Offer it."""
    whole = verbs.add(
        "topology", _list, "list, check and show what machines a bench has", group=Group.SET_UP
    )
    below = Verbs(whole, required=False)
    below.add("list", _list, "list the topologies that there are")
    check = below.add("check", _check, "say of files whether they are right, or what is wrong")
    check.add_argument("files", metavar="FILE", nargs="+", help="a topology's file, or its name")
    show = below.add("show", _show, "show a topology with its computed addresses")
    show.add_argument("topology", metavar="NAME", help="a topology's name, or its file")
    show.add_argument("--json", action="store_true", help="for programs")
    below.add("schema", _schema, "print the JSON Schema of the files, for editors")


def _list(_arguments: argparse.Namespace) -> int:
    from lab.loader import load_topology, purpose_of  # noqa: PLC0415 - the quick verbs stay quick
    from lab.places import TOPOLOGIES  # noqa: PLC0415

    paths = sorted(TOPOLOGIES.glob("*.toml"))
    width = max((len(path.stem) for path in paths), default=0) + 2
    for path in paths:
        load_topology(path.stem)  # what does not load is no topology
        _print_wrapped(f"{path.stem:{width}}{purpose_of(path.stem)}", indent=width)
    return OK


def _check(arguments: argparse.Namespace) -> int:
    from lab.errors import TopologyError  # noqa: PLC0415
    from lab.loader import load_topology  # noqa: PLC0415
    from lab.text import clean  # noqa: PLC0415

    wrong = 0
    for name in arguments.files:
        try:
            topology = load_topology(name)
        except TopologyError as error:
            wrong += 1
            print(clean(str(error)))
        else:
            print(f"{name}: right: {topology.name}, {_machines(topology)}")
    return USAGE if wrong else OK


def _show(arguments: argparse.Namespace) -> int:
    from lab.loader import load_topology, purpose_of  # noqa: PLC0415
    from lab.shape import shape  # noqa: PLC0415

    topology = load_topology(arguments.topology)
    found = shape(topology)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return OK
    if purpose := purpose_of(arguments.topology):
        _print_wrapped(f"{topology.name}: {purpose}", indent=2)
        print()
    for name, value in found.items():
        if not isinstance(value, list):
            _print_wrapped(f"{name:10}{value}", indent=10)
    for name in ("nodes", "wires"):
        if found[name]:
            print(f"\n{name}")
            _print_table(found[name])
    return OK


def _schema(_arguments: argparse.Namespace) -> int:
    from lab.topology_schema import text  # noqa: PLC0415

    print(text(), end="")
    return OK


def _machines(topology: Topology) -> str:
    from lab.units import count  # noqa: PLC0415

    memory_mib = sum(node.memory_mib for node in topology.nodes)
    return f"{count(len(topology.nodes), 'node')}, {memory_mib} MiB"


def _print_wrapped(text: str, *, indent: int) -> None:
    print(textwrap.fill(text, width=WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False))


def _print_table(rows: list[dict[str, Any]]) -> None:
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    heads = [HEADS.get(name, name) for name in columns]
    texts = [heads, *([str(row[name] or "") for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  " + "  ".join(padded).rstrip())
