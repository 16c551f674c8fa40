"""What a scenario can ask for: the sandbox of its boot, the node, the peer, a way to measure."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest

from lab.bench import NotMeasuredError
from lab.errors import ClusterError, LabError, told
from lab.measure import Measure
from lab.outcome import Outcome
from lab.session import scenario_of, session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lab.bench import Bench
    from lab.matrix import Cell
    from lab.node import Node
    from lab.plan import Boot
    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Bench:
    """The bench of this run: its topology is up, its node is ready for sandboxes."""
    from lab import launch  # noqa: PLC0415 - unit tests must not need libvirt

    session = session_of(request.config)
    if session.bench is not None:  # pytest had taken it for the last scenario, and it was not
        return session.bench
    running = launch.running(
        session.decided, session.store, say=session.say, stopwatch=session.stopwatch
    )
    with _as_fault_of_the_bench():
        if session.lease is None:
            alone = launch.leased(
                session.decided,
                f"measuring into {session.store.path.absolute()}",
                is_alone=True,
                say=_aloud(request.config),
                stopwatch=session.stopwatch,
            )
            session.lease = session.stack.enter_context(alone)
        return session.came_up(session.stack.enter_context(running))


@pytest.fixture(scope="session")
def sandbox(bench: Bench, boot: Boot) -> Sandbox:
    """The sandbox of this boot, started and proven to be what its cell's name says."""
    return bench.open(boot)


@pytest.fixture(scope="session")
def once_a_storage(
    bench: Bench, boot: Boot, profile: Profile, request: pytest.FixtureRequest
) -> None:
    """Lets smoke ask only one sandbox of each storage what does not depend on its network."""
    order = session_of(request.config).decided.plan.order
    alike = (other for other in order if _same_storage(other.cell, boot.cell))
    first = next((other for other in alike if bench.may_work(other.cell.plain)), boot)
    if first.position != boot.position and not profile.asks_each_cell:
        reason = f"{profile.name} asks one sandbox of each storage; here that is {first.id}"
        raise NotMeasuredError(Outcome.NOT_RUN, reason)


@pytest.fixture
def restart(
    bench: Bench,
    once_a_storage: None,  # noqa: ARG001 - asked first
    request: pytest.FixtureRequest,
) -> Callable[[], None]:
    """Ends the sandbox and starts another on the same root file system; `sandbox` stays valid."""
    if session_of(request.config).decided.topology.is_cluster:
        reason = "Kubernetes starts every container, a restarted one too, on a new root file system"
        raise NotMeasuredError(Outcome.UNSUPPORTED, reason)
    return bench.restart


@pytest.fixture(scope="session")
def peer(bench: Bench) -> Sandbox:
    """A second sandbox on the same node, without a guest, that lives as long as the run."""
    with _as_fault_of_the_bench():
        return bench.peer


@pytest.fixture(scope="session")
def node(bench: Bench) -> Node:
    """The node that the sandboxes run on."""
    return bench.setting.node


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> Profile:
    """How long this run measures."""
    return session_of(request.config).decided.profile


@pytest.fixture
def job_limits_iops(bench: Bench, sandbox: Sandbox) -> Mapping[str, int]:  # noqa: ARG001 - asked first
    """What fio must hold its jobs to in this sandbox, by job: nothing, unless it is a handicap."""
    return bench.job_limits_iops


@pytest.fixture
def measure(request: pytest.FixtureRequest, bench: Bench, boot: Boot) -> Measure:
    """Records samples of this scenario; see :class:`Measure`."""
    return Measure(bench, boot, scenario=scenario_of(request.node))


def _aloud(config: pytest.Config) -> Callable[[str], None]:
    """Say something although pytest keeps for itself what a fixture says."""

    def say(text: str) -> None:
        capture = config.pluginmanager.get_plugin("capturemanager")
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            config.get_terminal_writer().line(f"\n{text}")

    return say


@contextmanager
def _as_fault_of_the_bench() -> Iterator[None]:
    """Whatever kind of error: what fails in the block fails for every cell alike."""
    try:
        yield
    except ClusterError as error:  # not what measures, but what was to be measured
        raise NotMeasuredError(Outcome.BLOCKED, told(error)) from error
    except LabError as error:
        raise NotMeasuredError(Outcome.INFRA, told(error)) from error


def _same_storage(one: Cell, other: Cell) -> bool:
    return (one.storage, one.runtime, one.variant) == (other.storage, other.runtime, other.variant)
