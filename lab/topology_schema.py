"""
The JSON Schema of topology files, for editors: made of the types that a file is read into.

It knows each key by itself. What several must be to each other (roles, addresses, a sandbox that
fits into its node) only the loader checks, which `lab topology check` asks.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lab import docstrings
from lab.topology import Binary, DataNetwork, NodeSpec, SandboxSpec, Topology

FILE = "topology.schema.json"
"""In the folder of the topologies; each of them names it in its first line."""
STRUCTS = (Topology, NodeSpec, DataNetwork, SandboxSpec, Binary)


def schema() -> dict[str, Any]:
    """The schema, with what the code says of each field."""
    made = msgspec.json.schema(Topology)
    for struct in STRUCTS:
        described = made["$defs"][struct.__name__]
        described["description"] = " ".join(docstrings.paragraphs(struct.__doc__ or ""))
        for field in msgspec.structs.fields(struct):
            told = docstrings.of_field(struct, field.name)
            described["properties"][field.encode_name]["description"] = told
    made["$defs"] = dict(sorted(made["$defs"].items()))
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "A topology of the Kata lab", **made}


def text() -> str:
    """The schema as the file has it: the same each time."""
    return f"{msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode()}\n"
