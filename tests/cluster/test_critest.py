"""critest on a node: its images and addresses, made here with programs that only play."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.cluster import critest
from lab.cluster.suite_report import CRITEST
from lab.storage.backend import Snapshotter

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSYBOX = "#!/bin/sh\nprintf '%s\\n' '[' '[[' busybox ls pgrep sh top\n"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Programs that a node has, and this machine may not have."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in {
        "busybox": BUSYBOX,
        "ctr": f"#!/bin/sh\nprintf '%s\\n' \"$*\" >>{tmp_path}/imported\n",
        "pgrep": "#!/bin/sh\n",
        "ldd": "#!/bin/sh\necho '\tlibc.so.6 => /bin/sh (0x1)'\n",
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def run(script: str, programs: Path, **env: str) -> str:
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(
        ["/bin/sh", "-eu", "-s"], input=script, capture_output=True, text=True, check=True,
        env={**path, **env}, timeout=60,
    ).stdout  # fmt: skip


def here(script: str, tmp_path: Path) -> str:
    """The *script* with the node's places in a folder of the test's."""
    for place in (critest.FOLDER, "/usr/lib/cni", "/run/kata-lab/pods", "/etc/resolv.conf"):
        script = script.replace(place, f"{tmp_path}/node{place}")
    return script


@pytest.fixture
def node(tmp_path: Path, programs: Path) -> Path:
    """A node that is set up: its root."""
    root = tmp_path / "node"
    for folder in ("usr/lib/cni", "run/kata-lab/pods", "etc"):
        (root / folder).mkdir(parents=True)
    plugin = root / "usr/lib/cni/calico-veth"
    plugin.write_text("#!/bin/sh\necho told: $CNI_COMMAND\n")
    plugin.chmod(0o755)
    script = critest.setup_script([Snapshotter.OVERLAYFS, Snapshotter.DEVMAPPER])
    run(here(script, tmp_path), programs)
    return root


@pytest.fixture
def images(node: Path) -> Iterator[tarfile.TarFile]:
    with tarfile.open(Path(f"{node}{critest.FOLDER}/images.tar")) as archive:
        yield archive


def read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read()


def test_both_images_are_of_one_layer_that_the_configurations_name(
    images: tarfile.TarFile, tmp_path: Path
) -> None:
    manifest = json.loads(read(images, "manifest.json"))
    layer = tmp_path / "layer.tar"
    layer.write_bytes(read(images, "layer.tar"))
    digest = subprocess.run(["/usr/bin/sha256sum", str(layer)], capture_output=True, check=True)
    ids = [f"sha256:{digest.stdout.decode().split()[0]}"]

    assert [image["RepoTags"] for image in manifest] == [[critest.IMAGE], [critest.WEB_IMAGE]]
    for image in manifest:
        assert image["Layers"] == ["layer.tar"]
        assert json.loads(read(images, image["Config"]))["rootfs"]["diff_ids"] == ids


def test_an_image_has_busyboxs_programs_as_files_of_their_own_and_the_nodes_where_it_lacks_them(
    images: tarfile.TarFile, tmp_path: Path
) -> None:
    (tmp_path / "layer.tar").write_bytes(read(images, "layer.tar"))
    with tarfile.open(tmp_path / "layer.tar") as layer:
        members = {member.name: member for member in layer}
        text = read(layer, "./bin/pgrep")

    assert {"./bin/ls", "./bin/top", "./bin/sh", "./bin/["} <= members.keys()
    assert not any(member.issym() for name, member in members.items() if name.startswith("./bin/"))
    assert text == b"#!/bin/sh\n", "the node's own"
    assert "./bin/ipcs" not in members or members["./bin/ipcs"].isfile()
    assert members["./tmp"].mode == 0o1777
    assert {member.uid for member in members.values()} == {0}


def test_images_are_imported_for_each_snapshotter(node: Path, tmp_path: Path) -> None:
    assert node.exists()
    lines = (tmp_path / "imported").read_text().splitlines()

    assert [line.split("--snapshotter ")[1].split()[0] for line in lines] == [
        "devmapper",
        "overlayfs",
    ]


def test_tests_are_told_of_the_images(node: Path) -> None:
    named = json.loads(Path(f"{node}{critest.FOLDER}/images.yaml").read_text())

    assert named == {
        "defaultTestContainerImage": critest.IMAGE,
        "webServerTestImage": critest.WEB_IMAGE,
    }


def test_each_pod_gets_an_address_of_its_own(node: Path, programs: Path) -> None:
    plugin = f"{node}/usr/lib/cni/calico-veth"
    pods = node / "run/kata-lab/pods"
    for name in ("a", "b"):
        said = run(plugin, programs, CNI_COMMAND="ADD",
                   CNI_ARGS=f"IgnoreUnknown=1;K8S_POD_NAME={name};K8S_POD_UID=1")  # fmt: skip
        assert said == "told: ADD\n"

    assert (pods / "a").read_text() == "IP=10.192.200.1/32;MTU=1440\n"
    assert (pods / "b").read_text() == "IP=10.192.200.2/32;MTU=1440\n"

    run(plugin, programs, CNI_COMMAND="DEL", CNI_ARGS="K8S_POD_NAME=a")
    assert not (pods / "a").exists()
    assert run(plugin, programs, CNI_COMMAND="VERSION") == "told: VERSION\n"


def test_a_node_may_be_set_up_again(node: Path, tmp_path: Path, programs: Path) -> None:
    run(here(critest.setup_script([Snapshotter.OVERLAYFS]), tmp_path), programs)

    plugin = f"{node}/usr/lib/cni/calico-veth"
    assert run(plugin, programs, CNI_COMMAND="VERSION") == "told: VERSION\n"


def test_the_program_arrives_as_it_was(tmp_path: Path) -> None:
    program = b"#!/bin/sh\necho critest\n" + bytes(range(256))

    subprocess.run(
        ["/bin/sh", "-c", here(critest.PUT, tmp_path)],
        input=critest.program_text(program), text=True, check=True, timeout=60,
    )  # fmt: skip

    arrived = Path(f"{tmp_path}/node{critest.PROGRAM}")
    assert arrived.read_bytes() == program
    assert arrived.stat().st_mode & 0o111


def test_the_command_line_names_the_handler_and_all_that_is_left_out() -> None:
    argv = critest.arguments("tcfilter-virtiofs-kata-go", seed=7)

    assert argv[0] == critest.PROGRAM
    assert "-runtime-handler=tcfilter-virtiofs-kata-go" in argv
    assert "-ginkgo.seed=7" in argv
    assert [word for word in argv if word.startswith("-ginkgo.skip=")] == [
        f"-ginkgo.skip={left.pattern}" for left in CRITEST.left_out
    ]
    report = critest.report_path("tcfilter-virtiofs-kata-go")
    assert f"-ginkgo.junit-report={report}" in argv
    assert not any("focus" in word for word in argv)
    assert critest.arguments("runc", seed=7, focus="Networking")[-1] == "-ginkgo.focus=Networking"
