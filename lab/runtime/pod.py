"""
A sandbox that is a pod of Kubernetes: asked for by kubectl, and told to run by ``kubectl exec``.

kubectl runs on this machine (:mod:`lab.cluster.api`). What is in effect is read on the pod's own
node, by the code that reads it of Kata without Kubernetes, and of the runc that the lab starts
itself.
"""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.cluster import cri_pod, documents, objects, pod_state
from lab.cluster.cri_node import CTR, PODS, announcement
from lab.cluster.kube_node import CREATE
from lab.errors import CommandError, LabError, NotReadyError, SandboxError
from lab.matrix import KATA
from lab.network import MODELS
from lab.node import gather_script, listening_script, parse_gathered
from lab.outcome import Fact
from lab.questions import host_through
from lab.runtime import kata_evidence, pods, runc_pod
from lab.runtime.kata_evidence import Started
from lab.runtime.runc import EXPECTED as RUNCS
from lab.runtime.setting import QUESTIONS_TIMEOUT_S, REMEDY, pss_bytes
from lab.storage.backend import forget_file
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.cluster.documents import Document
    from lab.cluster.handler import Handler
    from lab.cluster.pod_state import PodState
    from lab.command import Completed
    from lab.matrix import Cell
    from lab.network.pod import Pod
    from lab.runtime.setting import Setting
    from lab.storage.backend import Share

APPLY_TIMEOUT_S = 120.0
READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 300.0
STOP_TRIES = 40
"""Two seconds apart, and each a program that a slow node takes as long again to start."""
POLL_S = 1.0
WATCH_S = 20
"""After which it is asked whether an event says that there is nothing to wait for."""
LOG_TAIL_BYTES = 200_000
EXITED = "command terminated with exit code"
"""How kubectl says that it is the program, not kubectl itself, that failed."""
POD_ID, CONTAINER, INSPECTED, MOUNTED = "pod id", "container id", "inspected", "snapshot"
RUNTIME_CLASS = "RuntimeClass of the pod"


@dataclass(frozen=True, slots=True)
class _Running:
    """What containerd calls the pod and its container, and what Kata's are beside that."""

    pod_id: str
    container: str
    kata: Started | None


class Describe(Protocol):
    """What makes the object by which a pod is asked for."""

    def __call__(self, handler: Handler, *, name: str, node: str, image: str) -> Document:
        """Return the pod called *name*, of *image*, on *node*."""


