"""A directory of artefacts as somebody might have built them, and what a node gets of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from lab.cluster.artefacts import lock
from lab.cluster.artefacts.artefact import Artefact, Kind, Lock
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kit import Kit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lab.cluster.artefacts.loaded import Artefacts

PAUSE = "registry.k8s.io/pause:3.10.2"
IMAGES = {
    "pause": PAUSE,
    "etcd": "registry.k8s.io/etcd:3.6.8-0",
    **{
        f"calico-{name}": f"quay.io/calico/{name}:v3.99.0"
        for name in ("cni", "node", "kube-controllers")
    },
}
RELEASES = ("kata-go-3.28.0", "kata-rs-4.1.0")
CONTENT = {
    "opt/kata/bin/containerd-shim-kata-v2": b"the shim",
    "opt/kata/share/kata-containers/kata.img": b"i" * 5000,
}


def release(members: Iterable[tarfile.TarInfo] = ()) -> bytes:
    """A release of Kata as a tar, for tests not compressed; *members* come after its files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:") as archive:
        for folder in ("./", "./opt", "./opt/kata"):
            archive.addfile(member(folder, tarfile.DIRTYPE))
        for name, data in CONTENT.items():
            archive.addfile(member(f"./{name}", size=len(data)), io.BytesIO(data))
        for each in members:
            archive.addfile(each)
    return stream.getvalue()


def member(
    name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    """A member of a release, by somebody who is not root, at some time."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    made.uid, made.uname, made.mtime, made.mode = 1000, "builder", 1_900_000_000, 0o755
    return made


def fill(
    directory: Path,
    *,
    releases: Iterable[str] = RELEASES,
    has_crictl: bool = True,
    has_pause: bool = True,
    data: bytes | None = None,
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """Fill *directory*, and write its lock beside it."""
    files = {f"kata/{name}.tar.zst": data or release() for name in releases}
    if has_crictl:
        files["bin/crictl"] = b"#!/bin/sh\n"
    if has_pause:
        files["images/pause.tar"] = b"an OCI archive"
    files |= more or {}
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lock_file = directory.with_suffix(".lock.toml")
    listed = tuple(_artefact(name, content) for name, content in files.items())
    lock.write(lock_file, Lock(is_official=False, artefacts=listed))
    return lock_file


def artefacts(
    directory: Path,
    *,
    releases: Iterable[str] = RELEASES,
    has_crictl: bool = True,
    has_pause: bool = True,
    data: bytes | None = None,
) -> Artefacts:
    """What is in a directory that is filled like that."""
    lock_file = fill(
        directory, releases=releases, has_crictl=has_crictl, has_pause=has_pause, data=data
    )
    return load_artefacts(lock_file, directory)


CLUSTER_FILES = (
    *(f"bin/{name}" for name in ("kubeadm", "kubelet", "kubectl")),
    *(
        f"images/{name}.tar"
        for name in (
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
        )
    ),
)
CALICO_IMAGES = ("cni", "node", "kube-controllers")


def fill_cluster(
    directory: Path,
    *,
    releases: Iterable[str] = (),
    without: str = "",
    manifest: str = "",
    calico_images: Iterable[str] = CALICO_IMAGES,
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """Fill *directory* with what a cluster takes, and write its lock beside it."""
    files = {name: name.encode() for name in CLUSTER_FILES if name != without}
    if manifest:
        files["manifests/calico.yaml"] = manifest.encode()
        files |= {f"images/calico-{name}.tar": b"an OCI archive" for name in calico_images}
    return fill(directory, releases=releases, more={**files, **(more or {})})


def kit(directory: Path) -> Kit:
    """What a node gets of all that."""
    return Kit.of(artefacts(directory))


def _artefact(path: str, content: bytes) -> Artefact:
    folder, _, file = path.partition("/")
    kinds = {
        "kata": Kind.KATA,
        "bin": Kind.BINARY,
        "images": Kind.IMAGE,
        "manifests": Kind.MANIFEST,
    }
    stem = file.removesuffix(".tar")
    runtime, _, version = file.removesuffix(".tar.zst").rpartition("-")
    names = {
        "bin": (file, "v1.36.0"),
        "images": (IMAGES.get(stem, f"registry.k8s.io/{stem}:v1.36.4"), "v1.36.4"),
        "manifests": ("calico", "v3.33.1"),
    }
    name, version = names.get(folder, (runtime, version))
    return Artefact(
        name=name,
        kind=kinds[folder],
        version=version,
        address=path,
        digest=f"sha256:{'1f' * 32}" if folder == "images" else None,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        source="taken locally 2026-11-24",
    )
