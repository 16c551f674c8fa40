"""A node: a machine one can run commands on (over ssh) and ask questions (testinfra)."""

from __future__ import annotations

import logging
import shlex
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import command
from lab.errors import CommandError, ProvisionError
from lab.ports import LOOPBACK, PORT_TRIES, free_port
from lab.questions import host_through
from lab.wait import Pending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lab.command import Completed

log = logging.getLogger(__name__)

NODE_ADDRESS = "198.18.0.1"
"""Where sandboxes reach the node: on a dummy interface, in the range kept for benchmarks."""

QUESTION_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 5.0
LISTEN_TIMEOUT_S = 20.0
LISTEN_TRIES = 150
SSH_FAILED = 255
"""ssh's own exit status, as against that of the remote command (ssh(1))."""
NOT_SSH = f"s=$?; [ $s != {SSH_FAILED} ] || s={SSH_FAILED - 1}; exit $s"
"""What keeps the two apart where a command ends so, as ctr does when a sandbox breaks under it."""

_SSH_CONFIG = """\
Host *
  HostName 127.0.0.1
  Port {port}
  User root
  IdentityFile {identity}
  IdentitiesOnly yes
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  HostKeyAlias {name}
  BatchMode yes
  ControlMaster auto
  ControlPath {sockets}
  ControlPersist yes
  ConnectTimeout 5
  ServerAliveInterval 15
  ServerAliveCountMax 4
  LogLevel ERROR
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a node: files that live and die with its lab."""

    name: str
    sockets: Path

    @classmethod
    def make(cls, *, name: str, port: int, key: Path, host_key: Path, sockets: Path) -> Access:
        """
        Write the ssh configuration of a node into *sockets*.

        Its host key is known before the first connection: nothing is trusted on first use.
        *sockets* must be a short path: a socket's name ends at 108 bytes (unix(7)).
        """
        algorithm, public = host_key.read_text().split()[:2]
        known_hosts = sockets / "known_hosts"
        known_hosts.write_text(f"{name} {algorithm} {public}\n")
        access = cls(name=name, sockets=sockets)
        access.ssh_config.write_text(
            _SSH_CONFIG.format(
                port=port,
                identity=_quoted(key),
                known_hosts=_quoted(known_hosts),
                sockets=_quoted(sockets / name),
                name=name,
            )
        )
        return access

    @property
    def ssh_config(self) -> Path:
        """The configuration that knows port, keys and the shared connection."""
        return self.sockets / "ssh_config"

    def ssh(self, *options: str) -> list[str]:
        """The ssh command line that reaches the node."""
        return ["ssh", "-F", str(self.ssh_config), *options, self.name]


def _quoted(path: Path) -> str:
    """A path as ssh_config(5) takes it: a percent sign would be an expansion, a blank an end."""
    return '"' + str(path).replace("%", "%%") + '"'


