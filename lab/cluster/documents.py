"""Documents for Kubernetes: manifests read, and written for kubectl and for kubeadm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from lab.decode import DecodeError, guarded
from lab.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable

Document: TypeAlias = dict[str, Any]
"""One object, as Kubernetes describes it."""


def read(text: str, *, name: str) -> tuple[Document, ...]:
    """
    Read a manifest of many documents; *name* is what it is called in an error.

    Raises:
        ClusterError: if it is no manifest.
    """
    remedy = f"get {name} again: `lab artefacts fetch`"
    try:
        documents = guarded(lambda: list(yaml.safe_load_all(text)), yaml.YAMLError)
    except DecodeError as error:
        raise ClusterError(f"{name} is not YAML: {error}", remedy=remedy) from error
    objects = tuple(document for document in documents if document is not None)
    if not objects or not all(isinstance(one, dict) and "kind" in one for one in objects):
        raise ClusterError(f"{name} is no list of Kubernetes objects", remedy=remedy)
    return objects


def for_kubectl(documents: Iterable[Document]) -> str:
    """
    Write *documents* as one list, in JSON.

    Not in YAML: what is a string in one version of YAML is a number in another, and kubectl
    does not read the one that Python writes.
    """
    listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    return json.dumps(listed, indent=2) + "\n"


def for_people(documents: Iterable[Document]) -> str:
    """Write *documents* as YAML, one after the other: the lab's own, for kubeadm."""
    return yaml.safe_dump_all(documents, sort_keys=False, width=100)
