"""The CNI plugin, with an `ip` that only says that it was called."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.errors import SandboxError
from lab.network import pod as pod_module
from lab.network.pod import pod_of
from tests.fakes import Programs

PLUGIN = Path(pod_module.__file__).with_name("calico-veth.sh")
NODE_END = "cali262c1290cd8"
"""cali and the first 11 digits of the SHA-1 of "boot1"."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs.first_on_path(tmp_path / "bin", monkeypatch)


def called(
    monkeypatch: pytest.MonkeyPatch, command: str, arguments: str = "", *, plugin: Path = PLUGIN
) -> subprocess.CompletedProcess[str]:
    settings = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "boot1",
        "CNI_NETNS": "/run/netns/boot1",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": arguments,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return subprocess.run(["/bin/sh", plugin], capture_output=True, text=True, check=False)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_the_plugin_says_which_specification_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    done = called(monkeypatch, "VERSION")

    assert done.returncode == 0
    assert answer(done) == {"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}


def test_del_takes_the_nodes_end_away(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("ip", "")

    assert called(monkeypatch, "DEL").returncode == 0
    assert programs.calls("ip") == [f"link del {NODE_END}"]


def test_del_of_what_is_gone_is_fine(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("ip", "echo 'Cannot find device' >&2; exit 1")

    done = called(monkeypatch, "DEL")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", ["", "IP=10.0.0.1/32", "MTU=1440"])
def test_add_without_address_or_mtu_does_nothing_and_says_why(
    arguments: str, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("ip", "")

    done = called(monkeypatch, "ADD", arguments)

    assert done.returncode == 1
    assert answer(done)["msg"] == "CNI_ARGS must give IP and MTU"
    assert programs.calls("ip") == []


def test_add_that_gets_no_veth_fails_in_a_way_that_the_lab_understands(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("ip", "exit 2")

    done = called(monkeypatch, "ADD", "IP=10.192.181.56/32;MTU=1440")

    assert done.returncode == 1
    (call,) = programs.calls("ip")
    assert call.startswith(f"link add {NODE_END} address ee:ee:ee:ee:ee:ee mtu 1440 type veth ")
    assert call.endswith(" peer name eth0 mtu 1440 netns boot1")
    with pytest.raises(SandboxError, match=f"made no network: no veth {NODE_END}"):
        pod_of("boot1", done.stdout)


@pytest.fixture
def pods(tmp_path: Path) -> Path:
    """Where a plugin of this test's own finds announcements; it sets nothing in the kernel."""
    folders = {"/run/kata-lab/pods": tmp_path / "pods", "/proc/sys/net/ipv4": tmp_path / "ipv4"}
    text = PLUGIN.read_text()
    for path, folder in folders.items():
        text = text.replace(path, str(folder))
    for kind in ("conf", "neigh"):
        (tmp_path / "ipv4" / kind / NODE_END).mkdir(parents=True)
    (tmp_path / "pods").mkdir()
    (tmp_path / "plugin").write_text(text)
    return tmp_path / "pods"


def called_by_a_cri(
    pods: Path, monkeypatch: pytest.MonkeyPatch
) -> subprocess.CompletedProcess[str]:
    arguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=lab;K8S_POD_NAME=boot1;K8S_POD_UID=1"
    return called(monkeypatch, "ADD", arguments, plugin=pods.parent / "plugin")


def test_a_pod_of_a_cri_has_what_was_announced_and_its_result_is_kept(
    pods: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("ip", "echo '2: eth0: <UP> link/ether ca:57:86:63:96:f0 brd ff:ff'")
    (pods / "boot1").write_text("IP=10.192.181.56/32;MTU=1440\n")

    done = called_by_a_cri(pods, monkeypatch)

    assert (done.returncode, done.stderr) == (0, "")
    assert (pods / "boot1.result").read_text() == done.stdout
    assert " mtu 1440 netns boot1" in programs.calls("ip")[0]
    pod = pod_of("boot1", done.stdout[done.stdout.index("{") :])
    assert (pod.mac, str(pod.address)) == ("ca:57:86:63:96:f0", "10.192.181.56/32")


def test_a_pod_of_a_cri_that_gets_no_veth_is_told_to_the_cri_too(
    pods: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("ip", "exit 2")
    (pods / "boot1").write_text("IP=10.192.181.56/32;MTU=1440\n")

    done = called_by_a_cri(pods, monkeypatch)

    assert done.returncode == 1
    assert answer(done)["msg"] == f"no veth {NODE_END}"
    assert (pods / "boot1.result").read_text() == done.stdout


def test_a_pod_of_a_cri_that_nobody_announced_gets_nothing(
    pods: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("ip", "")

    done = called_by_a_cri(pods, monkeypatch)

    assert done.returncode == 1
    assert answer(done)["msg"] == "nobody has said what pod boot1 is to have"
    assert programs.calls("ip") == []


def test_an_unknown_command_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    done = called(monkeypatch, "CHECK")

    assert done.returncode == 1
    assert answer(done)["msg"] == "unknown command CHECK"
