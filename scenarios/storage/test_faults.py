"""What is done to a sandbox on purpose: it fails so that one sees it, and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import faults
from lab.bench import NotMeasuredError
from lab.errors import CommandError, SandboxError
from lab.matrix import Storage
from lab.outcome import Outcome

if TYPE_CHECKING:
    from lab.bench import Bench
    from lab.node import Node
    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox
    from lab.storage.backend import Share

TIMEOUT_S = 60.0


@pytest.fixture
def patience(sandbox: Sandbox, profile: Profile) -> None:
    """Goes on only where a hang would be news, or there is time to see a known one."""
    if sandbox.cell.runtime in faults.HANGS and not profile.asks_each_cell:
        reason = f"{profile.name} does not wait for what is known to hang"
        raise NotMeasuredError(Outcome.NOT_RUN, reason)


@pytest.fixture
def share(doomed: Sandbox) -> Share:
    """What serves the sandbox's root file system to it."""
    found = doomed.share()
    assert found is not None, "no daemon serves its root file system"
    return found


@pytest.mark.usefixtures("patience")
@pytest.mark.storages(Storage.VIRTIOFS)
def test_killed_virtiofsd_is_noticed_and_nothing_is_lost(
    doomed: Sandbox, share: Share, node: Node, bench: Bench
) -> None:
    """Under load: the sandbox tells of its end, and the node has all that was synced (#2315)."""
    pids = node.script(f"echo {share.daemon}\n", timeout_s=TIMEOUT_S).strip()
    assert pids, "no virtiofsd is there to be killed"
    with node.background(["sh", "-c", faults.kill_script(pids, share.changes)]):
        failure = _end_of(doomed)
    found = node.gather(faults.aftermath(pids, share.changes), timeout_s=TIMEOUT_S)
    if alive := found[faults.ALIVE].strip():
        raise NotMeasuredError(Outcome.INFRA, f"virtiofsd was not killed: {alive}")
    if lost := bench.lost_guest():  # its virtiofsd ends with its QEMU, and the records with both
        raise NotMeasuredError(Outcome.INFRA, lost)
    outcome, reason = faults.judge(doomed.cell.runtime, kept=found[faults.KEPT], failure=failure)
    if outcome is not Outcome.PASS:
        raise NotMeasuredError(outcome, reason)


@pytest.mark.storages(Storage.VIRTIOFS_DAX)
def test_truncated_mapping_is_a_signal_not_a_hang(
    doomed: Sandbox, share: Share, node: Node
) -> None:
    """A program that reads what the node has cut off gets SIGBUS (kata-containers/runtime#2307)."""
    with node.background(["sh", "-c", faults.truncate_script(share.changes)]):
        reader = ["sh", "-c", faults.READ_MAPPED]
        done = doomed.run(reader, timeout_s=faults.DEADLINE_S, check=False)
    assert faults.SIGBUS in done.stdout + done.stderr


def _end_of(sandbox: Sandbox) -> str | None:
    """How the sandbox tells of its end while it writes; None if it says nothing in time."""
    writer = ["sh", "-c", faults.WRITE_RECORDS]
    try:
        done = sandbox.run(writer, timeout_s=faults.DEADLINE_S, check=False)
    except CommandError:
        return None
    except SandboxError as error:
        return error.problem
    return f"status {done.returncode}: {done.stderr.strip()}"
