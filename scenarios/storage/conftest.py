"""A sandbox that may be broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster import objects
from scenarios.beside import pod_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.bench import Bench
    from lab.runtime.sandbox import Sandbox


@pytest.fixture
def doomed(
    once_a_storage: None,  # noqa: ARG001 - asked first
    bench: Bench,
    sandbox: Sandbox,
) -> Iterator[Sandbox]:
    """
    A sandbox of the boot's cell that nothing else is asked of.

    It is the boot's own, at its end. Of a cluster it is another pod: the boot's own would be
    started again by the kubelet.
    """
    if not bench.setting.topology.is_cluster:
        yield bench.give_up()
        return
    with pod_beside(bench, sandbox, "doomed", describe=objects.mortal) as made:
        yield made
