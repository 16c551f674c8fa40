"""What makes a node ready for sandboxes; no node in it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from lab import node_scripts, prepare
from lab.cluster import artefact_disk, cluster_up
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kit import Kit
from lab.disks import Disks
from lab.errors import ClusterError, ProvisionError
from lab.frozen import Frozen
from lab.host import Chosen
from lab.image.build import GuestImage, Images, NodeImage, WorkloadImage
from lab.labs import LabRecord
from lab.loader import load_topology
from lab.matrix import KATA, cells_of
from lab.owner import me
from lab.provision import Lab
from lab.runtime import vmexits
from lab.topology import NodeSpec, Topology
from lab.virt.xml import Accelerator
from tests.cluster import built
from tests.fakes import DEAD, left_by
from tests.runtime.fake_node import FakeNode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.errors import LabError
    from lab.machine import Start

NOWHERE = Path("/nowhere")
DISK = Path("/artefact-disks/1f.img")
PAIR = load_topology("k8s-calico-kata")
GIB_16 = f"dmsetup create lab-images --table '0 {8 * 2 * 1024 * 1024} linear"
"""The images' half of the worker's data disk."""


def topology(*, pool_gib: int = 8) -> Topology:
    node = NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=pool_gib)
    return Topology(name="bench", nodes=(node,))


def images(digest: str = "d1") -> Images:
    return Images(
        node=NodeImage(digest, NOWHERE, NOWHERE, NOWHERE, "6.12"),
        guest=GuestImage("d2", NOWHERE, NOWHERE),
        workload=WorkloadImage("d3", NOWHERE, "lab.local/workload:1", "sha256:1a2b"),
    )


def lab_of(accelerator: Accelerator, *nodes: FakeNode) -> Lab:
    record = LabRecord(
        id="lab-bench-1",
        topology="bench",
        accelerator=accelerator,
        uri="test:///default",
        nodes=(),
        owner=me(),
        created="2026-11-24T00:00:00+00:00",
    )
    return Lab(record, {node.name: node for node in nodes})


def test_a_start_from_prepared_disks_divides_and_activates_but_makes_nothing_anew(
    tmp_path: Path,
) -> None:
    node = FakeNode(tmp_path)

    prepare.activate(lab_of(Accelerator.KVM, node), topology())

    (script,) = node.ran
    assert script.startswith("dmsetup create lab-images ")
    assert script.endswith("systemctl start containerd\n")
    assert "mkfs" not in script
    assert "images import" not in script


def test_sandboxes_are_started_from_what_the_node_carries(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)

    setting = prepare.setting(topology(), images(), lab_of(Accelerator.KVM, node))

    assert setting.node is setting.control_plane is node
    assert setting.nodes == (node,)
    assert setting.guest_parameters == ""
    assert (setting.image, setting.layer) == ("lab.local/workload:1", "sha256:1a2b")
    assert setting.guest_kernel == "/usr/share/kata-lab/vmlinux"
    assert setting.guest_initramfs == "/usr/share/kata-lab/initramfs"


def test_an_emulated_node_gives_its_guests_large_pages_and_no_fences(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)

    prepare.activate(lab_of(Accelerator.TCG, node), topology())
    setting = prepare.setting(topology(), images(), lab_of(Accelerator.TCG, node))

    (script,) = node.ran
    assert "mount -o remount,huge=always /dev/shm\n" in script
    assert script.endswith(vmexits.WATCH)
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

    prepare.activate(lab_of(Accelerator.KVM, node), topology(), cluster)

    (script,) = node.ran
    assert script.startswith("mkdir -p /opt/lab-artefacts\nmount -o ro /dev/vdc")
    assert "mkfs" not in script
    assert waited == [False]


def test_only_a_cluster_on_the_labs_own_emulator_has_its_state_kept(
    tmp_path: Path, cluster: Kit
) -> None:
    disks = {"node-1": Disks.of("node-1", tmp_path)}
    chosen = Chosen(Accelerator.TCG, "for a test", Path("/emulator-1/qemu"))

    def place(chosen: Chosen, kit: Kit | None = cluster) -> Path | None:
        found = prepare.frozen(topology(), disks, chosen, kit)
        return found.folder if found else None

    kept = place(chosen)
    assert kept is not None
    assert kept.parent == tmp_path
    assert place(chosen) == kept
    assert place(replace(chosen, emulator=Path("/emulator-2/qemu"))) != kept
    assert place(replace(chosen, emulator=None)) is None
    assert place(replace(chosen, accelerator=Accelerator.KVM)) is None
    assert place(chosen, None) is None
    assert place(chosen, built.kit(tmp_path / "built-2")) is None


class Cluster:
    """Stands for the cluster: what was done to it, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.fails: LabError | None = None
        monkeypatch.setattr(cluster_up, "start", lambda *_, **__: self.do("started"))
        monkeypatch.setattr(cluster_up, "wait_until_up", self.wait)
        monkeypatch.setattr(Frozen, "keep", lambda *_: self.do("kept"))

    def wait(self, _nodes: object, *, has_calico: bool, has_booted: bool) -> None:
        assert not has_calico
        assert not has_booted
        self.do("waited for")

    def do(self, what: str) -> None:
        if self.fails:
            raise self.fails
        self.done.append(what)


