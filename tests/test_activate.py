"""What makes a node ready for sandboxes at each start; no node in it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import prepare
from lab.cluster import cluster_up
from lab.cluster.artefacts.loaded import load_artefacts
from lab.cluster.kit import Kit
from lab.disks import Disks
from lab.errors import ClusterError, ProvisionError
from lab.frozen import Frozen
from lab.host import Chosen
from lab.matrix import KATA, cells_of
from lab.runtime import vmexits
from lab.virt.xml import Accelerator
from tests.cluster import built
from tests.runtime.fake_node import FakeNode

if TYPE_CHECKING:
    from lab.errors import LabError

from tests.given import PAIR, images, lab_of, topology

GIB_16 = f"dmsetup create lab-images --table '0 {8 * 2 * 1024 * 1024} linear"
"""The images' half of the worker's data disk."""


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
