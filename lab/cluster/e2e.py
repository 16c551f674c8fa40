"""
Kubernetes' own tests on a cluster: e2e.test, run on this machine, its pods by one handler.

It names no RuntimeClass: its pods are of containerd's default runtime, and so that is changed. All
are of one image, which the node gets from the artefacts.

Source: Kubernetes 1.36, test/e2e/framework/test_context.go (flags), test/e2e/common/network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster import artefact_disk
from lab.cluster.cri_node import CTR, import_line
from lab.cluster.kube_node import PINNED
from lab.cluster.suite_report import E2E

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.cluster.artefacts.artefact import Artefact
    from lab.storage.backend import Snapshotter

FOCUS = r"\[sig-network\] Networking Granular Checks: Pods"
"""From pod to pod and from node to pod, by HTTP and UDP: what Kubernetes asks of any network."""
SUITE_TIMEOUT_S = 2 * 3600
READY = "until crictl version >/dev/null 2>&1; do sleep 1; done\n"


def setup_script(agnhost: Artefact, snapshotters: Iterable[Snapshotter]) -> str:
    """The shell script that gives a node the image of the tests' pods, for *snapshotters*."""
    archive = artefact_disk.path_of(agnhost)
    lines = (import_line(archive, each) for each in sorted(set(snapshotters)))
    return "".join(lines) + f"{CTR} images label {agnhost.name} {PINNED} >/dev/null\n"


def default_script(handler: str) -> str:
    """The shell script that makes *handler* the one of pods that name none."""
    return (
        f'sed -i \'/default_runtime_name/s/"[^"]*"$/"{handler}"/\' /etc/containerd/config.toml\n'
        f"grep -q 'default_runtime_name = \"{handler}\"' /etc/containerd/config.toml\n"
        "systemctl restart containerd\n"
        f"{READY}"
    )


def arguments(
    program: Path, *, kubeconfig: Path, report: Path, seed: int, focus: str | None = None
) -> list[str]:
    """
    e2e.test's command line.

    Args:
        report: Where its report is to be.
        seed: Of the order of the tests.
        focus: A regular expression: only tests whose name has a match are run.
    """
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        "--provider=skeleton",
        "--disable-log-dump",
        "--dump-logs-on-failure=false",
        f"--ginkgo.focus={focus or FOCUS}",
        *(f"--ginkgo.skip={left.pattern}" for left in E2E.left_out),
        f"--ginkgo.seed={seed}",
        "--ginkgo.no-color",
        f"--ginkgo.timeout={SUITE_TIMEOUT_S}s",
        f"--ginkgo.junit-report={report}",
    ]
