"""What cells need beyond a distribution: which artefacts, and a handler for each cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.cluster import artefact_disk
from lab.cluster.artefacts import lock
from lab.cluster.artefacts.artefact import Kind
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.handler import handlers
from lab.cluster.kata import release_of
from lab.cluster.parts import ClusterParts
from lab.errors import ArtefactError, UsageError
from lab.matrix import CONTROLS, KATA, Runtime, cells_of, own_runtimes, select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact
    from lab.cluster.artefacts.loaded import Artefacts
    from lab.cluster.handler import Handler
    from lab.cluster.kata import KataRelease
    from lab.matrix import Cell

CRICTL = "crictl"
KUBECTL = "kubectl"
_PAUSE = re.compile(r"(.*/)?pause:.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """
    The artefacts that start sandboxes on a node: Kata's through the CRI, or all as pods.

    A node gets all releases that this machine has and the handlers of all their cells, whatever
    a run asks for: then one prepared node serves every run.
    """

    artefacts: Artefacts
    releases: Mapping[Runtime, KataRelease]
    cluster: ClusterParts | None = None
    """What Kubernetes needs, where sandboxes are its pods."""

    @classmethod
    def of(cls, artefacts: Artefacts) -> Kit:
        """
        Gather what *artefacts* have.

        Raises:
            ArtefactError: if that is no release of Kata, or there is nothing to start it with.
        """
        releases = _releases(artefacts)
        if not releases:
            _require(artefacts, release_of(Runtime.KATA_GO))
        return _with_files(cls(artefacts=artefacts, releases=releases))

    @classmethod
    def of_cluster(cls, artefacts: Artefacts) -> Kit:
        """
        Gather what *artefacts* have for a node of Kubernetes; that need be no release of Kata.

        Raises:
            ArtefactError: if a cluster lacks something.
        """
        parts = ClusterParts.of(artefacts)
        return _with_files(cls(artefacts=artefacts, releases=_releases(artefacts), cluster=parts))

    @property
    def carried(self) -> tuple[Artefact, ...]:
        """What a node's disk of artefacts holds."""
        found = [_find(self.artefacts, release) for release in self.releases.values()]
        parts = self.cluster.carried if self.cluster else ()
        return (*filter(None, found), self.crictl, self.pause, *parts)

    @property
    def crictl(self) -> Artefact:
        """The program that speaks to containerd in the kubelet's place."""
        if artefact := self.artefacts.lock.find(CRICTL):
            return artefact
        raise _lacks(self.artefacts, CRICTL)

    @property
    def pause(self) -> Artefact:
        """The image of the container that each pod begins with."""
        for artefact in self.artefacts.lock.of(Kind.IMAGE):
            if _PAUSE.fullmatch(artefact.name):
                return artefact
        raise _lacks(self.artefacts, "image of the pause container")

    @property
    def kubectl(self) -> Path:
        """The program by which this machine speaks to a cluster: the one that its nodes have."""
        return self.artefacts.path(KUBECTL)

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """One for each cell that can be asked for by one."""
        runtimes = (Runtime.RUNC, *self.releases) if self.cluster else self.releases
        return handlers(cells_of(runtimes), self.releases)

    @property
    def locked_images(self) -> dict[str, str]:
        """By name: the digest of the manifest of each container image."""
        return {one.name: one.digest for one in self.carried if one.digest}

    @property
    def locked_programs(self) -> dict[str, str]:
        """By path on a node: the SHA-256 of each program."""
        return {
            artefact_disk.path_of(one): one.sha256
            for one in self.carried
            if one.kind is Kind.BINARY and one.sha256
        }

    @property
    def versions(self) -> dict[str, str]:
        """What it has, by name."""
        return {one.name: one.version for one in self.carried}

    @property
    def built_locally(self) -> str:
        """What of it is not upstream's; empty if all is."""
        if self.artefacts.is_official:
            return ""
        return ", ".join(map(str, self.carried))

    def require(self, runtime: Runtime) -> None:
        """
        Make sure that the kit has *runtime*.

        Raises:
            ArtefactError: if it has not, with the command that gets it.
        """
        if runtime not in self.releases:
            _require(self.artefacts, release_of(runtime))


def choose(
    expression: str | None,
    *,
    directory: Path | None,
    lock_file: Path | None,
    say: Callable[[str], None],
) -> tuple[tuple[Cell, ...], Kit | None]:
    """
    Return the cells that *expression* names on a bench without Kubernetes, and what they need.

    The controls need nothing. Kata's runtimes are there where their artefacts are: a wildcard
    leaves out those that are not, a name does not.

    Args:
        directory: Of artefacts that were built locally; None is the cache.
        lock_file: The lock of either; None is the lab's own.

    Raises:
        UsageError: if *expression* names what does not exist.
        ArtefactError: if it names a runtime whose artefacts are missing.
    """
    if not _asks_for_kata(expression):
        return select(expression), None
    try:
        kit = Kit.of(load_artefacts(lock_file or lock.LOCK_FILE, directory))
    except ArtefactError as error:
        if directory is not None or lock_file is not None:
            raise
        try:
            cells = select(expression)
        except UsageError:
            raise error from None
        say(f"without Kata's runtimes: {error.problem}")
        return cells, None
    return _select(expression, kit), kit


def choose_for_cluster(
    expression: str | None,
    *,
    directory: Path | None,
    lock_file: Path | None,
    say: Callable[[str], None],
) -> tuple[tuple[Cell, ...], Kit]:
    """
    Return the cells that *expression* names on a bench with Kubernetes, and what they need.

    Raises:
        UsageError: if *expression* names what does not exist.
        ArtefactError: if the cluster's artefacts are missing, or those of a runtime it names.
    """
    kit = Kit.of_cluster(load_artefacts(lock_file or lock.LOCK_FILE, directory))
    cells = _select(expression, kit)
    if kit.cluster and not kit.cluster.has_calico:
        say("without Calico, whose artefacts are not here: the lab's CNI plugin stands in for it")
    return cells, kit


def _asks_for_kata(expression: str | None) -> bool:
    if expression is None:
        return False
    return any(cell.runtime in KATA for cell in select(expression, runtimes=tuple(Runtime)))


def _select(expression: str | None, kit: Kit) -> tuple[Cell, ...]:
    try:
        controls = (Runtime.RUNC,) if kit.cluster else (*CONTROLS, *own_runtimes())
        return select(expression, runtimes=(*controls, *kit.releases))
    except UsageError:
        for runtime in KATA:
            kit.require(runtime)
        raise


def _with_files(kit: Kit) -> Kit:
    """The same *kit*, once the files of all that it carries are there."""
    for artefact in kit.carried:
        kit.artefacts.file(artefact)
    return kit


def _releases(artefacts: Artefacts) -> dict[Runtime, KataRelease]:
    """The pinned releases that are there."""
    pinned = {runtime: release_of(runtime) for runtime in KATA}
    return {
        runtime: release
        for runtime, release in pinned.items()
        if (found := _find(artefacts, release)) and artefacts.has_file(found)
    }


def _find(artefacts: Artefacts, release: KataRelease) -> Artefact | None:
    return artefacts.lock.find(release.runtime, release.version)


def _require(artefacts: Artefacts, release: KataRelease) -> None:
    artefacts.kata(release.runtime, release.version)


def _lacks(artefacts: Artefacts, what: str) -> ArtefactError:
    return ArtefactError(f"{artefacts.lock_file} names no {what}", remedy=artefacts.remedy)
