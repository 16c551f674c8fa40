"""What was written is there: after the caches are dropped, and after the sandbox is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.tools import fio
from lab.tools.fio_report import parse_verify, parse_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.profile import Profile
    from lab.runtime.sandbox import Sandbox

FILE = "/lab/verified"


@pytest.fixture(scope="session")
def verified_file(
    once_a_storage: None,  # noqa: ARG001 - asked first
    sandbox: Sandbox,
    profile: Profile,
) -> str:
    """A file of which every block has a checksum, written once a boot; its path."""
    write = fio.verified_write(FILE, size_mib=profile.verified_mib, seed=profile.seed)
    parse_write(_run(sandbox, write, profile))
    return FILE


def test_written_data_is_on_the_storage(
    sandbox: Sandbox, verified_file: str, profile: Profile
) -> None:
    """Every checksum fits when the caches above the storage are empty."""
    sandbox.drop_caches(verified_file)
    assert _is_intact(sandbox, verified_file, profile)


def test_written_data_survives_the_sandbox(
    sandbox: Sandbox, verified_file: str, restart: Callable[[], None], profile: Profile
) -> None:
    """And again when the sandbox is gone and another has the same root file system."""
    restart()
    assert _is_intact(sandbox, verified_file, profile)


def _is_intact(sandbox: Sandbox, path: str, profile: Profile) -> bool:
    argv = fio.verify(path, size_mib=profile.verified_mib, seed=profile.seed)
    return parse_verify(_run(sandbox, argv, profile))


def _run(sandbox: Sandbox, argv: list[str], profile: Profile) -> str:
    return sandbox.run(argv, timeout_s=profile.file_deadline_s, check=False).stdout
