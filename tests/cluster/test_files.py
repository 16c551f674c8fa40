"""Every file that the room writes, against one that a person has read."""

from __future__ import annotations

import json
import tomllib

import pytest
import yaml

from tests.cluster.specimens import DATA, FILES

BY_HAND = {"README.md", "calico.yaml"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_written_as_before(name: str) -> None:
    assert FILES[name]() == (DATA / name).read_text()


def test_no_file_is_left_over() -> None:
    assert {path.name for path in DATA.iterdir()} == FILES.keys() | BY_HAND


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".toml")])
def test_a_toml_file_is_toml(name: str) -> None:
    assert tomllib.loads(FILES[name]())


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".yaml", ".json"))])
def test_other_files_are_documents_of_kubernetes(name: str) -> None:
    (document, *_) = yaml.safe_load_all(FILES[name]())

    if name == "patches.json":
        assert {each.rpartition("+")[2] for each in document} == {"strategic.yaml"}
    else:
        assert {"apiVersion", "kind"} <= document.keys()


def test_what_kubectl_gets_is_plain_json() -> None:
    assert json.loads(FILES["objects.json"]())["kind"] == "List"
