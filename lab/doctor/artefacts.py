"""Which of Kata's runtimes, and whether a cluster, this machine has the artefacts of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kata import release_of
from lab.cluster.kit import CRICTL
from lab.cluster.parts import ClusterParts
from lab.doctor.finding import Finding, State
from lab.errors import ArtefactError, LabError
from lab.loader import load_topology
from lab.matrix import KATA
from lab.places import TOPOLOGIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.cluster.artefacts.artefact import Artefact
    from lab.cluster.artefacts.loaded import Artefacts

SUBJECT = "artefacts"
WHY = "no distribution has them: Kata's releases, Kubernetes and Calico"


def findings() -> Iterator[Finding]:
    """A line for each runtime of Kata's, and one for the clusters."""
    try:
        artefacts = load_artefacts()
    except LabError as error:
        runtimes = ", ".join(f"*+*+{runtime}" for runtime in KATA)
        for unlocks in (runtimes, _of_clusters()):
            yield _lacking(error, unlocks=unlocks)
        return
    releases = {runtime: release_of(runtime) for runtime in KATA}
    for runtime, release in releases.items():
        mine = artefacts.lock.find(runtime, release.version)
        wanted = (mine, *filter(None, [artefacts.lock.find(CRICTL)])) if mine else ()
        what = f"{runtime} {release.version}"
        yield _finding(artefacts, what, wanted, unlocks=f"*+*+{runtime}")
    yield _cluster(artefacts)


def _lacking(error: LabError, *, unlocks: str) -> Finding:
    return Finding(
        subject=SUBJECT,
        fact=error.problem,
        state=State.LESS,
        why=WHY,
        unlocks=unlocks,
        mend=error.remedy,
    )


def _cluster(artefacts: Artefacts) -> Finding:
    unlocks = _of_clusters()
    try:
        parts = ClusterParts.of(artefacts)
    except ArtefactError as error:
        return _lacking(error, unlocks=unlocks)
    what = "a cluster" if parts.has_calico else "a cluster without Calico"
    wanted = (*parts.carried, *filter(None, [artefacts.lock.find(CRICTL)]))
    return _finding(artefacts, what, wanted, unlocks=unlocks)


def _finding(
    artefacts: Artefacts, what: str, wanted: Sequence[Artefact], *, unlocks: str
) -> Finding:
    """What there is of *wanted*; none of it where the lock has no word of it."""
    missing = [each for each in wanted if not artefacts.has_file(each)]
    if wanted and not missing:
        return Finding(
            subject=SUBJECT, fact=f"all of {what} is in the cache", why=WHY, unlocks=unlocks
        )
    megabytes = sum(each.size or 0 for each in missing) / 1e6
    told = f"{len(missing)} of {len(wanted)} files of {what} are not in the cache"
    return Finding(
        subject=SUBJECT,
        fact=f"{told} ({megabytes:.0f} MB)" if wanted else f"the lock names no {what}",
        state=State.LESS,
        why=WHY,
        unlocks=unlocks,
        mend=artefacts.remedy,
    )


def _of_clusters() -> str:
    return f"--topology {', '.join(_clusters())}"


def _clusters() -> Iterator[str]:
    for path in sorted(TOPOLOGIES.glob("*.toml")):
        try:
            is_cluster = load_topology(path.stem).is_cluster
        except LabError:
            continue  # it is not counted among what can be run, and said elsewhere
        if is_cluster:
            yield path.stem
