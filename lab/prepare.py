"""
Making a node ready for sandboxes: once for its disks, and at each start for its kernel.

What is kept is a pair of disks, with the images imported and the thin pool laid out: a run
starts its node from overlays of them.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cluster import artefact_disk, cluster_up, cri_node, kube_node
from lab.command import run
from lab.files import locked, state_dir
from lab.image.lock import load
from lab.image.node import SHARE
from lab.network.pod import SANDBOXES
from lab.node import NODE_ADDRESS
from lab.provision import Disks, Start, bring_up, make_overlay, power_off, take_down
from lab.runtime.pods import PLUGIN, PLUGINS
from lab.runtime.setting import CTR, Setting
from lab.storage.backend import Snapshotter
from lab.storage.thin import POOL, VOLUME_MIB
from lab.virt.xml import UNMITIGATED, Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.cluster.kit import Kit
    from lab.host import Chosen
    from lab.image.build import Images
    from lab.node import Node
    from lab.provision import Lab
    from lab.topology import Topology

log = logging.getLogger(__name__)

IMAGES = "lab-images"
META = "lab-meta"
DATA = "lab-data"
POOL_BLOCK_SECTORS = 128
POOL_LOW_WATER_BLOCKS = 1024
IMAGES_SHARE = 0.5
"""Of the data disk: the rest is the thin pool's. Both kinds of storage lie on one disk."""
META_MIB = 64
MIB_SECTORS = 2048
GIB_SECTORS = 1024 * MIB_SECTORS
DISK_TIMEOUT_S = 60.0
SCRIPT_TIMEOUT_S = 600.0

CONTAINERD_CONFIG = f"""\
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.snapshotter.v1.devmapper"]
  pool_name = "{POOL}"
  root_path = "/var/lib/containerd/devmapper"
  base_image_size = "{VOLUME_MIB}MB"
"""

ACTIVATE = f"""\
mount /dev/mapper/{IMAGES} /var/lib/containerd
dmsetup create {POOL} --table "0 $(blockdev --getsz /dev/mapper/{DATA}) thin-pool \
/dev/mapper/{META} /dev/mapper/{DATA} {POOL_BLOCK_SECTORS} {POOL_LOW_WATER_BLOCKS} \
1 skip_block_zeroing"
mkdir {SANDBOXES}
mount -t tmpfs -o mode=0700 sandboxes {SANDBOXES}
ip link add lab0 type dummy
ip address add {NODE_ADDRESS}/32 dev lab0
ip link set lab0 up
ip route add default dev lab0
echo 1 > /proc/sys/net/ipv4/ip_forward
systemctl start containerd
"""
"""What a node needs at each start, once its data disk is divided. The default route leads
nowhere: without one the node would not answer for the pods' gateway (arp(7), proxy_arp). The
sandboxes have a tmpfs of their own because /run allows no device files: macvtap needs one."""

LARGE_PAGES = "mount -o remount,huge=always /dev/shm\n"
"""For guests of an emulated node: each page that a guest touches first costs it an exit, 40 000
of them in one boot, and large pages are one exit for 512 small ones."""

CNI_PLUGIN = Path(__file__).parent / "network" / "calico-veth.sh"

LAYOUT = f"""\
cat >{PLUGINS}/{PLUGIN} <<'PLUGIN'
{CNI_PLUGIN.read_text()}PLUGIN
chmod 755 {PLUGINS}/{PLUGIN}
mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1,nodiscard /dev/mapper/{IMAGES}
mkdir -p /var/lib/containerd /etc/containerd
cat >/etc/containerd/config.toml <<'CONFIG'
{CONTAINERD_CONFIG}CONFIG
"""
"""What a new data disk needs, once."""


FORGET = "rm -f /etc/ssh/ssh_host_ed25519_key /root/.ssh/authorized_keys\n"
"""What a prepared disk must not keep: the keys of the lab that it was prepared in."""


def divide_script(topology: Topology) -> str:
    """
    The shell script that divides the data disk: the images' file system, the pool's two parts.

    By device-mapper, as the pool itself: each storage then lies below the same layers.
    """
    images = int(topology.node.pool_gib * GIB_SECTORS * IMAGES_SHARE)
    meta = META_MIB * MIB_SECTORS
    data = topology.node.pool_gib * GIB_SECTORS - images - meta
    parts = ((IMAGES, 0, images), (META, images, meta), (DATA, images + meta, data))
    return "".join(
        f"dmsetup create {name} --table '0 {sectors} linear /dev/vdb {start}'\n"
        for name, start, sectors in parts
    )


IMPORT = "".join(
    f"{CTR} images import --local --snapshotter {snapshotter} /{SHARE}/workload.tar\n"
    for snapshotter in Snapshotter
)
"""Imports the workload for each snapshotter."""


