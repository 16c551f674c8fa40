"""Every file that the room writes, against one that a person has read."""

from __future__ import annotations

import tomllib

import pytest

from tests.cluster.specimens import DATA, FILES

BY_HAND = {"README.md"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_written_as_before(name: str) -> None:
    assert FILES[name]() == (DATA / name).read_text()


def test_no_file_is_left_over() -> None:
    assert {path.name for path in DATA.iterdir()} == FILES.keys() | BY_HAND


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".toml")])
def test_a_toml_file_is_toml(name: str) -> None:
    assert tomllib.loads(FILES[name]())
