from __future__ import annotations

import json
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from lab.cluster import aside, cri_node
from lab.cluster.cri_node import import_script, layout_script
from lab.cluster.kit import Kit
from lab.topology import SandboxSpec
from tests.cluster import built

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = SandboxSpec(cpus=1, memory_mib=512)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return built.kit(tmp_path / "built")


def heredoc(script: str, path: str) -> str:
    """What *script* writes to *path*."""
    _, _, rest = script.partition(f"cat >{path} <<'")
    word, _, rest = rest.partition("'\n")
    return rest.partition(f"{word}\n")[0]


def test_every_script_is_one_that_a_shell_understands(kit: Kit) -> None:
    scripts = (
        cri_node.MOUNT_ARTEFACTS,
        layout_script(kit, SANDBOX),
        import_script(kit),
        cri_node.ACTIVATE,
        cri_node.emulate(),
        cri_node.EMULATE_NOT,
    )

    done = subprocess.run(
        ["/bin/sh", "-n"], input="".join(scripts), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_each_release_is_where_its_configuration_looks_for_it(kit: Kit) -> None:
    script = layout_script(kit, SANDBOX)

    assert "\nln -s /opt/lab-artefacts/kata-go-3.28.0 /opt/kata-go-3.28.0\n" in script
    assert "\nln -s /opt/lab-artefacts/kata-rs-4.1.0 /opt/kata-rs-4.1.0\n" in script
    assert "\nln -s /opt/lab-artefacts/bin/crictl /usr/local/bin/crictl\n" in script


def test_containerd_answers_the_cri_with_the_labs_own_network(kit: Kit) -> None:
    script = layout_script(kit, SANDBOX)

    config = tomllib.loads(heredoc(script, "/etc/containerd/config.toml"))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == built.PAUSE
    assert cri["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/etc/cni/net.d"}
    assert "disabled_plugins" not in config
    (line,) = (line for line in script.splitlines() if line.endswith("/10-lab.conflist"))
    network = json.loads(line.partition("'")[2].partition("'")[0])
    assert [plugin["type"] for plugin in network["plugins"]] == ["calico-veth"]


def test_crictl_knows_where_to_ask(kit: Kit) -> None:
    text = heredoc(layout_script(kit, SANDBOX), "/etc/crictl.yaml")

    assert "runtime-endpoint: unix:///run/containerd/containerd.sock\n" in text


def test_other_artefacts_are_another_layout(kit: Kit, tmp_path: Path) -> None:
    others = built.artefacts(tmp_path / "other", data=built.release() + b"\0" * 512)

    assert layout_script(kit, SANDBOX) != layout_script(Kit.of(others), SANDBOX)


def test_what_pods_are_made_of_is_there_for_each_snapshotter(kit: Kit) -> None:
    pause = "/opt/lab-artefacts/images/registry.k8s.io_pause_3.10.2.tar"

    assert import_script(kit).splitlines() == [
        f"ctr -n k8s.io images import --local --snapshotter {snapshotter} {archive}"
        for archive in ("/usr/share/kata-lab/workload.tar", pause)
        for snapshotter in ("overlayfs", "devmapper")
    ]


@pytest.fixture
def emulated(tmp_path: Path) -> Path:
    """The folder of handlers on a node that is emulated, with a QEMU that says what it is told."""
    qemu = tmp_path / "real-qemu"
    qemu.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    qemu.chmod(0o755)
    for name, words in (("go", "a=1 b=2"), ("rs", "")):
        (tmp_path / name / "config.d").mkdir(parents=True)
        (tmp_path / name / "configuration.toml").write_text(
            f'[hypervisor.qemu]\npath = "{qemu}"\nkernel_params = "{words}"\n'
            '[agent.kata]\npath = "another"\n'
        )
    script = cri_node.emulate().replace("/etc/kata-lab", str(tmp_path))
    subprocess.run(["/bin/sh", "-eu"], input=script, text=True, check=True)
    return tmp_path


def test_an_emulated_guest_is_told_a_few_words_more_than_its_release_tells_it(
    emulated: Path,
) -> None:
    told = {
        name: tomllib.loads((emulated / name / "config.d/70-emulated.toml").read_text())
        for name in ("go", "rs")
    }

    more = "mitigations=off hpet=disable agent.hotplug_timeout=30"
    assert told == {
        name: {"hypervisor": {"qemu": {"path": f"{emulated}/{name}/qemu", "kernel_params": words}}}
        for name, words in (("go", f"a=1 b=2 {more}"), ("rs", f" {more}"))
    }


def test_its_memory_in_a_shared_file_is_aligned_to_large_pages_and_nothing_else_changes(
    emulated: Path,
) -> None:
    memory = "memory-backend-file,id=dimm1,size=512M,mem-path=/dev/shm,share=on"
    others = ["-name", "a b", "memory-backend-file,id=n,mem-path=/opt/image,share=on", "-x", ""]

    done = subprocess.run(
        [emulated / "go/qemu", "-object", memory, *others],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["-object", f"{memory},align=2M", *others]


def test_beside_a_cluster_a_guest_does_not_come_to_the_clusters_processor(emulated: Path) -> None:
    script = cri_node.emulate(prefix=aside.GUESTS).replace("/etc/kata-lab", str(emulated))
    subprocess.run(["/bin/sh", "-eu"], input=script, text=True, check=True)
    programs = {"nproc": "echo 4", "taskset": 'printf "%s\\n" "$*"'}
    for name, does in programs.items():
        (emulated / name).write_text(f"#!/bin/sh\n{does}\n")
        (emulated / name).chmod(0o755)

    done = subprocess.run(
        [emulated / "rs/qemu", "-smp", "1"],
        env={"PATH": f"{emulated}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"--cpu-list 1-3 {emulated}/real-qemu -smp 1\n"


def test_a_prepared_disk_keeps_nothing_of_that(emulated: Path) -> None:
    script = cri_node.EMULATE_NOT.replace("/etc/kata-lab", str(emulated))

    subprocess.run(["/bin/sh", "-eu"], input=script, text=True, check=True)

    left = {path.name for path in emulated.rglob("*") if path.is_file()}
    assert left == {"real-qemu", "configuration.toml"}


def test_a_release_that_names_no_qemu_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "go/config.d").mkdir(parents=True)
    (tmp_path / "go/configuration.toml").write_text('[hypervisor.qemu]\nkernel_params = ""\n')
    script = cri_node.emulate().replace("/etc/kata-lab", str(tmp_path))

    done = subprocess.run(
        ["/bin/sh", "-eu"], input=script, text=True, check=False, capture_output=True
    )

    assert done.returncode != 0
    assert f"{tmp_path}/go/configuration.toml names no QEMU" in done.stderr