class Node:
    """A machine of the lab that is up."""

    address = NODE_ADDRESS

    def __init__(self, access: Access) -> None:
        self.access = access
        self.name = access.name
        self.host = host_through(self._answer, name=f"ssh://{access.name}")

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        stdin: str = "",
    ) -> Completed:
        """
        Run *argv* on the node: the one place that quotes for its shell.

        Raises:
            ProvisionError: if the node cannot be reached.
            CommandError: if the command failed, or was given up on at the deadline.
        """
        line = [*self.access.ssh(), "--", f"{shlex.join(argv)} || {{ {NOT_SSH}; }}"]
        done = command.run(line, timeout_s=timeout_s, check=False, stdin=stdin)
        if done.returncode == SSH_FAILED:
            raise ProvisionError(
                f"node {self.name} cannot be reached: {done.stderr.strip() or 'ssh failed'}",
                remedy="look at its console, whose path the run prints, and start the lab again",
            )
        if check and done.returncode:
            problem = f"{argv[0]} exited with status {done.returncode} on {self.name}"
            raise CommandError(problem, completed=done)
        return done

    def script(self, text: str, *, timeout_s: float) -> str:
        """Run a shell script on the node, in one round trip, up to its first failure."""
        return self.run(["sh", "-eu", "-s"], timeout_s=timeout_s, stdin=text).stdout

    def gather(self, questions: Mapping[str, str], *, timeout_s: float) -> dict[str, str]:
        """
        Ask all *questions* (shell commands, by name) in one round trip; see gather_script.

        The answer to what could not be asked any more is empty.
        """
        done = self.run(
            ["sh", "-s"], timeout_s=timeout_s, check=False, stdin=gather_script(questions)
        )
        return {**dict.fromkeys(questions, ""), **parse_gathered(done.stdout)}

    @contextmanager
    def background(
        self, argv: Sequence[str], *, listening: int | None = None
    ) -> Iterator[Callable[[], bool]]:
        """
        Run *argv* on the node beside the block; with *listening*, wait for that port first.

        Handed out is what tells whether it still runs. A terminal is allocated so that the command
        ends with its ssh session, and that with the command.
        """
        line = [*self.access.ssh("-tt"), "--", shlex.join(argv)]
        with command.running(line) as session:
            if listening is not None:
                self.wait_for_port(listening)
            yield lambda: session.poll() is None

    def wait_for_port(self, port: int) -> None:
        """Wait until something on the node listens on *port* (TCP or UDP)."""
        self.script(listening_script(port), timeout_s=LISTEN_TIMEOUT_S)

    def _answer(self, line: str) -> Completed:
        return self.run(["sh", "-c", line], timeout_s=QUESTION_TIMEOUT_S, check=False)

    def forward(self, remote: str, local: Path) -> None:
        """Make the node's unix socket *remote* reachable as *local*."""
        local.unlink(missing_ok=True)
        argv = self.access.ssh("-O", "forward", "-L", f"{local}:{remote}")
        command.run(argv, timeout_s=QUESTION_TIMEOUT_S)

    def forward_port(self, port: int) -> int:
        """
        Make the node's TCP *port* reachable on a free one of 127.0.0.1, and return that one.

        It ends with the shared connection.

        Raises:
            CommandError: if ssh cannot have a port.
        """
        for attempt in range(1, PORT_TRIES + 1):
            own = free_port()
            way = f"{LOOPBACK}:{own}:{LOOPBACK}:{port}"
            argv = self.access.ssh("-O", "forward", "-L", way)
            try:
                command.run(argv, timeout_s=QUESTION_TIMEOUT_S)
            except CommandError:
                if attempt == PORT_TRIES:
                    raise
            else:
                return own
        raise AssertionError("unreachable: the last attempt raises")

    def unforward(self, remote: str, local: Path) -> None:
        """Undo :meth:`forward`; one that is gone already is fine."""
        argv = self.access.ssh("-O", "cancel", "-L", f"{local}:{remote}")
        command.run(argv, timeout_s=QUESTION_TIMEOUT_S, check=False)
        local.unlink(missing_ok=True)

    def wait_until_up(self, *, timeout_s: float, remedy: str) -> None:
        """Wait until the node answers ssh."""

        def probe() -> None:
            try:
                self.run(["true"], timeout_s=CONNECT_TIMEOUT_S + 1)
            except (ProvisionError, CommandError) as error:
                raise Pending(error.problem) from error

        wait_for(f"ssh on {self.name}", probe, timeout_s=timeout_s, every_s=0.25, remedy=remedy)

    def disconnect(self) -> None:
        """End the shared ssh connection."""
        with suppress(CommandError):
            command.run(self.access.ssh("-O", "exit"), timeout_s=CONNECT_TIMEOUT_S, check=False)


def gather_script(questions: Mapping[str, str]) -> str:
    """A script that runs each question and frames its answer, whatever its exit status."""
    return "".join(
        f"printf '{_FRAME}%s\\n' {shlex.quote(name)}\n{{ {line}\n}} 2>&1 </dev/null || :\n"
        for name, line in questions.items()
    )


def parse_gathered(text: str) -> dict[str, str]:
    """The answers of :func:`gather_script`, by name."""
    answers = {}
    for part in text.split(_FRAME)[1:]:
        name, _, answer = part.partition("\n")
        answers[name] = answer
    return answers


_FRAME = "=====lab: "


def listening_script(port: int) -> str:
    """A shell loop that ends as soon as *port* is bound, and fails after some 15 s."""
    return (
        f"tries=0; until ss -Hltun 'sport = :{port}' | grep -q .; do tries=$((tries + 1));"
        f" [ $tries -lt {LISTEN_TRIES} ] || exit 1; sleep 0.05; done"
    )
