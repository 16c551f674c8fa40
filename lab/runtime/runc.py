"""The control without a guest: the same image, pod and snapshotter, started by runc."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.errors import CommandError, SandboxError
from lab.matrix import Storage
from lab.network.model import ADDRESSES, LINKS, Expected, Namespace
from lab.network.pod import INTERFACE, Pod, pod_of
from lab.node import gather_script, listening_script, parse_gathered
from lab.outcome import Fact
from lab.questions import host_through
from lab.runtime import path, pods
from lab.runtime.setting import (
    CONTAINERD_NAMESPACE,
    CTR,
    QUESTIONS_TIMEOUT_S,
    REMEDY,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Setting,
    pss_bytes,
    pss_script,
)
from lab.storage.backend import MOUNTS, Snapshotter, forget_file, root_fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.command import Completed
    from lab.matrix import Cell
    from lab.storage.backend import Share

EXPECTED = Expected(namespace_keeps_address=True, namespace_keeps_mac=True, hops_to_node=0)
SNAPSHOTTERS = {
    Storage.OVERLAYFS: (Snapshotter.OVERLAYFS, "overlay", "overlay"),
    Storage.DEVMAPPER: (Snapshotter.DEVMAPPER, r"/dev/\S+", "ext4"),
}
"""By storage: the snapshotter, and the source and type of the root file system it gives."""
RUNTIME = "io.containerd.runc.v2"
PROCESSES = path.RUNC_PROCESSES
CNI_RESULT = "CNI result"


class RuncSandbox:
    """One container of the control."""

    def __init__(self, setting: Setting, cell: Cell, *, name: str, number: int) -> None:
        self.cell = cell
        self.id = name
        self.node = setting.node
        self.expected = EXPECTED
        self.ready_s = 0.0
        self.pod: Pod = pods.custom(name, number)
        self._setting = setting
        self._number = number
        self._snapshotter, self._source, self._fstype = SNAPSHOTTERS[cell.storage]
        self._pid = 0
        self.guest = host_through(self._answer, name=f"runc://{name}")

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return str(self.pod.address.ip)

    def start(self) -> None:
        """
        Make the pod, start the container, wait until it answers.

        Raises:
            SandboxError: if the CNI plugin makes no network, or the container ends at once.
            CommandError: if a step on the node fails.
        """
        started = time.monotonic()
        cni = pods.add_network(self.id, pods.address(self._number))
        script = "\n".join(pods.add_namespace(self.id)) + "\n" + gather_script({CNI_RESULT: cni})
        answers = parse_gathered(self.node.script(script, timeout_s=START_TIMEOUT_S))
        self.pod = pod_of(self.id, answers[CNI_RESULT])
        create = (
            f"{CTR} run --detach --runtime {RUNTIME} --snapshotter {self._snapshotter}"
            f" --with-ns network:/run/netns/{self.id}"
            " --mount type=tmpfs,src=tmpfs,dst=/tmp,options=mode=1777"
            f" {self._setting.image} {self.id} sleep infinity"
        )
        self._pid = self._started(create)
        self.run(["true"], timeout_s=QUESTIONS_TIMEOUT_S)
        self.ready_s = time.monotonic() - started

    def restart(self) -> None:
        """End the container's processes and start them again on the same root file system."""
        self._pid = self._started("sync", *self._end_task(), f"{CTR} task start --detach {self.id}")

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        expected_s: float = 0.0,  # noqa: ARG002 - Sandbox: nothing is polled here
        stdin: str = "",
    ) -> Completed:
        """
        Run *argv* in the container's namespaces.

        By nsenter, not ``ctr task exec``: the latter starts three Go programs, which under
        emulation takes longer than what is measured.
        """
        done = self.node.run([*self._enter(), *argv], timeout_s=timeout_s, check=False, stdin=stdin)
        if check and done.returncode:
            problem = f"{argv[0]} exited with status {done.returncode} in {self.cell}"
            raise CommandError(problem, completed=done)
        return done

    @contextmanager
    def background(self, argv: Sequence[str], *, listening: int | None = None) -> Iterator[None]:
        """Run *argv* in it beside the block; with *listening*, wait for that port first."""
        with self.node.background([*self._enter(), *argv]):
            if listening is not None:
                script = listening_script(listening)
                self.run(["sh", "-c", script], timeout_s=QUESTIONS_TIMEOUT_S)
            yield

    def gather(self, questions: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """Ask all *questions* inside the container, in one round trip."""
        done = self.run(
            ["sh", "-s"], timeout_s=timeout_s, check=False, stdin=gather_script(questions)
        )
        return {**dict.fromkeys(questions, ""), **parse_gathered(done.stdout)}

    def drop_caches(self, path: str) -> None:
        """Write back and forget what the one kernel there is has cached of *path*."""
        self.run(forget_file(path), timeout_s=QUESTIONS_TIMEOUT_S)

    def memory_bytes(self) -> int:
        """Proportional set size of the container's processes and its shim."""
        pids = f"{self._pid} $(pgrep -f -- '-id {self.id} ')"
        return pss_bytes(self.node.script(pss_script(pids), timeout_s=QUESTIONS_TIMEOUT_S))

    def share(self) -> Share | None:
        """None: there is no guest to serve it to."""
        return None

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """Read from node and container what is in effect."""
        inside = f"ip netns exec {self.id}"
        on_node = {
            LINKS: f"{inside} {LINKS}",
            ADDRESSES: f"{inside} {ADDRESSES}",
            "tc -j qdisc": f"{inside} tc -j qdisc",
            PROCESSES: f"cat /proc/{self._pid}/cgroup; cat /proc/{self._pid}/comm",
            **path.questions(self.pod),
        }
        answers = {
            **self.node.gather(on_node, timeout_s=QUESTIONS_TIMEOUT_S),
            **self.gather({MOUNTS: MOUNTS}, timeout_s=QUESTIONS_TIMEOUT_S),
        }
        return tuple(self._facts(answers)), answers

    def configuration(self) -> dict[str, str]:
        """Nothing: all that it is told is in its evidence."""
        return {}

    def console(self) -> str:
        """A container has none."""
        return ""

    def stop(self) -> None:
        """
        End the container and undo all that its start did, however far that came.

        Raises:
            SandboxError: if something of it is still there afterwards.
        """
        lines = (
            *(f"{line} || true" for line in self._end_task()),
            f"{CTR} container rm {self.id}",
            *pods.remove(self.pod),
            "printf 'left: '",
            f"[ ! -e {self.pod.folder} ] || printf 'folder '",
            f"[ ! -e /run/netns/{self.id} ] || printf 'namespace '",
        )
        done = self.node.run(["sh", "-s"], timeout_s=STOP_TIMEOUT_S, stdin="\n".join(lines) + "\n")
        if problem := done.stdout.rpartition("left: ")[2].strip():
            raise SandboxError(f"{self.id} left {problem}: {done.stderr.strip()}", remedy=REMEDY)

    def _enter(self) -> list[str]:
        return ["nsenter", "-t", str(self._pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]

    def _started(self, *lines: str) -> int:
        """The process id of the container on the node, after *lines* have started it."""
        find = f"{CTR} task ls | awk '$1 == \"{self.id}\" {{ print $2 }}'"
        script = "\n".join((*lines, find)) + "\n"
        pid = self.node.script(script, timeout_s=START_TIMEOUT_S).strip()
        if not pid.isdecimal():
            problem = f"the container of {self.id} ended at once: {pid or 'it has no task'}"
            raise SandboxError(problem, remedy=REMEDY)
        return int(pid)

    def _end_task(self) -> tuple[str, ...]:
        return (f"{CTR} task rm --force {self.id} >/dev/null",)

    def _facts(self, answers: Mapping[str, str]) -> Iterator[Fact]:
        namespace = Namespace(self.pod, answers)
        yield namespace.devices(INTERFACE)
        yield namespace.mac(INTERFACE, is_pods=True)
        yield namespace.mtu(INTERFACE)
        yield namespace.address(INTERFACE, is_kept=True)
        yield root_fact(answers, source=self._source, fstype=self._fstype)
        cgroup = f"/{CONTAINERD_NAMESPACE}/{self.id}"
        yield Fact(
            subject="process of the container",
            source="/proc/PID/cgroup",
            expected=cgroup,
            observed=answers[PROCESSES].strip() or "no process",
            holds=any(line.endswith(f":{cgroup}") for line in answers[PROCESSES].splitlines()),
        )

    def _answer(self, line: str) -> Completed:
        return self.run(["sh", "-c", line], timeout_s=QUESTIONS_TIMEOUT_S, check=False)
