"""What Kubernetes does to a pod: exec, logs, and the restart of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster.pod_state import QUESTION, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.cluster.api import Api
    from lab.runtime.sandbox import Sandbox

STATUS = 7
WORD = "said by the container"
TIMEOUT_S = 60.0


def test_exec_hands_over_output_and_status(sandbox: Sandbox) -> None:
    """Both streams apart, and the exit status."""
    script = f"echo out; echo err >&2; exit {STATUS}"
    done = sandbox.run(["sh", "-c", script], timeout_s=TIMEOUT_S, check=False)
    assert done.returncode == STATUS
    assert "err" in done.stderr
    assert done.stdout == "out\n"


def test_logs_are_what_the_container_says(sandbox: Sandbox, api: Api) -> None:
    """The first process's output is in the log that the kubelet keeps."""
    sandbox.run(["sh", "-c", f"echo '{WORD}' >/proc/1/fd/1"], timeout_s=TIMEOUT_S)
    log = api.run(["logs", sandbox.id], timeout_s=TIMEOUT_S).stdout
    assert WORD in log.splitlines()


def test_container_is_started_again(
    sandbox: Sandbox, api: Api, container_restart: Callable[[], None]
) -> None:
    """Its end is noticed; another one runs in the same pod, with the same address."""
    address = sandbox.address
    sandbox.run(["touch", "/before"], timeout_s=TIMEOUT_S)
    container_restart()
    assert read(api.ask(QUESTION, timeout_s=TIMEOUT_S), name=sandbox.id).restarts == 1
    assert sandbox.address == address
    assert sandbox.run(["test", "-e", "/before"], timeout_s=TIMEOUT_S, check=False).returncode == 1
