"""The disks that nodes are prepared on, once; no node in it."""

from __future__ import annotations

from contextlib import nullcontext
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
from lab.errors import ProvisionError
from lab.frozen import Frozen
from lab.host import Chosen
from lab.loader import load_topology
from lab.virt.xml import Accelerator
from tests.cluster import built
from tests.fakes import DEAD, left_by
from tests.runtime.fake_node import FakeNode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.machine import Start
    from lab.provision import Lab
    from lab.topology import Topology

from tests.given import NOWHERE, PAIR, images, lab_of, topology

DISK = Path("/artefact-disks/1f.img")


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


class Making:
    """Stands for all that happens to the machines of a cluster that is prepared, in order."""

    def __init__(self, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.node = node
        self.is_kept = False
        monkeypatch.setattr(prepare, "bring_up", self.bring_up)
        monkeypatch.setattr(prepare, "power_off", lambda _: self.do("powered off"))
        monkeypatch.setattr(prepare, "taken_down_after", lambda _: nullcontext())
        monkeypatch.setattr(prepare, "make_overlay", lambda *_, **__: None)
        monkeypatch.setattr(prepare, "make_empty", lambda *_, **__: None)
        monkeypatch.setattr(cluster_up, "make", lambda *_: self.do("made"))
        monkeypatch.setattr(cluster_up, "end", lambda _: self.do("ended"))

        def keep(frozen: Frozen, _lab: object, disks: Mapping[str, Disks]) -> None:
            assert {each.root.parent for each in disks.values()} == {frozen.folder.parent}
            self.do("kept")

        monkeypatch.setattr(Frozen, "keep", keep)

    def bring_up(self, start: Start) -> Lab:
        return replace(lab_of(Accelerator.TCG, self.node), frozen=start.frozen, disks=start.disks)

    def do(self, what: str) -> None:
        self.done.append(what)


def test_a_cluster_on_the_labs_own_emulator_is_kept_as_it_is_when_it_is_first_up(
    tmp_path: Path, pair: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = Making(FakeNode(tmp_path), monkeypatch)
    monkeypatch.setattr(prepare, "state_dir", lambda: tmp_path)
    monkeypatch.setattr(prepare, "load", lambda: "the lock")
    monkeypatch.setattr(artefact_disk, "build", lambda *_, **__: DISK)

    def prepared(emulator: Path | None) -> list[str]:
        making.done.clear()
        chosen = Chosen(Accelerator.TCG, "for a test", emulator)
        prepare.prepared(
            topology(),
            images(str(emulator)),
            chosen,
            console=lambda _: NOWHERE,
            say=print,
            kit=pair,
        )
        return making.done

    assert prepared(None) == ["made", "ended", "powered off"]
    laid_out, *ran = making.node.ran
    assert "mkfs" in laid_out
    assert ran == [node_scripts.emulated(pair), node_scripts.EMULATED_UP, node_scripts.FORGET]
    making.node.ran.clear()
    assert prepared(Path("/emulator/qemu")) == ["made", "kept", "ended", "powered off"]
    assert making.node.ran[2:] == [node_scripts.EMULATED_UP, node_scripts.LEAN, node_scripts.FORGET]
