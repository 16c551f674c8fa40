"""The published schema is that of the code, and nothing in it is without a word."""

from __future__ import annotations

import re

import msgspec

from lab import topology_schema
from lab.places import TOPOLOGIES

PUBLISHED = TOPOLOGIES / topology_schema.FILE


def test_the_published_schema_is_that_of_the_code() -> None:
    """If not: `lab topology schema >topologies/topology.schema.json`."""
    assert PUBLISHED.read_text() == topology_schema.text()


def test_everything_in_it_is_described() -> None:
    schema = topology_schema.schema()
    for name, described in schema["$defs"].items():
        assert described["description"], name
        for key, field in described.get("properties", {}).items():
            assert field["description"], (name, key)


def test_the_page_describes_every_key() -> None:
    page = (TOPOLOGIES.parent / "docs/topology.md").read_text()

    for struct in topology_schema.STRUCTS:
        for field in msgspec.structs.fields(struct):
            name = field.encode_name
            assert re.search(rf"^\| `(\[\[?)?{name}(\]\]?)?` \|", page, re.MULTILINE), name