class PodSandbox:
    """One pod, whose first container is the sandbox's."""

    def __init__(
        self,
        setting: Setting,
        cell: Cell,
        *,
        name: str,
        number: int,
        describe: Describe = objects.pod,
    ) -> None:
        self.cell = cell
        self.id = name
        self.node = setting.node
        if setting.api is None:
            raise ValueError(f"{name} is to be a pod, and there is no cluster")
        self._api = setting.api
        self.ready_s = 0.0
        self.expected = MODELS[cell.network].EXPECTED if cell.runtime in KATA else RUNCS
        self.pod: Pod = pods.custom(name, number)
        self.guest = host_through(self._answer, name=f"kubectl://{name}")
        self._handler = setting.handlers[cell]
        self._image = setting.image
        self._describe = describe
        self._started: _Running | None = None
        self._programs = itertools.count(1)

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return str(self.pod.address.ip)

    def start(self) -> None:
        """
        Ask the API for the pod, and wait until it answers.

        Raises:
            SandboxError: if it does not, with the event that says why.
            CommandError: if the API refuses it.
        """
        # The lab's own CNI plugin asks for it; Calico, where it is there, does not.
        announced = f"echo '{announcement(str(self.pod.address))}' >{PODS}/{self.id}\n"
        self.node.script(announced, timeout_s=APPLY_TIMEOUT_S)
        started = time.monotonic()
        document = self._describe(
            self._handler, name=self.id, node=self.node.name, image=self._image
        )
        self._api.run(
            [*CREATE, "-f", "-"],
            timeout_s=APPLY_TIMEOUT_S,
            stdin=documents.for_kubectl([document]),
        )
        self._wait_until_ready(restarts=0)
        self.run(["true"], timeout_s=QUESTIONS_TIMEOUT_S)
        self.ready_s = time.monotonic() - started

    def restart(self) -> None:
        """
        End the container, and wait until the kubelet has started another in its place.

        As every container of Kubernetes it begins with the image's root file system again.
        """
        before = self._state().restarts
        line = f"crictl stop --timeout 0 {self._running().container} >/dev/null\n"
        self.node.script(line, timeout_s=STOP_TIMEOUT_S)
        self._wait_until_ready(restarts=before + 1)
        self.run(["true"], timeout_s=QUESTIONS_TIMEOUT_S)

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
        Run *argv* in the container; what is not done by then ends there too.

        A shell in the container gives it its input: Kata's shim may wait for ever if it is told
        of the end of an input before the program has started (service.go, CloseIO).
        """
        # kubectl's end is not the program's: that has a deadline of its own.
        limited = ["timeout", "-s", "KILL", f"{timeout_s:g}", *argv]
        fed = ["sh", "-c", 'printf %s "$0" | "$@"', stdin, *limited] if stdin else limited
        done = self._api.run([*self._exec(), *fed], timeout_s=timeout_s, check=False)
        if done.returncode and EXITED not in done.stderr:
            problem = f"{self.id} cannot be told to run {argv[0]}: {done.stderr.strip()}"
            raise SandboxError(problem, remedy=REMEDY)
        if check and done.returncode:
            problem = f"{argv[0]} exited with status {done.returncode} in {self.cell}"
            raise CommandError(problem, completed=done)
        return done

    def run_in(self, container: str, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run *argv* in another *container* of the pod; that it fails is no error."""
        line = [*self._exec(container=container), *argv]
        return self._api.run(line, timeout_s=timeout_s, check=False)

    @contextmanager
    def background(self, argv: Sequence[str], *, listening: int | None = None) -> Iterator[None]:
        """Run *argv* in it beside the block; with *listening*, wait for that port first."""
        pid_file = f"/tmp/lab-{next(self._programs)}.pid"  # noqa: S108 - the container's own
        script = f'echo $$ >{pid_file}; exec "$@"'
        with self._api.background([*self._exec(), "sh", "-c", script, "sh", *argv]):
            try:
                if listening is not None:
                    wait = listening_script(listening)
                    self.run(["sh", "-c", wait], timeout_s=QUESTIONS_TIMEOUT_S)
                yield
            finally:
                kill = ["sh", "-c", f"kill -9 $(cat {pid_file})"]
                with suppress(LabError):  # it may have ended by itself, or the pod with it
                    self.run(kill, timeout_s=QUESTIONS_TIMEOUT_S, check=False)

    def gather(self, questions: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """Ask all *questions* inside the container, in one round trip."""
        script = gather_script(questions)
        done = self.run(["sh", "-c", script], timeout_s=timeout_s, check=False)
        return {**dict.fromkeys(questions, ""), **parse_gathered(done.stdout)}

    def drop_caches(self, path: str) -> None:
        """Write back and forget what the guest has cached of *path*, and then the node."""
        self.run(forget_file(path), timeout_s=QUESTIONS_TIMEOUT_S)
        if kata := self._running().kata:
            self.node.script(kata.forget(path), timeout_s=QUESTIONS_TIMEOUT_S)

    def memory_bytes(self) -> int:
        """Proportional set size of the processes that the pod is made of on the node."""
        running = self._running()
        script = running.kata.memory if running.kata else runc_pod.memory(running.pod_id)
        return pss_bytes(self.node.script(script, timeout_s=QUESTIONS_TIMEOUT_S))

    def share(self) -> Share | None:
        """What serves its root file system to it; None where that is no daemon's work."""
        kata = self._running().kata
        return kata.share if kata else None

    def prove(self) -> tuple[tuple[Fact, ...], dict[str, str]]:
        """Read from API, node and container what is in effect."""
        running = self._running()
        kata = running.kata
        on_node = kata.on_node if kata else runc_pod.on_node(self.pod, running.pod_id)
        inside = kata_evidence.IN_GUEST if kata else runc_pod.INSIDE
        runtime_class = ["get", "pod", self.id, "-o", "jsonpath={.spec.runtimeClassName}"]
        answers = {
            RUNTIME_CLASS: self._api.ask(runtime_class, timeout_s=QUESTIONS_TIMEOUT_S),
            **self.node.gather(on_node, timeout_s=QUESTIONS_TIMEOUT_S),
            **self.gather(inside, timeout_s=QUESTIONS_TIMEOUT_S),
        }
        facts = (
            kata.facts(answers)
            if kata
            else runc_pod.facts(self._handler, self.pod, running.container, answers)
        )
        return (self._runtime_class(answers[RUNTIME_CLASS]), *facts), answers

    def configuration(self) -> dict[str, str]:
        """What Kata was told for this sandbox, and what it says that comes to; by file name."""
        questions = kata_evidence.configuration(self._handler)
        if not questions:
            return {}
        answers = self.node.gather(questions, timeout_s=QUESTIONS_TIMEOUT_S)
        return {name: text for name, text in answers.items() if text}

    def console(self) -> str:
        """The pod's events, and what Kata and containerd have logged since its start."""
        since = f"$(stat -c @%Y {PODS}/{self.id})"
        log = (
            f"journalctl -q -o short-monotonic --since {since} SYSLOG_IDENTIFIER=kata"
            " + SYSLOG_IDENTIFIER=virtiofsd + _SYSTEMD_UNIT=containerd.service"
            f" | tail -c {LOG_TAIL_BYTES}"
        )
        return (
            self._api.ask(pod_state.events_question(self.id), timeout_s=QUESTIONS_TIMEOUT_S)
            + self.node.gather({"log": log}, timeout_s=QUESTIONS_TIMEOUT_S)["log"]
        )

    def stop(self) -> None:
        """
        Delete the pod, and wait until nothing of it is left.

        Raises:
            SandboxError: if something of it is still there afterwards.
        """
        # kubectl is told when its containers have ended; until then nobody asks crictl.
        asked = self._api.run(
            ["delete", "pod", self.id, "--ignore-not-found", f"--timeout={STOP_TIMEOUT_S:g}s"],
            timeout_s=STOP_TIMEOUT_S + APPLY_TIMEOUT_S,
            check=False,
        )
        done = self.node.run(["sh", "-s"], timeout_s=STOP_TIMEOUT_S, stdin=self._stop_script())
        alive = "its object in the API " if asked.returncode else ""  # the kubelet starts it again
        if problem := (alive + done.stdout.rpartition("left: ")[2]).strip():
            detail = (asked.stderr + done.stderr).strip()
            told = f"{self.id} left {problem} behind{detail and f': {detail}'}"
            raise SandboxError(told, remedy=REMEDY)

    def _stop_script(self) -> str:
        """Wait until nothing of the pod runs; remove it from containerd, print what is left."""
        ids = f"crictl pods -q --namespace {objects.NAMESPACE} --name '^{self.id}$'"
        known = self._started.pod_id if self._started else f"$({ids})"
        # Who removes it while its network is still being taken down takes that down twice.
        is_there = f'[ -e /run/netns/{self.pod.namespace} ] || [ -n "$({ids} --state ready)" ]'
        return (
            f"ids={known}\n"
            f"tries=0; while [ $tries -lt {STOP_TRIES} ] && {{ {is_there}; }}; do"
            " tries=$((tries + 1)); sleep 2; done\n"
            # The kubelet itself removes what it has stopped, but once a minute.
            f"for pod in $({ids}); do crictl rmp $pod >/dev/null; done\n"
            f"rm -f {PODS}/{self.id} {PODS}/{self.id}.result\n"
            "printf 'left: '\n"
            f"{ids}\n"
            f"[ ! -e /run/netns/{self.pod.namespace} ] || printf 'namespace '\n"
            f"for pod in $ids; do\n{kata_evidence.leftovers_of('$pod')}done\n"
        )

    def _wait_until_ready(self, *, restarts: int) -> None:
        patiently = ["wait", f"pod/{self.id}", "--for=condition=Ready", f"--timeout={WATCH_S}s"]

        def probe() -> None:
            # One connection that is told of a change: each question is work for the node, too.
            self._api.run(patiently, timeout_s=APPLY_TIMEOUT_S, check=False)
            state = self._state()
            if state.failure and not state.is_ready:
                raise SandboxError(f"{self.id} does not start: {state.failure}", remedy=REMEDY)
            if not state.is_ready or state.restarts < restarts:
                raise Pending(f"it is {state.waiting}")
            self._read_ids()

        try:
            wait_for(
                f"pod {self.id}", probe, timeout_s=READY_TIMEOUT_S, every_s=POLL_S, remedy=REMEDY
            )
        except NotReadyError as error:
            raise SandboxError(error.problem, remedy=REMEDY) from error

    def _read_ids(self) -> None:
        """Find the pod and its container in containerd, and what it knows of them."""
        snapshots = f"{CTR} snapshots --snapshotter {self._handler.snapshotter}"
        folder = kata_evidence.SHARES
        questions = {
            POD_ID: (
                f"pod=$(crictl pods -q --namespace {objects.NAMESPACE} --name '^{self.id}$'"
                " --state ready); echo $pod"
            ),
            CONTAINER: (
                f"container=$(crictl ps -q --pod $pod --name '^{objects.CONTAINER}$');"
                " echo $container"
            ),
            INSPECTED: "crictl inspectp -o json $pod",
            MOUNTED: f"{snapshots} mounts {folder}/root $container",
        }
        answers = self.node.gather(questions, timeout_s=QUESTIONS_TIMEOUT_S)
        pod_id, container = answers[POD_ID].strip(), answers[CONTAINER].strip()
        if not pod_id or not container:
            raise Pending("containerd does not know of its container yet")
        self.pod = cri_pod.pod_of(answers[INSPECTED])
        kata = (
            Started.of(
                self._handler,
                pod=self.pod,
                pod_id=pod_id,
                container=container,
                mounts=answers[MOUNTED],
            )
            if self._handler.release
            else None
        )
        self._started = _Running(pod_id, container, kata)

    def _runtime_class(self, observed: str) -> Fact:
        return Fact(
            subject=RUNTIME_CLASS,
            source="kubectl get pod",
            expected=self._handler.name,
            observed=observed.strip() or "none",
            holds=observed.strip() == self._handler.name,
        )

    def _running(self) -> _Running:
        if self._started is None:
            raise SandboxError(f"{self.id} was never started", remedy=REMEDY)
        return self._started

    def _state(self) -> PodState:
        said = self._api.ask(pod_state.QUESTION, timeout_s=APPLY_TIMEOUT_S)
        return pod_state.read(said, name=self.id)

    def _exec(self, *, container: str = objects.CONTAINER) -> list[str]:
        pod = [self.id, "--container", container]
        return ["exec", *pod, "--"]

    def _answer(self, line: str) -> Completed:
        return self.run(["sh", "-c", line], timeout_s=QUESTIONS_TIMEOUT_S, check=False)