def test_a_lab_whose_cluster_is_up_is_kept(
    tmp_path: Path, cluster: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Cluster(monkeypatch)
    lab = lab_of(Accelerator.TCG, FakeNode(tmp_path))

    prepare.activate(replace(lab, frozen=Frozen(tmp_path / "frozen")), topology(), cluster)

    assert seen.done == ["started", "kept"]


def test_that_a_lab_cannot_be_kept_is_no_reason_not_to_use_it(
    tmp_path: Path,
    cluster: Kit,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Cluster(monkeypatch)
    refused = ProvisionError("no space", remedy="none")
    monkeypatch.setattr(Frozen, "keep", lambda *_: _raise(refused))
    lab = lab_of(Accelerator.TCG, FakeNode(tmp_path))

    prepare.activate(replace(lab, frozen=Frozen(tmp_path / "frozen")), topology(), cluster)

    assert "the next lab boots: no space" in caplog.text


def test_one_that_goes_on_is_only_waited_for(
    tmp_path: Path, cluster: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, node = Cluster(monkeypatch), FakeNode(tmp_path)
    (tmp_path / "frozen").mkdir()
    lab = replace(lab_of(Accelerator.TCG, node), frozen=Frozen(tmp_path / "frozen"), is_thawed=True)

    prepare.activate(lab, topology(), cluster)

    assert seen.done == ["waited for"]
    assert node.ran == []


def test_a_state_in_which_the_cluster_is_not_up_is_forgotten(
    tmp_path: Path, cluster: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Cluster(monkeypatch)
    seen.fails = ClusterError("the API does not answer", remedy="none")
    frozen = Frozen(tmp_path / "frozen")
    frozen.folder.mkdir()
    lab = replace(lab_of(Accelerator.TCG, FakeNode(tmp_path)), frozen=frozen, is_thawed=True)

    with pytest.raises(ClusterError, match="the API does not answer"):
        prepare.activate(lab, topology(), cluster)

    assert not frozen.is_there


def _raise(error: Exception) -> None:
    raise error


def test_each_node_is_made_ready_before_the_cluster_is_started(
    tmp_path: Path, cluster: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, worker = FakeNode(tmp_path, name="control-1"), FakeNode(tmp_path, name="worker-1")
    started: list[cluster_up.ClusterNodes] = []

    def start(nodes: cluster_up.ClusterNodes, *, has_calico: bool) -> None:
        assert not has_calico
        assert len(control.ran) == len(worker.ran) == 1
        started.append(nodes)

    monkeypatch.setattr(cluster_up, "start", start)

    prepare.activate(lab_of(Accelerator.KVM, worker, control), PAIR, cluster)

    (nodes,) = started
    assert (nodes.control_plane, nodes.workers) == (control, (worker,))
    assert GIB_16 in worker.ran[0]
    assert GIB_16 not in control.ran[0]


def test_sandboxes_run_on_the_worker_and_are_asked_for_on_the_control_plane(
    tmp_path: Path, cluster: Kit
) -> None:
    control, worker = FakeNode(tmp_path, name="control-1"), FakeNode(tmp_path, name="worker-1")

    setting = prepare.setting(PAIR, images(), lab_of(Accelerator.KVM, control, worker), cluster)

    assert (setting.node, setting.control_plane) == (worker, control)
    assert setting.nodes == (worker, control)
    assert not setting.is_single


def test_the_sandboxes_of_a_cluster_know_what_is_locked(tmp_path: Path, cluster: Kit) -> None:
    setting = prepare.setting(
        topology(), images(), lab_of(Accelerator.KVM, FakeNode(tmp_path)), cluster
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

    prepare.activate(lab_of(Accelerator.TCG, node), topology(), built.kit(tmp_path / "built"))

    (script,) = node.ran
    assert script.startswith("mkdir -p /opt/lab-artefacts\nmount -o ro /dev/vdc ")
    assert "\nmodprobe vhost_vsock\n" in script
    assert "70-emulated.toml" in script
    done = subprocess.run(
        ["/bin/sh", "-n"], input=script, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_cell_of_kata_has_its_handler(tmp_path: Path) -> None:
    lab = lab_of(Accelerator.KVM, FakeNode(tmp_path))

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

    def prepare(self, start: Start, scripts: Mapping[str, str], _kit: object) -> None:
        assert start.console("node-1") == NOWHERE
        assert start.keeps_disks
        for name, disks in start.disks.items():
            assert not disks.root.exists()
            disks.root.touch()
            if self.fails is not None:
                raise self.fails
            disks.data.touch()
            self.scripts.append(scripts[name])
            self.artefacts.append(disks.artefacts)

    def all_disks(
        self, topology: Topology, *, digest: str = "d1", kit: Kit | None = None
    ) -> Mapping[str, Disks]:
        return prepare.prepared(
            topology,
            images(digest),
            Chosen(Accelerator.TCG, "for a test"),
            console=lambda _name: NOWHERE,
            say=self.said.append,
            kit=kit,
        )

    def disks(self, *, pool_gib: int = 8, digest: str = "d1", kit: Kit | None = None) -> Disks:
        return self.all_disks(topology(pool_gib=pool_gib), digest=digest, kit=kit)["node-1"]

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


def test_disks_that_an_older_lab_has_left_readable_are_so_no_more(preparing: Preparing) -> None:
    disks = preparing.disks()
    disks.root.chmod(0o644)

    preparing.disks()

    assert disks.root.stat().st_mode & 0o777 == 0o600


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
    changed = node_scripts.LAYOUT.replace("proxy_arp", "proxy_nothing")
    monkeypatch.setattr(node_scripts, "LAYOUT", changed)

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


@pytest.fixture
def pair(tmp_path: Path) -> Kit:
    """What a cluster of two nodes takes."""
    lock_file = built.fill_cluster(tmp_path / "pair")
    return Kit.of_cluster(load_artefacts(lock_file, tmp_path / "pair"))


def test_the_nodes_of_a_topology_are_prepared_and_kept_together(
    preparing: Preparing, pair: Kit
) -> None:
    disks = preparing.all_disks(PAIR, kit=pair)

    (folder,) = preparing.folders
    assert disks == {
        name: Disks.of(name, folder, artefacts=DISK) for name in ("control-1", "worker-1")
    }
    assert all(each.root.exists() and each.data.exists() for each in disks.values())
    assert preparing.said == ["preparing control-1, worker-1: images are imported once"]
    control, worker = preparing.scripts
    assert "/etc/kubernetes/lab/init.yaml" in control
    assert "/etc/kubernetes/lab/init.yaml" not in worker
    assert preparing.all_disks(PAIR, kit=pair) == disks


def test_a_worker_at_another_address_is_another_kind(preparing: Preparing, pair: Kit) -> None:
    control, worker = PAIR.nodes
    moved = msgspec.structs.replace(worker, address="198.18.1.7")
    other = msgspec.structs.replace(PAIR, nodes=(control, moved))

    assert preparing.all_disks(PAIR, kit=pair) != preparing.all_disks(other, kit=pair)


def test_one_node_and_two_are_not_of_one_kind(preparing: Preparing, pair: Kit) -> None:
    single = preparing.all_disks(load_topology("k8s-single"), kit=pair)

    assert single.keys() == {"node-1"}
    assert preparing.all_disks(PAIR, kit=pair)["worker-1"].root.parent != (
        single["node-1"].root.parent
    )


def test_half_a_preparation_is_none_and_leaves_nothing(preparing: Preparing) -> None:
    preparing.fails = ProvisionError("node-1 did not come up", remedy="look")
    with pytest.raises(ProvisionError):
        preparing.disks()
    assert preparing.folders == []

    preparing.fails = None
    assert preparing.disks().data.exists()


def test_what_a_crash_left_is_not_taken_for_finished(preparing: Preparing) -> None:
    disks = preparing.disks()
    disks.root.parent.rename(
        left_by(DEAD, disks.root.parent.parent, f".{prepare.PREPARING}") / "half-made"
    )

    assert preparing.disks().root.exists()
    assert preparing.folders == [disks.root.parent]
    assert len(preparing.scripts) == 2
