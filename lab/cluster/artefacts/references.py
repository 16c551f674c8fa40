"""Which container images are wanted: kubeadm, e2e.test and Calico's manifest say so themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.cluster.artefacts import program
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = re.compile(
    r"(?P<name>(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+)"
    r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})"
)
"""A whole reference: registry, name and tag."""
AGNHOST = re.compile(r".+/agnhost:.+")
"""The image of which the tests of Kubernetes' network make all their pods."""
_IMAGE_LINE = re.compile(
    r"""^[ -]*image: *(?P<quote>["']?)(?P<image>[^"'\s#]+)(?P=quote) *(#.*)?$"""
)


def of_kubeadm(kubeadm: Path, version: str) -> tuple[str, ...]:
    """
    Ask the program *kubeadm* which images a control plane of *version* takes.

    Raises:
        ArtefactError: if it names none, or what it names is no reference.
    """
    # With the version given it does not ask the internet for the newest one.
    said = program.ask(kubeadm, "config", "images", "list", "--kubernetes-version", version)
    return _checked(said.split(), teller=f"kubeadm {version}")


def of_e2e(e2e: Path) -> tuple[str, ...]:
    """
    Ask the program *e2e* for the image that its tests of the network start.

    Raises:
        ArtefactError: if it names none.
    """
    said = program.ask(e2e, "--list-images").split()
    return _checked([one for one in said if AGNHOST.fullmatch(one)], teller=str(e2e))


def of_manifest(text: str, *, name: str) -> tuple[str, ...]:
    """
    Read which images a manifest takes, in the order of their first mention.

    Raises:
        ArtefactError: if it names none, or what it names is no reference.
    """
    found = [match["image"] for line in text.splitlines() if (match := _IMAGE_LINE.match(line))]
    return _checked(found, teller=name)


def split(reference: str) -> tuple[str, str]:
    """
    Take a whole reference apart into its name and its tag.

    Raises:
        ValueError: if it is none.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference!r} is not a registry, a name and a tag")
    return match["name"], match["tag"]


def _checked(references: list[str], *, teller: str) -> tuple[str, ...]:
    remedy = "choose another version in artefacts.toml: this one speaks another language"
    if not references:
        raise ArtefactError(f"{teller} names no images", remedy=remedy)
    for reference in references:
        if not REFERENCE.fullmatch(reference):
            raise ArtefactError(f"{teller} names {reference!r}, no reference", remedy=remedy)
    return tuple(dict.fromkeys(references))
