"""What a node of Kubernetes is made of: which artefacts, and whether Calico's are among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cluster import calico, documents
from lab.cluster.artefacts.artefact import Kind
from lab.cluster.artefacts.references import AGNHOST
from lab.errors import ArtefactError

if TYPE_CHECKING:
    from lab.cluster.artefacts.artefact import Artefact
    from lab.cluster.artefacts.loaded import Artefacts
    from lab.cluster.documents import Document

PROGRAMS = ("kubeadm", "kubelet", "kubectl")
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
IMAGES = (*CONTROL_PLANE, "kube-proxy")
"""By the last word of their names: those that kubeadm starts for the lab, in this order."""
MANIFEST = "calico"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterParts:
    """The artefacts of a cluster, beside those that start pods without one."""

    programs: tuple[Artefact, ...]
    images: tuple[Artefact, ...]
    """Of the control plane, kube-proxy and, where it is there, Calico."""
    calico: tuple[Document, ...] = ()
    """Calico's objects, changed for the bench; empty where its artefacts are not there."""
    manifest: Artefact | None = None
    """What they were read from."""
    agnhost: Artefact | None = None
    """The image of which Kubernetes' own tests make their pods, where it is there."""

    @classmethod
    def of(cls, artefacts: Artefacts) -> ClusterParts:
        """
        Gather what *artefacts* have.

        Raises:
            ArtefactError: if a control plane lacks something; Calico may lack.
        """
        programs = tuple(_named(artefacts, name) for name in PROGRAMS)
        images = tuple(_image(artefacts, name) for name in IMAGES)
        agnhost = _agnhost(artefacts)
        manifest = artefacts.lock.find(MANIFEST)
        if manifest is None or not artefacts.has_file(manifest):
            return cls(programs=programs, images=images, agnhost=agnhost)
        text = artefacts.file(manifest).read_text(encoding="utf-8")
        objects = calico.patched(
            documents.read(text, name=str(manifest)),
            # Calico builds BIRD from another repository: who builds Calico may not have it.
            has_bird=artefacts.is_official,
        )
        found = [artefacts.lock.find(name) for name in calico.images(objects)]
        if not all(one and artefacts.has_file(one) for one in found):
            return cls(programs=programs, images=images, agnhost=agnhost)
        return cls(
            agnhost=agnhost,
            programs=programs,
            images=(*images, *filter(None, found)),
            calico=objects,
            manifest=manifest,
        )

    @property
    def carried(self) -> tuple[Artefact, ...]:
        """What the disk of artefacts holds of them."""
        return (*self.programs, *self.images, *filter(None, [self.agnhost]))

    @property
    def images_of_workers(self) -> tuple[Artefact, ...]:
        """Those that a node without a control plane may have to run."""
        return tuple(image for image in self.images if _last(image) not in CONTROL_PLANE)

    @property
    def version(self) -> str:
        """Of Kubernetes, as in ``v1.36.4``: the tag of what answers its API."""
        return next(one.version for one in self.images if _last(one) == "kube-apiserver")

    @property
    def has_calico(self) -> bool:
        """Whether pods get their network from Calico, not from the lab's own CNI plugin."""
        return bool(self.calico)


def _named(artefacts: Artefacts, name: str) -> Artefact:
    if artefact := artefacts.lock.find(name):
        return artefact
    raise _lacks(artefacts, name)


def _image(artefacts: Artefacts, name: str) -> Artefact:
    for artefact in artefacts.lock.of(Kind.IMAGE):
        if _last(artefact) == name:
            return artefact
    raise _lacks(artefacts, f"image of {name}")


def _agnhost(artefacts: Artefacts) -> Artefact | None:
    for artefact in artefacts.lock.of(Kind.IMAGE):
        if AGNHOST.fullmatch(artefact.name) and artefacts.has_file(artefact):
            return artefact
    return None


def _last(image: Artefact) -> str:
    return re.sub(r":.*", "", image.name.rpartition("/")[2])


def _lacks(artefacts: Artefacts, what: str) -> ArtefactError:
    return ArtefactError(f"{artefacts.lock_file} names no {what}", remedy=artefacts.remedy)
