"""
A cluster's API, asked by kubectl on this machine, through the ssh connection to its node.

Not by kubectl on the node: it is a large program, an emulated processor takes seconds to start it,
and each of those is the cluster's, and the measurement's, too.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab import command
from lab.cluster.kube_node import ADMIN
from lab.cluster.kubeadm import API_PORT
from lab.cluster.objects import NAMESPACE
from lab.errors import CommandError
from lab.files import write_atomic
from lab.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.command import Completed
    from lab.node import Node

CONNECT_TIMEOUT_S = 60.0
UNREACHED = "The connection to the server"
"""How kubectl begins to say that nothing answers (kubectl/pkg/cmd/util/helpers.go)."""
NAME = "kubernetes"
"""What kubeadm calls a cluster, and a name that the API's certificate has on every node."""


class Api:
    """
    The API of the cluster whose control plane is on *node*.

    It connects when it is first asked something, as the administrator that kubeadm has made.
    """

    def __init__(self, node: Node, kubectl: Path) -> None:
        self.node = node
        self._kubectl = kubectl
        # Beside the connection's socket: both are of no use to anybody once that is gone.
        self._config = node.access.sockets / "kubeconfig"
        self._cache = node.access.sockets / "kube-cache"

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        check: bool = True,
        stdin: str = "",
    ) -> Completed:
        """
        Run kubectl with *arguments*, in the lab's namespace unless they name another.

        Raises:
            ProvisionError: if the node cannot be reached.
            CommandError: if kubectl failed, or was given up on at the deadline.
        """
        done = command.run(self.argv(arguments), timeout_s=timeout_s, check=False, stdin=stdin)
        if done.returncode and UNREACHED in done.stderr:
            self.node.run(["true"], timeout_s=CONNECT_TIMEOUT_S)  # or it is the node that is gone
        if check and done.returncode:
            problem = f"kubectl {arguments[0]} exited with status {done.returncode}"
            raise CommandError(problem, completed=done)
        return done

    def ask(self, arguments: Sequence[str], *, timeout_s: float) -> str:
        """What kubectl says to *arguments*; if it fails, what it complains of."""
        done = self.run(arguments, timeout_s=timeout_s, check=False)
        return done.stderr if done.returncode else done.stdout

    @contextmanager
    def background(self, arguments: Sequence[str]) -> Iterator[None]:
        """Run kubectl with *arguments* beside the block."""
        with command.running(self.argv(arguments)):
            yield

    def argv(self, arguments: Sequence[str]) -> list[str]:
        """The command line of kubectl with *arguments*."""
        where = ["--cache-dir", str(self._cache), "--namespace", NAMESPACE]
        return [*self._with(self.kubeconfig), *where, *arguments]

    @property
    def kubeconfig(self) -> Path:
        """The configuration by which any client on this machine reaches it, as administrator."""
        if not self._config.exists():
            self._connect()
        return self._config

    def _connect(self) -> None:
        """Lead a port of this machine to the API, and have kubectl's configuration name it."""
        said = self.node.run(["cat", ADMIN], timeout_s=CONNECT_TIMEOUT_S).stdout
        unfinished = self._config.with_suffix(".unfinished")
        write_atomic(unfinished, said, mode=0o600)
        server = f"https://{LOOPBACK}:{self.node.forward_port(API_PORT)}"
        change = ["config", "set-cluster", NAME, "--server", server, "--tls-server-name", NAME]
        command.run([*self._with(unfinished), *change], timeout_s=CONNECT_TIMEOUT_S)
        unfinished.rename(self._config)

    def _with(self, config: Path) -> list[str]:
        return [str(self._kubectl), "--kubeconfig", str(config)]
