from __future__ import annotations

import tomllib

import pytest

from lab.cluster import toml


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"version": 2, "is_on": True, "is_off": False, "size": -1},
        {"quotes": 'a "b" \\ c', "lines": "a\nb\tc", "umlaut": "ü", "control": "\x1b"},
        {"names": ["a", 'b"c'], "none": []},
        {"plugins": {"io.containerd.grpc.v1.cri": {"a": 1, "deeper": {"b": 2}}}},
        {"table": {"a": 1}, "after": "the table in the text's order"},
        {"9p-x_Y": 1, "": 2, "with space": 3, "a.b": {"ü": 4}},
        {"only": {"tables": {"inside": {"a": 1}}}},
    ],
)
def test_what_is_written_reads_back(table: dict[str, toml.Value]) -> None:
    assert tomllib.loads(toml.render(table)) == table


def test_values_come_before_tables_and_tables_keep_their_order() -> None:
    text = toml.render({"b": {"x": 1}, "a": {"y": {"z": 2}}, "c": 3})

    assert text == "c = 3\n\n[b]\nx = 1\n\n[a.y]\nz = 2\n"
