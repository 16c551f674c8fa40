"""What programs expect of a root file system: what a storage lacks is known, or a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import posix
from lab.bench import NotMeasuredError
from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.posix import Behaviour
    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox


@pytest.fixture(scope="session")
def answers(
    once_a_storage: None,  # noqa: ARG001 - asked first
    sandbox: Sandbox,
    profile: Profile,
) -> dict[str, str]:
    """What every behaviour's script printed in this boot's sandbox: asked in one round trip."""
    return sandbox.gather(posix.questions(), timeout_s=profile.file_deadline_s)


@pytest.fixture
def behaves(sandbox: Sandbox, answers: dict[str, str]) -> Callable[[Behaviour], None]:
    """Raises the outcome of one behaviour, unless it is PASS."""

    def check(behaviour: Behaviour) -> None:
        said = answers[behaviour.name]
        outcome, reason = posix.judge(behaviour, sandbox.cell.storage, said)
        if outcome is not Outcome.PASS:
            raise NotMeasuredError(outcome, reason)

    return check


def test_open_file_outlives_its_name(behaves: Callable[[Behaviour], None]) -> None:
    """An open file that is unlinked is still there: apt and iperf3 rely on it (#9700)."""
    behaves(posix.OPEN_UNLINKED)


def test_open_file_outlives_its_replacement(behaves: Callable[[Behaviour], None]) -> None:
    """Who has the old file open reads it to the end; who opens it anew has the new one."""
    behaves(posix.RENAMED_OVER)


def test_hard_links_are_one_file(behaves: Callable[[Behaviour], None]) -> None:
    """Two names, one count, one content (kata-containers/runtime#826)."""
    behaves(posix.HARD_LINKS)


def test_space_can_be_reserved(behaves: Callable[[Behaviour], None]) -> None:
    """Databases call fallocate before they write."""
    behaves(posix.PREALLOCATED)


def test_cache_can_be_bypassed(behaves: Callable[[Behaviour], None]) -> None:
    """O_DIRECT is accepted; whether it reaches the device is for the throughput to tell."""
    behaves(posix.DIRECT)


def test_files_carry_attributes(behaves: Callable[[Behaviour], None]) -> None:
    """Extended attributes of users are kept (kata-containers/tests#2008)."""
    behaves(posix.ATTRIBUTES)


def test_programs_carry_capabilities(behaves: Callable[[Behaviour], None]) -> None:
    """Package managers set file capabilities (kata-containers/tests#2358)."""
    behaves(posix.CAPABILITIES)


def test_mapped_writes_are_read_back(behaves: Callable[[Behaviour], None]) -> None:
    """What is written through a shared mapping is in the file (#5634)."""
    behaves(posix.MAPPED)


def test_lock_keeps_others_out(behaves: Callable[[Behaviour], None]) -> None:
    """A second process of the sandbox does not get a lock that the first one holds (#3408)."""
    behaves(posix.LOCKED)


def test_many_files_need_few_descriptors(behaves: Callable[[Behaviour], None]) -> None:
    """More files than the process may have open can be made and listed (#3953)."""
    behaves(posix.MANY_FILES)