def prepared(
    topology: Topology,
    images: Images,
    chosen: Chosen,
    *,
    console: Path,
    say: Callable[[str], None],
    kit: Kit | None = None,
) -> Disks:
    """
    The prepared disks of *topology*'s node: made now, if there are none of just this kind.

    Args:
        kit: What Kata's cells need, where there are any: such a node is another kind.

    Raises:
        LabError: if the node does not come up, or cannot be prepared.
    """
    scripts = _scripts(topology, images, kit)
    making = kube_node.MAKING if kit and kit.cluster else ""
    key = hashlib.sha256((images.node.digest + scripts + making).encode()).hexdigest()[:12]
    folder = state_dir() / "prepared" / key
    artefacts = artefact_disk.build(kit.artefacts, kit.carried, load(), say=say) if kit else None
    disks = _disks(folder, artefacts)
    with locked(state_dir() / "prepared.lock"):
        if folder.exists():
            return disks
        say("preparing a node: its images are imported once")
        unfinished = folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            _prepare(
                topology,
                images,
                chosen,
                _disks(unfinished, artefacts),
                console=console,
                scripts=scripts,
                kit=kit,
            )
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return disks


def activate(
    node: Node, topology: Topology, accelerator: Accelerator, kit: Kit | None = None
) -> None:
    """Make a node that has started from prepared disks ready for sandboxes."""
    is_emulated = accelerator is Accelerator.TCG
    script = divide_script(topology) + ACTIVATE
    if kit:
        script = cri_node.MOUNT_ARTEFACTS + script
        script += cri_node.activate_script(is_emulated=is_emulated and bool(kit.releases))
    if is_emulated:
        script += LARGE_PAGES
    node.script(script, timeout_s=SCRIPT_TIMEOUT_S)
    if kit and kit.cluster:
        cluster_up.start(node, has_calico=kit.cluster.has_calico)


def setting(topology: Topology, images: Images, lab: Lab, kit: Kit | None = None) -> Setting:
    """What the sandboxes on the *lab*'s node are started from."""
    is_emulated = lab.record.accelerator is Accelerator.TCG
    return Setting(
        node=lab.node,
        topology=topology,
        image=images.workload.reference,
        layer=images.workload.layer,
        guest_kernel=f"/{SHARE}/vmlinux",
        guest_initramfs=f"/{SHARE}/initramfs",
        guest_parameters=UNMITIGATED if is_emulated else "",
        handlers={handler.cell: handler for handler in kit.handlers} if kit else {},
        has_calico=kit is not None and kit.cluster is not None and kit.cluster.has_calico,
        locked_images=kit.locked_images if kit else {},
        locked_programs=kit.locked_programs if kit else {},
    )


def _scripts(topology: Topology, images: Images, kit: Kit | None) -> str:
    """All that is done to a node once, and again at each start."""
    if kit and kit.cluster:
        return (
            cri_node.MOUNT_ARTEFACTS
            + divide_script(topology)
            + LAYOUT
            + kube_node.layout_script(kit, topology)
            + ACTIVATE
            + cri_node.ACTIVATE
            + kube_node.import_script(kit, images.workload)
        )
    plain = (divide_script(topology) + LAYOUT, ACTIVATE + IMPORT)
    if kit is None:
        return "".join(plain)
    layout, activate_and_import = plain
    return (
        cri_node.MOUNT_ARTEFACTS
        + layout
        + cri_node.layout_script(kit, topology.sandbox)
        + activate_and_import
        + cri_node.import_script(kit)
    )


def _disks(folder: Path, artefacts: Path | None) -> Disks:
    return Disks(root=folder / "root.qcow2", data=folder / "data.qcow2", artefacts=artefacts)


def _prepare(
    topology: Topology,
    images: Images,
    chosen: Chosen,
    disks: Disks,
    *,
    console: Path,
    scripts: str,
    kit: Kit | None,
) -> None:
    make_overlay(images.node.disk, disks.root, base_format="raw")
    size = f"{topology.node.pool_gib}G"
    run(["qemu-img", "create", "-q", "-f", "qcow2", disks.data, size], timeout_s=DISK_TIMEOUT_S)
    lab = bring_up(
        Start(
            topology=topology.name,
            spec=topology.node,
            image=images.node,
            disks=disks,
            accelerator=chosen.accelerator,
            emulator=chosen.emulator,
            console=console,
            keeps_disks=True,
        )
    )
    try:
        lab.node.script(scripts, timeout_s=SCRIPT_TIMEOUT_S)
        if kit and kit.cluster:
            cluster_up.make(lab.node, has_calico=kit.cluster.has_calico)
        lab.node.script(FORGET, timeout_s=SCRIPT_TIMEOUT_S)
        power_off(lab)
    finally:
        take_down(lab.folder)
