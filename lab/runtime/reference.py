"""
The reference runtime: a sandbox wired as Kata wires it, from distribution parts, without Kata.

containerd's snapshotter prepares the root file system, a CNI plugin the pod; the network model
and the storage backend of the cell do their part; QEMU is started with Kata's arguments. What
it costs is the physics of the cell; Kata minus reference is what Kata costs.
"""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lab.errors import CommandError, LabError, SandboxError
from lab.network import MODELS
from lab.network.pod import pod_of
from lab.node import gather_script, listening_script, parse_gathered
from lab.questions import host_through
from lab.runtime import path, pods, qemu
from lab.runtime.evidence import qemu_facts
from lab.runtime.guest_agent import GuestAgent
from lab.runtime.setting import (
    CTR,
    QUESTIONS_TIMEOUT_S,
    REMEDY,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Setting,
    pss_bytes,
    pss_script,
)
from lab.runtime.setup import setup_script
from lab.storage import BACKENDS, virtiofs
from lab.storage.backend import (
    MOUNTS,
    QEMU_COMMAND,
    QEMU_FILES,
    ROOT,
    VIRTIO_IDS,
    Share,
    Volume,
    forget_file,
    target_in,
    volume_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.command import Completed
    from lab.matrix import Cell
    from lab.network.pod import Pod
    from lab.outcome import Fact

AGENT_TIMEOUT_S = 120.0
CHROOT = ("/bin/chroot", ROOT)
CNI_RESULT = "CNI result"
SNAPSHOT = "snapshot"


class ReferenceSandbox:
    """One sandbox of the reference runtime."""

    def __init__(self, setting: Setting, cell: Cell, *, name: str, number: int) -> None:
        self.cell = cell
        self.id = name
        self.node = setting.node
        self.ready_s = 0.0
        self._setting = setting
        self._number = number
        self._model = MODELS[cell.network]
        self._backend = BACKENDS[cell.storage]
        self.expected = self._model.EXPECTED
        # Until the CNI plugin has spoken, the pod is only a name: enough to take it away.
        self.pod: Pod = pods.custom(name, number)
        self._volume: Volume | None = None
        self._agent_socket = setting.node.access.sockets / f"{name}.agent"
        self._agent = GuestAgent(self._agent_socket)
        self.guest = host_through(self._answer, name=f"guest://{name}")

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return str(self.pod.address.ip)

    def start(self, *, is_restart: bool = False) -> None:
        """
        Prepare volume and pod, start QEMU, wait until the guest answers.

        Raises:
            SandboxError: if the guest does not come up; its console is still there to read.
            CommandError: if a step on the node fails.
        """
        started = time.monotonic()
        self._volume = self._prepare(is_restart=is_restart)
        self._launch(self._volume)
        self.node.forward(f"{self.pod.folder}/agent.sock", self._agent_socket)
        self._agent.connect(timeout_s=AGENT_TIMEOUT_S)
        if self._agent.run(
            ["/bin/test", "-d", f"{ROOT}/usr"], timeout_s=AGENT_TIMEOUT_S
        ).returncode:
            raise SandboxError("the guest is up without its root file system", remedy=REMEDY)
        self.ready_s = time.monotonic() - started

    def restart(self) -> None:
        """End this guest and start another, in a new pod, on the same root file system."""
        self.run(["sync"], timeout_s=QUESTIONS_TIMEOUT_S)
        self._end(keep_volume=True)
        self._agent = GuestAgent(self._agent_socket)
        self.start(is_restart=True)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let go of the agent, which speaks with one at a time, for the block."""
        self._agent.close()
        try:
            yield
        finally:
            self._agent = GuestAgent(self._agent_socket)
            with suppress(SandboxError):  # whoever speaks with it next says that it is gone
                self._agent.connect(timeout_s=QUESTIONS_TIMEOUT_S)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        expected_s: float = 0.0,
        stdin: str = "",
    ) -> Completed:
        """Run *argv* in the guest, in the container's root file system."""
        done = self._agent.run(
            [*CHROOT, *argv], timeout_s=timeout_s, expected_s=expected_s, stdin=stdin
        )
        if check and done.returncode:
            problem = f"{argv[0]} exited with status {done.returncode} in {self.cell}"
            raise CommandError(problem, completed=done)
        return done

    @contextmanager
    def background(self, argv: Sequence[str], *, listening: int | None = None) -> Iterator[None]:
        """Run *argv* in the guest beside the block; with *listening*, wait for that port."""
        pid = self._agent.start([*CHROOT, *argv])
        try:
            if listening is not None:
                script = listening_script(listening)
                self.run(["sh", "-c", script], timeout_s=QUESTIONS_TIMEOUT_S)
            yield
        finally:
            self._agent.kill(pid)

    def gather(self, questions: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """Ask all *questions* inside the guest, in one round trip."""
        done = self.run(
            ["sh", "-s"], timeout_s=timeout_s, check=False, stdin=gather_script(questions)
        )
        return {**dict.fromkeys(questions, ""), **parse_gathered(done.stdout)}

    def drop_caches(self, path: str) -> None:
        """Write back and forget what the guest has cached of *path*, and then the node."""
        self.run(forget_file(path), timeout_s=QUESTIONS_TIMEOUT_S)
        line = self._backend.forget(self._started_volume(), path)
        self.node.script(line, timeout_s=QUESTIONS_TIMEOUT_S)

    def memory_bytes(self) -> int:
        """Proportional set size of QEMU and, where there is one, its virtiofsd."""
        script = pss_script(f"$(cat {self.pod.folder}/*.pid)")
        return pss_bytes(self.node.script(script, timeout_s=QUESTIONS_TIMEOUT_S))

    def share(self) -> Share | None:
        """What serves its root file system to it; None where that is no daemon's work."""
        volume = self._started_volume()
        if virtiofs.DAEMON not in self._backend.node_questions(volume):
            return None
        return Share(daemon=virtiofs.pids(volume), changes=volume.changes)

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """Read from node and guest what is in effect."""
        volume = self._started_volume()
        pid = f"$(cat {self.pod.folder}/qemu.pid)"
        on_node = {
            QEMU_COMMAND: f"tr '\\0' ' ' </proc/{pid}/cmdline",
            QEMU_FILES: f"readlink /proc/{pid}/fd/*",
            **self._model.questions(self.pod),
            **self._backend.node_questions(volume),
            **path.questions(self.pod),
            **path.mount_question(volume, pid),
        }
        in_guest = {MOUNTS: MOUNTS, VIRTIO_IDS: VIRTIO_IDS, **path.IN_GUEST}
        answers = {
            **self.node.gather(on_node, timeout_s=QUESTIONS_TIMEOUT_S),
            **self.gather(in_guest, timeout_s=QUESTIONS_TIMEOUT_S),
        }
        facts = (
            *qemu_facts(self.pod, answers),
            *self._model.facts(self.pod, answers),
            *self._backend.facts(volume, answers),
        )
        return facts, answers

    def configuration(self) -> dict[str, str]:
        """Nothing: all that it is told is in its evidence."""
        return {}

    def console(self) -> str:
        """What the guest said so far."""
        question = f"cat {self.pod.folder}/console.log 2>/dev/null"
        return self.node.gather({"console": question}, timeout_s=QUESTIONS_TIMEOUT_S)["console"]

    def stop(self) -> None:
        """
        End the guest and undo all that its start did, however far that came.

        Raises:
            SandboxError: if something of it is still there afterwards.
        """
        self._end(keep_volume=False)

    def _prepare(self, *, is_restart: bool) -> Volume:
        snapshotter = self._backend.SNAPSHOTTER
        target = target_in(self.pod.folder)
        snapshots = f"{CTR} snapshots --snapshotter {snapshotter}"
        snapshot = (
            f"{snapshots} mounts {target} {self.id}"
            if is_restart
            else f"{snapshots} prepare --target {target} {self.id} {self._setting.layer}"
        )
        questions = {SNAPSHOT: snapshot}
        if self.expected.has_pod_interface:
            questions[CNI_RESULT] = pods.add_network(self.id, pods.address(self._number))
        script = "\n".join(pods.add_namespace(self.id)) + "\n" + gather_script(questions)
        answers = parse_gathered(self.node.script(script, timeout_s=START_TIMEOUT_S))
        if self.expected.has_pod_interface:
            self.pod = pod_of(self.id, answers[CNI_RESULT])
        return volume_of(
            answers[SNAPSHOT], snapshotter=snapshotter, key=self.id, folder=self.pod.folder
        )

    def _launch(self, volume: Volume) -> None:
        tap = self._model.tap(self.pod)
        argv = qemu.arguments(
            qemu.Machine(
                binary=self._setting.topology.qemu.binary,
                kernel=self._setting.guest_kernel,
                initramfs=self._setting.guest_initramfs,
                cpus=self._setting.topology.sandbox.cpus,
                memory_mib=self._setting.topology.sandbox.memory_mib,
                parameters=self._setting.guest_parameters,
            ),
            pod=self.pod,
            tap=tap,
            storage=self._backend.qemu(volume),
            modules=("virtio_net", *self._backend.MODULES),
        )
        setup = setup_script(self.pod, self._backend.mount())
        inside = f"ip netns exec {tap.namespace} " if tap.namespace else ""
        lines = [
            *self._model.wire(self.pod),
            *self._backend.attach(volume, self._setting.topology),
            f"cat >{self.pod.folder}/setup <<'SETUP'\n{setup}SETUP",
            f"{inside}{shlex.join(argv)} {tap.redirection}",
        ]
        self.node.script("\n".join(lines) + "\n", timeout_s=START_TIMEOUT_S)

    def _end(self, *, keep_volume: bool) -> None:
        self._agent.close()
        with suppress(LabError):
            self.node.unforward(f"{self.pod.folder}/agent.sock", self._agent_socket)
        snapshots = f"{CTR} snapshots --snapshotter {self._backend.SNAPSHOTTER}"
        lines = [
            _end_process(f"{self.pod.folder}/qemu.pid"),
            *(self._backend.detach(self._volume) if self._volume else ()),
            *(f"ip link del {device}" for device in self._model.OUTSIDE),
            *pods.remove(self.pod),
            *(() if keep_volume else (f"{snapshots} rm {self.id}",)),
        ]
        left = self.node.run(
            ["sh", "-s"],
            timeout_s=STOP_TIMEOUT_S,
            stdin="\n".join(lines) + "\n" + _leftovers(self.pod, self._model.OUTSIDE),
        )
        if problem := left.stdout.rpartition("left: ")[2].strip():
            detail = left.stderr.strip()
            told = f"{self.id} left {problem} behind{detail and f': {detail}'}"
            raise SandboxError(told, remedy=REMEDY)

    def _started_volume(self) -> Volume:
        if self._volume is None:
            raise SandboxError(f"{self.id} was never started", remedy=REMEDY)
        return self._volume

    def _answer(self, line: str) -> Completed:
        return self.run(["sh", "-c", line], timeout_s=QUESTIONS_TIMEOUT_S, check=False)


def _end_process(pid_file: str) -> str:
    """The shell line that ends a process, by force after 5 s, and waits until it is gone."""
    return (
        f"if [ -e {pid_file} ]; then pid=$(cat {pid_file}); kill $pid 2>/dev/null;"
        " tries=0; while kill -0 $pid 2>/dev/null; do tries=$((tries + 1));"
        " [ $tries -ne 100 ] || kill -9 $pid; sleep 0.05; done; fi"
    )


def _leftovers(pod: Pod, devices: tuple[str, ...]) -> str:
    """The shell lines that print what is still there of a sandbox, its *devices* included."""
    places = {
        "folder": pod.folder,
        "namespace": f"/run/netns/{pod.namespace}",
        **{device: f"/sys/class/net/{device}" for device in devices},
    }
    checks = (f"[ ! -e {path} ] || printf '{name} '\n" for name, path in places.items())
    return "printf 'left: '\n" + "".join(checks)
