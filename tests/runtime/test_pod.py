from __future__ import annotations

import dataclasses
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.cluster.handler import Handler
from lab.cluster.objects import SECOND
from lab.errors import CommandError, SandboxError
from lab.matrix import Cell
from lab.runtime import pod as pods
from lab.runtime.pod import PodSandbox
from tests.cluster import recorded
from tests.runtime.fake_node import FakeNode, completed, gathered, setting

if TYPE_CHECKING:
    from pathlib import Path

CELL = Cell.parse("veth+overlayfs+runc")
LISTED = recorded.text("pods-and-events.json")
CONTAINER = "32fab45f047d"
POD = "d00d"


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    fake = FakeNode(tmp_path)
    fake.reply("get pods,events", LISTED)
    fake.reply(
        "crictl inspectp",
        gathered(
            {
                pods.POD_ID: f"{POD}\n",
                pods.CONTAINER: f"{CONTAINER}\n",
                pods.INSPECTED: recorded.text("crictl-inspectp.json"),
                pods.MOUNTED: "mount -t overlay overlay /target\n",
            }
        ),
    )
    return fake


@pytest.fixture
def sandbox(node: FakeNode) -> PodSandbox:
    return made(node, "boot0")


def made(node: FakeNode, name: str) -> PodSandbox:
    plain = setting(node)
    return PodSandbox(
        dataclasses.replace(plain, handlers={CELL: Handler(cell=CELL)}), CELL, name=name, number=0
    )


def test_the_api_is_asked_for_a_pod_of_the_cells_class(node: FakeNode, sandbox: PodSandbox) -> None:
    sandbox.start()

    (applied,) = (text for text in node.ran if " create --validate=false -f -" in text)
    (asked,) = json.loads(applied.partition(" -f - ")[2])["items"]
    assert asked["spec"]["runtimeClassName"] == "veth-overlayfs-runc"
    assert asked["spec"]["nodeName"] == "node-1"
    (announced,) = (text for text in node.ran if "IP=10.192.181.55/32;MTU=1440" in text)
    assert node.ran.index(announced) < node.ran.index(applied)
    assert sandbox.address == "10.192.181.55"
    assert sandbox.ready_s > 0


def test_a_pod_that_cannot_be_made_is_told_by_its_event(node: FakeNode) -> None:
    with pytest.raises(SandboxError, match="broken does not start: FailedCreatePodSandBox"):
        made(node, "broken").start()


def test_a_pod_that_never_comes_is_given_up_on(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "READY_TIMEOUT_S", 0.0)

    with pytest.raises(SandboxError, match="pod absent not ready after 0 s: it is no such pod"):
        made(node, "absent").start()


def test_a_program_has_its_deadline_inside(node: FakeNode, sandbox: PodSandbox) -> None:
    sandbox.run(["fio", "job"], timeout_s=90.0)

    assert node.ran[-1].endswith("exec boot0 --container workload -- timeout -s KILL 90 fio job")


def test_a_program_that_fails_is_not_a_pod_that_is_gone(
    node: FakeNode, sandbox: PodSandbox
) -> None:
    node.reply("false", completed(stderr="command terminated with exit code 1\n", status=1))
    node.reply("true", completed(stderr="Error from server (NotFound): pods\n", status=1))

    assert sandbox.run(["false"], timeout_s=1, check=False).returncode == 1
    with pytest.raises(CommandError, match="false exited with status 1"):
        sandbox.run(["false"], timeout_s=1)
    with pytest.raises(SandboxError, match=r"cannot be told to run true: Error from server"):
        sandbox.run(["true"], timeout_s=1, check=False)


def test_what_runs_beside_ends_with_the_block(node: FakeNode, sandbox: PodSandbox) -> None:
    with sandbox.background(["iperf3", "--server"], listening=5201):
        assert node.beside[0].endswith("sh iperf3 --server")
        assert "sport = :5201" in node.ran[-1]
    assert "kill -9 $(cat /tmp/lab-1.pid)" in node.ran[-1]


def test_another_container_is_told_by_its_name(node: FakeNode, sandbox: PodSandbox) -> None:
    sandbox.run_in(SECOND, ["true"], timeout_s=1)

    assert node.ran[-1].endswith("exec boot0 --container second -- true")


def test_all_that_was_recorded_of_a_pod_of_runc_holds(node: FakeNode, sandbox: PodSandbox) -> None:
    evidence = recorded.data("evidence-runc-pod.json")
    node.reply("crictl inspectp", _ids())
    sandbox.start()
    node.reply("jsonpath={.spec.runtimeClassName}", evidence[pods.RUNTIME_CLASS])
    node.reply("cat /proc/self/mounts", gathered(evidence))

    facts, answers = sandbox.prove()

    assert [str(fact) for fact in facts if not fact.holds] == []
    assert facts[0].subject == pods.RUNTIME_CLASS
    assert answers[pods.RUNTIME_CLASS] == "veth-overlayfs-runc"


def test_a_class_that_is_another_contradicts_the_cell(node: FakeNode, sandbox: PodSandbox) -> None:
    sandbox.start()
    evidence = {**recorded.data("evidence-runc-pod.json"), pods.RUNTIME_CLASS: "other"}
    node.reply("jsonpath={.spec.runtimeClassName}", evidence[pods.RUNTIME_CLASS])
    node.reply("cat /proc/self/mounts", gathered(evidence))

    facts, _ = sandbox.prove()

    assert [fact.subject for fact in facts if not fact.holds] == [pods.RUNTIME_CLASS]


