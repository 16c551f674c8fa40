from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.api import Api
from lab.cluster.kube_node import ADMIN
from lab.errors import CommandError, ProvisionError
from tests.runtime.fake_node import FakeNode

if TYPE_CHECKING:
    from pathlib import Path

KUBECTL = """\
#!/bin/sh
echo "$@" >>"$0.log"
case "$*" in *fail*) echo "connection refused" >&2; exit 1;; esac
case "$*" in *" -f -") cat;; *) echo "said: $*";; esac
"""
"""What it was told is kept beside it."""


class Reached(FakeNode):
    """A node whose ports can be led to this machine."""

    def forward_port(self, port: int) -> int:
        self.forwarded.append(str(port))
        return 40001


@pytest.fixture
def node(tmp_path: Path) -> Reached:
    made = Reached(tmp_path)
    made.reply(f"cat {ADMIN}", "apiVersion: v1\n")
    return made


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    return program


def told(kubectl: Path) -> list[str]:
    return kubectl.with_name("kubectl.log").read_text().splitlines()


def test_it_is_asked_on_this_machine_and_connects_once(
    node: Reached, kubectl: Path, tmp_path: Path
) -> None:
    for api in (Api(node, kubectl), Api(node, kubectl)):
        api.run(["get", "pods"], timeout_s=5)

    config = tmp_path / "kubeconfig"
    assert node.forwarded == ["6443"]
    assert config.read_text() == "apiVersion: v1\n"
    assert config.stat().st_mode & 0o777 == 0o600
    connected, *asked = told(kubectl)
    assert connected.endswith(
        "config set-cluster kubernetes --server https://127.0.0.1:40001"
        " --tls-server-name kubernetes"
    )
    cache = tmp_path / "kube-cache"
    assert asked == [f"--kubeconfig {config} --cache-dir {cache} --namespace lab get pods"] * 2


def test_what_it_says_is_an_answer_also_when_it_complains(node: Reached, kubectl: Path) -> None:
    api = Api(node, kubectl)

    assert api.ask(["get"], timeout_s=5).endswith(" get\n")
    assert api.ask(["fail"], timeout_s=5) == "connection refused\n"
    with pytest.raises(CommandError, match="exited with status 1"):
        api.run(["fail"], timeout_s=5)


def test_a_node_that_is_gone_is_not_an_api_that_is_not_up_yet(node: Reached, kubectl: Path) -> None:
    api = Api(node, kubectl)
    refused = "The connection to the server 127.0.0.1:40001 was refused"
    kubectl.write_text(f'#!/bin/sh\ncase $* in *get*) echo "{refused}" >&2; exit 1;; esac\n')

    assert api.ask(["get"], timeout_s=5).strip() == refused
    node.reply("true", ProvisionError("node node-1 cannot be reached", remedy="none"))

    with pytest.raises(ProvisionError, match="node-1 cannot be reached"):
        api.ask(["get"], timeout_s=5)


def test_documents_go_to_its_input(node: Reached, kubectl: Path) -> None:
    done = Api(node, kubectl).run(["create", "-f", "-"], timeout_s=5, stdin="{}")

    assert done.stdout == "{}"


def test_it_runs_beside_a_block(node: Reached, kubectl: Path) -> None:
    kubectl.write_text("#!/bin/sh\ncase $* in *exec*) exec sleep 60;; esac\n")

    with Api(node, kubectl).background(["exec", "boot0"]):
        pass
