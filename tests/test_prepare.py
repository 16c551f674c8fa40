"""What makes a node ready for sandboxes; no node in it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import prepare
from lab.cluster import artefact_disk, cluster_up
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kit import Kit
from lab.errors import ProvisionError
from lab.host import Chosen
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.matrix import KATA, cells_of
from lab.provision import Lab, LabRecord
from lab.topology import NodeSpec, Topology
from lab.virt.xml import Accelerator
from tests.cluster import built
from tests.runtime.fake_node import FakeNode

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.provision import Disks

GIB_SECTORS = 2 * 1024 * 1024
NOWHERE = Path("/nowhere")
DISK = Path("/artefact-disks/1f.img")


def topology(*, pool_gib: int = 8) -> Topology:
    node = NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=pool_gib)
    return Topology(name="bench", nodes=(node,))


def images(digest: str = "d1") -> Images:
    return Images(
        node=NodeImage(digest, NOWHERE, NOWHERE, NOWHERE, "6.12"),
        guest=GuestImage("d2", NOWHERE, NOWHERE),
        workload=WorkloadImage("d3", NOWHERE, "lab.local/workload:1", "sha256:1a2b"),
    )


def lab_of(node: FakeNode, accelerator: Accelerator) -> Lab:
    record = LabRecord(
        id="lab-bench-1",
        topology="bench",
        accelerator=accelerator,
        uri="test:///default",
        node="node-1",
        owner_pid=1,
        created="2026-11-24T00:00:00+00:00",
        console="/nowhere",
        sockets="/nowhere",
    )
    return Lab(record, node)


def parts(script: str) -> list[tuple[str, int, int]]:
    """Name, first sector and sectors of each part that *script* makes."""
    made = re.findall(r"dmsetup create (\S+) --table '0 (\d+) linear /dev/vdb (\d+)'", script)
    return [(name, int(start), int(sectors)) for name, sectors, start in made]


@pytest.mark.parametrize("pool_gib", [1, 8, 100])
def test_the_data_disk_is_divided_without_gap_or_overlap(pool_gib: int) -> None:
    (images_part, meta, data) = parts(prepare.divide_script(topology(pool_gib=pool_gib)))

    assert images_part == ("lab-images", 0, pool_gib * GIB_SECTORS // 2)
    assert meta == ("lab-meta", images_part[2], 64 * 2048)
    assert data[:2] == ("lab-data", meta[1] + meta[2])
    assert data[1] + data[2] == pool_gib * GIB_SECTORS


def test_containerds_configuration_names_the_pool_and_the_volumes_size() -> None:
    config = tomllib.loads(prepare.CONTAINERD_CONFIG)

    snapshotter = config["plugins"]["io.containerd.snapshotter.v1.devmapper"]
    assert snapshotter["pool_name"] == "lab-pool"
    assert snapshotter["base_image_size"] == "4096MB"
    assert config["disabled_plugins"] == ["io.containerd.grpc.v1.cri"]


def test_the_pool_is_made_of_its_two_parts() -> None:
    (line,) = (line for line in prepare.ACTIVATE.splitlines() if "thin-pool" in line)

    assert line == (
        'dmsetup create lab-pool --table "0 $(blockdev --getsz /dev/mapper/lab-data) thin-pool'
        ' /dev/mapper/lab-meta /dev/mapper/lab-data 128 1024 1 skip_block_zeroing"'
    )


def test_the_node_has_the_address_that_sandboxes_reach_it_by_and_forwards() -> None:
    assert "ip address add 198.18.0.1/32 dev lab0\n" in prepare.ACTIVATE
    assert "echo 1 > /proc/sys/net/ipv4/ip_forward\n" in prepare.ACTIVATE


def test_the_workload_is_imported_for_each_snapshotter() -> None:
    assert prepare.IMPORT.splitlines() == [
        f"ctr -n lab images import --local --snapshotter {name} /usr/share/kata-lab/workload.tar"
        for name in ("overlayfs", "devmapper")
    ]


def test_every_script_is_one_that_a_shell_understands() -> None:
    scripts = (
        prepare.divide_script(topology()),
        prepare.LAYOUT,
        prepare.ACTIVATE,
        prepare.IMPORT,
        prepare.FORGET,
    )

    done = subprocess.run(
        ["/bin/sh", "-n"], input="".join(scripts), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_plugin_arrives_on_the_node_byte_for_byte(tmp_path: Path) -> None:
    """Its own here-documents included."""
    plugins = tmp_path / "cni"
    plugins.mkdir()
    script = prepare.LAYOUT.partition("mkfs.ext4")[0].replace("/usr/lib/cni", str(plugins))

    subprocess.run(["/bin/sh", "-eu"], input=script, text=True, check=True)

    plugin = plugins / "calico-veth"
    assert plugin.read_bytes() == prepare.CNI_PLUGIN.read_bytes()
    assert plugin.stat().st_mode & 0o777 == 0o755


def test_a_start_from_prepared_disks_divides_and_activates_but_makes_nothing_anew(
    tmp_path: Path,
) -> None:
    node = FakeNode(tmp_path)

    prepare.activate(node, topology(), Accelerator.KVM)

    (script,) = node.ran
    assert script.startswith("dmsetup create lab-images ")
    assert script.endswith("systemctl start containerd\n")
    assert "mkfs" not in script
    assert "images import" not in script


def test_sandboxes_are_started_from_what_the_node_carries(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)

    setting = prepare.setting(topology(), images(), lab_of(node, Accelerator.KVM))

    assert setting.node is node
    assert setting.guest_parameters == ""
    assert (setting.image, setting.layer) == ("lab.local/workload:1", "sha256:1a2b")
    assert setting.guest_kernel == "/usr/share/kata-lab/vmlinux"
    assert setting.guest_initramfs == "/usr/share/kata-lab/initramfs"


def test_an_emulated_node_gives_its_guests_large_pages_and_no_fences(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)

    prepare.activate(node, topology(), Accelerator.TCG)
    setting = prepare.setting(topology(), images(), lab_of(node, Accelerator.TCG))

    (script,) = node.ran
    assert script.endswith("mount -o remount,huge=always /dev/shm\n")
    assert setting.guest_parameters == "mitigations=off"


@pytest.fixture
def cluster(tmp_path: Path) -> Kit:
    lock_file = built.fill_cluster(tmp_path / "built")
    return Kit.of_cluster(load_artefacts(lock_file, tmp_path / "built"))


def test_a_node_of_a_cluster_starts_its_kubelet_last_and_is_waited_for(
    tmp_path: Path, cluster: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = FakeNode(tmp_path)
    waited: list[bool] = []
    monkeypatch.setattr(cluster_up, "start", lambda _, *, has_calico: waited.append(has_calico))

    prepare.activate(node, topology(), Accelerator.KVM, cluster)

    (script,) = node.ran
    assert script.startswith("mkdir -p /opt/lab-artefacts\nmount -o ro /dev/vdc")
    assert "mkfs" not in script
    assert waited == [False]


def test_the_sandboxes_of_a_cluster_know_what_is_locked(tmp_path: Path, cluster: Kit) -> None:
    setting = prepare.setting(
        topology(), images(), lab_of(FakeNode(tmp_path), Accelerator.KVM), cluster
    )

    assert {str(cell) for cell in setting.handlers} == {
        "veth+overlayfs+runc",
        "veth+devmapper+runc",
    }
    assert setting.locked_images[built.PAUSE].startswith("sha256:")
    assert "/opt/lab-artefacts/bin/kubelet" in setting.locked_programs
    assert not setting.has_calico


def test_a_start_for_kata_mounts_its_artefacts_first(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)

    prepare.activate(node, topology(), Accelerator.TCG, built.kit(tmp_path / "built"))

    (script,) = node.ran
    assert script.startswith("mkdir -p /opt/lab-artefacts\nmount -o ro /dev/vdc ")
    assert "\nmodprobe vhost_vsock\n" in script
    assert "70-emulated.toml" in script
    done = subprocess.run(
        ["/bin/sh", "-n"], input=script, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_cell_of_kata_has_its_handler(tmp_path: Path) -> None:
    lab = lab_of(FakeNode(tmp_path), Accelerator.KVM)

    plain = prepare.setting(topology(), images(), lab)
    setting = prepare.setting(topology(), images(), lab, built.kit(tmp_path / "built"))

    assert plain.handlers == {}
    assert setting.handlers.keys() == set(cells_of(KATA))


class Preparing:
    """Stands for the bring-up of a node that prepares its own disks."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.scripts: list[str] = []
        self.said: list[str] = []
        self.fails: ProvisionError | None = None
        self.artefacts: list[Path | None] = []

    def prepare(
        self,
        _topology: Topology,
        _images: Images,
        _chosen: Chosen,
        disks: Disks,
        *,
        console: Path,
        scripts: str,
        kit: object,  # noqa: ARG002 - what is done with it is in the scripts
    ) -> None:
        assert console == NOWHERE
        assert list(disks.root.parent.iterdir()) == []
        disks.root.touch()
        if self.fails is not None:
            raise self.fails
        disks.data.touch()
        self.scripts.append(scripts)
        self.artefacts.append(disks.artefacts)

    def disks(self, *, pool_gib: int = 8, digest: str = "d1", kit: Kit | None = None) -> Disks:
        return prepare.prepared(
            topology(pool_gib=pool_gib),
            images(digest),
            Chosen(Accelerator.TCG, "for a test"),
            console=NOWHERE,
            say=self.said.append,
            kit=kit,
        )

    @property
    def folders(self) -> list[Path]:
        return sorted((self.state / "prepared").iterdir())