def test_a_sandbox_that_never_started_has_nothing_to_prove(sandbox: PodSandbox) -> None:
    with pytest.raises(SandboxError, match="was never started"):
        sandbox.prove()


def test_no_daemon_serves_a_pod_of_runc(sandbox: PodSandbox) -> None:
    sandbox.start()

    assert sandbox.share() is None


def test_a_restart_is_the_kubelets_and_counted(
    node: FakeNode, sandbox: PodSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "POLL_S", 0.0)
    sandbox.start()
    listed = json.loads(LISTED)
    for item in listed["items"]:
        for status in item.get("status", {}).get("containerStatuses", []):
            status["restartCount"] = 1
    answers = iter((LISTED, LISTED, json.dumps(listed)))
    node.reply("get pods,events", answers)

    sandbox.restart()

    assert next(answers, None) is None
    assert f"crictl stop --timeout 0 {CONTAINER} >/dev/null\n" in node.ran


def test_a_pod_is_deleted_and_nothing_is_left(node: FakeNode, sandbox: PodSandbox) -> None:
    node.reply("crictl rmp", "left: \n")
    sandbox.stop()

    delete, script = node.ran[-2:]
    assert "delete pod boot0 --ignore-not-found" in delete
    assert "crictl rmp" in script
    done = subprocess.run(
        ["/bin/sh", "-n"], input=script, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pod_is_not_removed_while_its_network_is_taken_down(
    node: FakeNode, sandbox: PodSandbox, tmp_path: Path
) -> None:
    sandbox.start()
    node.reply("crictl rmp", "left: \n")
    sandbox.stop()
    namespace = tmp_path / sandbox.pod.namespace
    namespace.touch()
    programs = (
        'crictl() { case "$*" in *ready*) ;; *rmp*) echo removed >&2 ;; *) echo its-id ;; esac; }\n'
        f"sleep() {{ echo waits >&2; rm {namespace}; }}\n"
    )

    script = programs + node.ran[-1].replace("/run/netns/", f"{tmp_path}/")
    done = subprocess.run(
        ["/bin/sh", "-s"], input=script, capture_output=True, text=True, check=False
    )

    assert [word for word in done.stderr.split() if word in {"waits", "removed"}] == [
        "waits",
        "removed",
    ]


def test_a_pod_that_the_api_does_not_delete_is_told_with_its_words(
    node: FakeNode, sandbox: PodSandbox
) -> None:
    node.reply("delete pod", completed(stderr="connection refused\n", status=1))
    node.reply("crictl rmp", "left: \n")

    told = "boot0 left its object in the API behind: connection refused"
    with pytest.raises(SandboxError, match=told):
        sandbox.stop()


def test_what_is_left_of_a_pod_is_an_error(node: FakeNode, sandbox: PodSandbox) -> None:
    node.reply("crictl rmp", completed(stdout="left: 4711 qemu-system-x86_64\n", stderr="stuck"))

    with pytest.raises(SandboxError, match="boot0 left 4711 qemu-system-x86_64 behind: stuck"):
        sandbox.stop()


def test_runc_has_no_configuration_to_keep(sandbox: PodSandbox) -> None:
    assert sandbox.configuration() == {}


def test_on_two_nodes_the_api_is_asked_on_one_and_what_is_in_effect_on_the_other(
    node: FakeNode, tmp_path: Path
) -> None:
    """The worker has no kubectl's configuration, the control plane no such container."""
    control = FakeNode(tmp_path, name="control-1")
    control.reply("get pods,events", LISTED)
    node.reply("kubectl", AssertionError("asked of the worker"))
    control.reply("crictl", AssertionError("asked of the control plane"))
    plain = setting(node, {CELL: Handler(cell=CELL)}, control_plane=control)
    sandbox = PodSandbox(plain, CELL, name="boot0", number=0)
    evidence = recorded.data("evidence-runc-pod.json")
    control.reply("jsonpath={.spec.runtimeClassName}", evidence[pods.RUNTIME_CLASS])
    control.reply("cat /proc/self/mounts", gathered(evidence))
    node.reply("cgroups", gathered(evidence))

    sandbox.start()
    with sandbox.background(["iperf3", "--server"]):
        assert control.beside
        assert not node.beside
    sandbox.prove()
    sandbox.console()
    sandbox.drop_caches("/lab/file")
    sandbox.stop()

    (created,) = (text for text in control.ran if " create --validate=false" in text)
    assert '"nodeName": "node-1"' in created
    assert any("crictl inspectp" in text for text in node.ran)
    assert any("journalctl" in text for text in node.ran)


def _ids() -> str:
    evidence = recorded.data("evidence-runc-pod.json")
    group = evidence["cgroups of the shim's children"].split("cri-containerd-")[-1]
    return gathered(
        {
            pods.POD_ID: f"{POD}\n",
            pods.CONTAINER: group.partition(".scope")[0] + "\n",
            pods.INSPECTED: recorded.text("crictl-inspectp.json"),
            pods.MOUNTED: "mount -t overlay overlay /target\n",
        }
    )
