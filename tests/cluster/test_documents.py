from __future__ import annotations

import json

import pytest
import yaml

from lab.cluster import documents
from lab.errors import ClusterError
from tests.cluster.specimens import manifest

TRICKY = ["on", "0x1f", "1e3", "012", "3:25:45", "null"]


def test_empty_documents_are_none() -> None:
    assert documents.read("---\n---\nkind: A\n---\n# nothing\n---\nkind: B\n", name="x") == (
        {"kind": "A"},
        {"kind": "B"},
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no list of Kubernetes objects"),
        ("---\n", "no list of Kubernetes objects"),
        ("- kind: A\n", "no list of Kubernetes objects"),
        ("kind: A\n---\nname: b\n", "no list of Kubernetes objects"),
        ("<html>not found</html>", "no list of Kubernetes objects"),
        ("kind: [A\n", "is not YAML"),
        ("kind: \x00\n", "is not YAML"),
        ("kind: !!python/object:os.system []\n", "is not YAML"),
    ],
)
def test_what_is_no_manifest_is_named(text: str, problem: str) -> None:
    with pytest.raises(ClusterError, match=f"x.yaml .*{problem}|x.yaml {problem}"):
        documents.read(text, name="x.yaml")


def test_strings_stay_strings_on_the_way_to_kubectl() -> None:
    listed = json.loads(documents.for_kubectl(manifest()))

    (crd,) = (each for each in listed["items"] if each["kind"] == "CustomResourceDefinition")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["mac"]["enum"] == TRICKY


def test_what_people_read_reads_back() -> None:
    text = documents.for_people([{"kind": "A", "value": "true"}, {"kind": "B", "list": []}])

    assert list(yaml.safe_load_all(text)) == [
        {"kind": "A", "value": "true"},
        {"kind": "B", "list": []},
    ]
