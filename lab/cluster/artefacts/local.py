"""A directory of locally built artefacts: which file is which, and the lock of them all."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lab import files
from lab.cluster.artefacts import lock, oci, program, references
from lab.cluster.artefacts.artefact import Artefact, Kind, Lock
from lab.errors import ArtefactError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = {
    "kubeadm": ("version", "--output", "short"),
    "kubelet": ("--version",),
    "kubectl": ("version", "--client"),
    "crictl": ("--version",),
    "critest": ("--version",),
    "e2e.test": ("--version",),
}
"""What may lie in ``bin/``, and how each is asked for its version."""
MANIFEST = "calico.yaml"
UNKNOWN_VERSION = "local"
"""A program that was built without a version has this one."""
_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][A-Za-z0-9.+-]+)?")
_KATA = re.compile(r"(?P<name>kata-go|kata-rs)-(?P<version>.+)\.tar\.zst")
_CALICO_NODE = re.compile(r".*/node:(?P<tag>.+)")


def relock(directory: Path, path: Path) -> Lock:
    """
    Lock what lies in *directory*, and write that lock to *path*.

    Raises:
        UsageError: if there is no such directory.
        ArtefactError: if a file in it is none that is known, or there is none at all.
    """
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}", remedy="name one with --artefacts")
    artefacts = tuple(_artefacts(directory))
    if not artefacts:
        problem = f"{directory} holds no artefacts"
        raise ArtefactError(problem, remedy="fill it as docs/artefacts.md says")
    try:
        found = Lock(is_official=False, artefacts=artefacts)
    except ValueError as error:
        problem = f"{directory} holds an artefact {error}"
        raise ArtefactError(problem, remedy="remove one of the files") from error
    lock.write(path, found)
    return found


def _artefacts(directory: Path) -> Iterator[Artefact]:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    readers = {"bin": _program, "manifests": _manifest, "kata": _kata, "images": _image}
    for folder, read in readers.items():
        for file in sorted((directory / folder).glob("*")):
            known = {
                **read(file),
                "address": f"{folder}/{file.name}",
                "size": file.stat().st_size,
                "sha256": files.sha256(file),
                "sum": f"taken locally {today}",
            }
            try:
                yield msgspec.convert(known, Artefact)
            except msgspec.ValidationError as error:
                raise _unknown(file, str(error)) from error


def _program(file: Path) -> dict[str, Any]:
    if file.name not in PROGRAMS:
        raise _unknown(file, f"known: {', '.join(PROGRAMS)}")
    if not os.access(file, os.X_OK):
        raise ArtefactError(f"{file} is not executable", remedy=f"run `chmod +x {file}`")
    said = program.ask(file, *PROGRAMS[file.name])
    version = _VERSION.search(said)
    return {
        "name": file.name,
        "kind": Kind.BINARY,
        "version": version[0] if version else UNKNOWN_VERSION,
    }


def _manifest(file: Path) -> dict[str, Any]:
    if file.name != MANIFEST:
        raise _unknown(file, f"known: {MANIFEST}")
    text = file.read_text(encoding="utf-8", errors="replace")
    tags = map(_CALICO_NODE.fullmatch, references.of_manifest(text, name=str(file)))
    version = next((match["tag"] for match in tags if match), UNKNOWN_VERSION)
    return {"name": "calico", "kind": Kind.MANIFEST, "version": version}


def _kata(file: Path) -> dict[str, Any]:
    match = _KATA.fullmatch(file.name)
    if match is None:
        raise _unknown(file, "known: kata-go-VERSION.tar.zst, kata-rs-VERSION.tar.zst")
    return {**match.groupdict(), "kind": Kind.KATA}


def _image(file: Path) -> dict[str, Any]:
    if file.suffix != ".tar":
        raise _unknown(file, "known: *.tar")
    described = oci.describe(file)
    _, tag = references.split(described.reference)
    return {
        "name": described.reference,
        "kind": Kind.IMAGE,
        "version": tag,
        "digest": described.digest,
    }


def _unknown(file: Path, why: str) -> ArtefactError:
    remedy = "give it the name that docs/artefacts.md says, or move it away"
    return ArtefactError(f"{file} is no artefact: {why}", remedy=remedy)
