"""
Kata's own runtimes: a sandbox that containerd starts by a handler of Kata, without Kubernetes.

crictl asks for a pod as the kubelet would; the CNI plugin makes its network; commands run in
its container. What is in effect is read by the code that reads it of the reference runtime.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lab.cluster.cri_node import CTR, PODS
from lab.errors import CommandError, LabError, SandboxError
from lab.network import MODELS
from lab.network.pod import namespace_of, pod_of
from lab.node import gather_script, listening_script, parse_gathered
from lab.questions import host_through
from lab.runtime import cri, kata_evidence, pods
from lab.runtime.kata_evidence import Started
from lab.runtime.setting import QUESTIONS_TIMEOUT_S, REMEDY, pss_bytes
from lab.storage.backend import forget_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.command import Completed
    from lab.matrix import Cell
    from lab.network.pod import Pod
    from lab.outcome import Fact
    from lab.runtime.setting import Setting
    from lab.storage.backend import Share

START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 180.0
LOG_TAIL_BYTES = 200_000
IDS, CNI_RESULT, SNAPSHOT = "ids", "CNI result", "snapshot"
CTRS_OWN_WORDS = "ctr: "
"""What ctr says itself begins with this (cmd/ctr/main.go); the rest is the program's."""


class KataSandbox:
    """One pod of a runtime of Kata."""

    def __init__(self, setting: Setting, cell: Cell, *, name: str, number: int) -> None:
        self.cell = cell
        self.id = name
        self.node = setting.node
        self.ready_s = 0.0
        self.expected = MODELS[cell.network].EXPECTED
        self.pod: Pod = pods.custom(name, number)
        self.guest = host_through(self._answer, name=f"kata://{name}")
        self._request = cri.Request(
            name=name,
            handler=setting.handlers[cell],
            image=setting.image,
            address=pods.address(number),
        )
        self._container = ""
        self._started: Started | None = None
        self._programs = itertools.count(1)

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return str(self.pod.address.ip)

    def start(self, *, root: str | None = None) -> None:
        """
        Ask for the pod and its container, and wait until it answers.

        Raises:
            SandboxError: if it does not, or if containerd refuses, with its words, which are
                Kata's.
        """
        started = time.monotonic()
        questions = {
            IDS: "echo $pod $container",
            CNI_RESULT: f"cat {PODS}/{self.id}.result",
            SNAPSHOT: f"{self._request.snapshots} mounts {self._request.folder}/root $container",
        }
        lines = cri.start_lines(self._request, root=root)
        script = "\n".join(lines) + "\n" + gather_script(questions)
        try:
            answers = parse_gathered(self.node.script(script, timeout_s=START_TIMEOUT_S))
        except CommandError as error:
            raise cri.refused(error) from error
        pod_id, self._container = answers[IDS].split()
        self.pod = pod_of(namespace_of(answers[CNI_RESULT]), answers[CNI_RESULT])
        self._started = Started.of(
            self._request.handler,
            pod=self.pod,
            pod_id=pod_id,
            container=self._container,
            mounts=answers[SNAPSHOT],
        )
        self.run(["true"], timeout_s=QUESTIONS_TIMEOUT_S)
        self.ready_s = time.monotonic() - started

    def restart(self) -> None:
        """End this pod and start another whose container has the same root file system."""
        self.run(["sync"], timeout_s=QUESTIONS_TIMEOUT_S)
        kept = self._request.kept
        lines = cri.keep_lines(self._request, container=self._container)
        self.node.script("\n".join(lines) + "\n", timeout_s=STOP_TIMEOUT_S)
        self._end()
        self._request = dataclasses.replace(self._request, attempt=self._request.attempt + 1)
        self.start(root=kept)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        expected_s: float = 0.0,  # noqa: ARG002 - Sandbox: nothing is polled here
        stdin: str = "",
    ) -> Completed:
        """Run *argv* in the container; Kata's agent starts it, and hands its output over."""
        program = self._new_program()
        line = [*self._exec(program), *_fed(argv, stdin)]
        try:
            done = self.node.run(line, timeout_s=timeout_s, check=False)
        except CommandError:
            self._kill(program)
            raise
        if done.returncode and done.stderr.startswith(CTRS_OWN_WORDS):
            problem = f"{self.id} cannot be told to run {argv[0]}: {done.stderr.strip()}"
            raise SandboxError(problem, remedy=REMEDY)
        if check and done.returncode:
            problem = f"{argv[0]} exited with status {done.returncode} in {self.cell}"
            raise CommandError(problem, completed=done)
        return done

    @contextmanager
    def background(self, argv: Sequence[str], *, listening: int | None = None) -> Iterator[None]:
        """Run *argv* in it beside the block; with *listening*, wait for that port first."""
        program = self._new_program()
        with self.node.background([*self._exec(program), *_fed(argv)]):
            try:
                if listening is not None:
                    script = listening_script(listening)
                    self.run(["sh", "-c", script], timeout_s=QUESTIONS_TIMEOUT_S)
                yield
            finally:
                self._kill(program)

    def gather(self, questions: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """Ask all *questions* inside the container, in one round trip."""
        script = gather_script(questions)
        done = self.run(["sh", "-c", script], timeout_s=timeout_s, check=False)
        return {**dict.fromkeys(questions, ""), **parse_gathered(done.stdout)}

    def drop_caches(self, path: str) -> None:
        """Write back and forget what the guest has cached of *path*, and then the node."""
        self.run(forget_file(path), timeout_s=QUESTIONS_TIMEOUT_S)
        self.node.script(self._running().forget(path), timeout_s=QUESTIONS_TIMEOUT_S)

    def memory_bytes(self) -> int:
        """Proportional set size of QEMU, virtiofsd where there is one, and Kata's shim."""
        memory = self._running().memory
        return pss_bytes(self.node.script(memory, timeout_s=QUESTIONS_TIMEOUT_S))

    def share(self) -> Share | None:
        """What serves its root file system to it; None where that is no daemon's work."""
        return self._running().share

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """Read from node and guest what is in effect."""
        started = self._running()
        answers = {
            **self.node.gather(started.on_node, timeout_s=QUESTIONS_TIMEOUT_S),
            **self.gather(kata_evidence.IN_GUEST, timeout_s=QUESTIONS_TIMEOUT_S),
        }
        return started.facts(answers), answers

    def configuration(self) -> dict[str, str]:
        """What Kata was told for this sandbox, and what it says that comes to; by file name."""
        questions = kata_evidence.configuration(self._request.handler)
        answers = self.node.gather(questions, timeout_s=QUESTIONS_TIMEOUT_S)
        return {name: text for name, text in answers.items() if text}

    def console(self) -> str:
        """What Kata and containerd have logged since the start."""
        since = f"$(stat -c @%Y {PODS}/{self.id})"
        log = (
            f"journalctl -q -o short-monotonic --since {since} SYSLOG_IDENTIFIER=kata"
            " + SYSLOG_IDENTIFIER=virtiofsd + _SYSTEMD_UNIT=containerd.service"
            f" | tail -c {LOG_TAIL_BYTES}"
        )
        return self.node.gather({"log": log}, timeout_s=QUESTIONS_TIMEOUT_S)["log"]

    def stop(self) -> None:
        """
        End the pod and undo all that its start did, however far that came.

        Raises:
            SandboxError: if something of it is still there afterwards.
        """
        self._end(*cri.forget_lines(self._request))

    def _end(self, *lines: str) -> None:
        script = "\n".join((*cri.end_lines(self._request), *lines, self._leftovers())) + "\n"
        done = self.node.run(["sh", "-s"], timeout_s=STOP_TIMEOUT_S, stdin=script)
        if problem := done.stdout.rpartition("left: ")[2].strip():
            detail = done.stderr.strip()
            told = f"{self.id} left {problem} behind{detail and f': {detail}'}"
            raise SandboxError(told, remedy=REMEDY)

    def _leftovers(self) -> str:
        """The shell lines that print what is still there; no other sandbox of Kata is."""
        places = f"{self._request.folder} /run/netns/{self.pod.namespace}"
        return (
            "printf 'left: '\n"
            f'for path in {places}; do [ ! -e "$path" ] || printf \'%s \' "$path"; done\n'
            + kata_evidence.leftovers()
        )

    def _running(self) -> Started:
        if self._started is None:
            raise SandboxError(f"{self.id} was never started", remedy=REMEDY)
        return self._started

    def _new_program(self) -> str:
        return f"lab-{next(self._programs)}"

    def _exec(self, program: str) -> list[str]:
        """
        What starts a program in the container.

        ctr's own input has no end: it would hand that on, perhaps before the program has been
        started, and then Kata's shim waits for ever, with its lock held (service.go, CloseIO).
        """
        ctr = [*CTR.split(), "tasks", "exec", "--exec-id", program, self._container]
        return ["sh", "-c", f'exec "$@" <>{self._request.stdin}', "sh", *ctr]

    def _kill(self, program: str) -> None:
        """End a program in the container; one that is gone already is fine."""
        kill = ["tasks", "kill", "--signal", "SIGKILL", "--exec-id", program, self._container]
        with suppress(LabError):
            self.node.run([*CTR.split(), *kill], timeout_s=QUESTIONS_TIMEOUT_S, check=False)

    def _answer(self, line: str) -> Completed:
        return self.run(["sh", "-c", line], timeout_s=QUESTIONS_TIMEOUT_S, check=False)


def _fed(argv: Sequence[str], stdin: str = "") -> list[str]:
    """Let a shell in the container give *argv* its input, and hand its exit status on."""
    if not stdin:
        return ["sh", "-c", 'exec "$@" </dev/null', "sh", *argv]
    return ["sh", "-c", 'printf %s "$0" | "$@"', stdin, *argv]
