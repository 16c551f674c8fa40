"""Pods beside the sandbox of a boot, of the same cell: for what one sandbox cannot show."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lab.bench import GuestLostError, NotMeasuredError
from lab.errors import LabError, SandboxError, told
from lab.outcome import Outcome
from lab.runtime.pod import PodSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.bench import Bench
    from lab.runtime.pod import Describe
    from lab.runtime.sandbox import Sandbox

NUMBERS = {"pair": 1000, "first": 1001, "second": 1002, "doomed": 1003}
"""By role; the addresses are far from those of the boots."""


@contextmanager
def pod_beside(
    bench: Bench, sandbox: Sandbox, role: str, *, describe: Describe
) -> Iterator[PodSandbox]:
    """
    Have another pod of the *sandbox*'s cell while the block runs.

    Raises:
        NotMeasuredError: BLOCKED if it does not start, FAIL if something of it is left behind,
            INFRA if the emulator lost its guest: the sandbox itself is well.
    """
    made = PodSandbox(
        bench.setting,
        sandbox.cell,
        name=f"{sandbox.id}-{role}",
        number=NUMBERS[role],
        describe=describe,
    )
    try:
        try:
            bench.started(lambda: made)
        except GuestLostError as error:
            raise NotMeasuredError(Outcome.INFRA, str(error)) from error
        except SandboxError as error:
            raise NotMeasuredError(Outcome.BLOCKED, told(error)) from error
        yield made
    except BaseException:
        with suppress(LabError):  # the first error is the one to tell
            made.stop()
        raise
    if bench.is_ending:
        return
    try:
        made.stop()
    except SandboxError as error:
        raise NotMeasuredError(Outcome.FAIL, told(error)) from error