@pytest.fixture
def preparing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preparing:
    preparing = Preparing(tmp_path)
    monkeypatch.setattr(prepare, "state_dir", lambda: tmp_path)
    monkeypatch.setattr(prepare, "_prepare", preparing.prepare)
    monkeypatch.setattr(prepare, "load", lambda: "the lock")
    monkeypatch.setattr(artefact_disk, "build", lambda *_, **__: DISK)
    return preparing


def test_disks_are_prepared_once(preparing: Preparing) -> None:
    disks = preparing.disks()

    assert disks.root.exists()
    assert disks.data.exists()
    assert preparing.disks() == disks
    assert len(preparing.scripts) == len(preparing.said) == 1
    script = preparing.scripts[0]
    steps = ("dmsetup create lab-images", "mkfs.ext4", "dmsetup create lab-pool", "images import")
    assert [script.index(step) for step in steps] == sorted(script.index(step) for step in steps)


OTHERS: dict[str, Callable[[Preparing], Disks]] = {
    "image": lambda preparing: preparing.disks(digest="d9"),
    "pool": lambda preparing: preparing.disks(pool_gib=16),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_kind_of_node_has_disks_of_its_own(other: str, preparing: Preparing) -> None:
    disks = preparing.disks()

    assert OTHERS[other](preparing) != disks
    assert disks.root.exists()
    assert len(preparing.folders) == 2


def test_a_change_of_the_plugin_is_another_kind_too(
    preparing: Preparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks = preparing.disks()
    monkeypatch.setattr(prepare, "LAYOUT", prepare.LAYOUT.replace("proxy_arp", "proxy_nothing"))

    assert preparing.disks() != disks


def test_a_node_for_kata_is_another_kind_with_a_disk_of_artefacts(
    preparing: Preparing, tmp_path: Path
) -> None:
    plain = preparing.disks()
    disks = preparing.disks(kit=built.kit(tmp_path / "built"))

    assert disks != plain
    assert (plain.artefacts, disks.artefacts) == (None, DISK)
    assert preparing.artefacts == [None, DISK]
    assert preparing.disks(kit=built.kit(tmp_path / "again")) == disks


def test_a_node_for_kata_is_laid_out_from_its_artefacts_and_asked_by_the_cri(
    preparing: Preparing, tmp_path: Path
) -> None:
    preparing.disks(kit=built.kit(tmp_path / "built"))

    (script,) = preparing.scripts
    steps = (
        "mount -o ro /dev/vdc /opt/lab-artefacts\n",
        "mkfs.ext4",
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
        "\nln -s /opt/lab-artefacts/kata-go-3.28.0 /opt/kata-go-3.28.0\n",
        '[plugins."io.containerd.grpc.v1.cri".containerd]',
        "/etc/kata-lab/tcfilter-virtiofs-kata-go/config.d/60-lab.toml",
        "dmsetup create lab-pool",
        "systemctl start containerd\n",
        "ctr -n lab images import",
        "ctr -n k8s.io images import",
    )
    assert [script.index(step) for step in steps] == sorted(script.index(step) for step in steps)


def test_a_node_without_kata_is_prepared_as_ever(preparing: Preparing) -> None:
    preparing.disks()

    (script,) = preparing.scripts
    assert "k8s.io" not in script
    assert "lab-artefacts" not in script


def test_other_artefacts_are_another_kind(preparing: Preparing, tmp_path: Path) -> None:
    disks = preparing.disks(kit=built.kit(tmp_path / "built"))
    others = Kit.of(built.artefacts(tmp_path / "others", releases=["kata-go-3.28.0"]))

    assert preparing.disks(kit=others) != disks


def test_half_a_preparation_is_none_and_leaves_nothing(preparing: Preparing) -> None:
    preparing.fails = ProvisionError("node-1 did not come up", remedy="look")
    with pytest.raises(ProvisionError):
        preparing.disks()
    assert preparing.folders == []

    preparing.fails = None
    assert preparing.disks().data.exists()


def test_what_a_crash_left_is_not_taken_for_finished(preparing: Preparing) -> None:
    disks = preparing.disks()
    left = disks.root.parent.with_suffix(".new")
    disks.root.parent.rename(left)

    assert preparing.disks().root.exists()
    assert preparing.folders == [disks.root.parent]
    assert len(preparing.scripts) == 2
