"""
The shell scripts that make a node ready for sandboxes: once for its disks, and at each start.

What each kind of node needs beyond that is in lab.cluster; here is what all have in common, and
the order of it all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab import wires
from lab.cluster import aside, cri_node, kube_node, slack
from lab.image.node import SHARE
from lab.network.pod import SANDBOXES
from lab.node import NODE_ADDRESS
from lab.runtime import vmexits
from lab.runtime.pods import PLUGIN, PLUGINS
from lab.runtime.setting import CTR
from lab.storage.backend import Snapshotter
from lab.storage.thin import POOL, VOLUME_MIB

if TYPE_CHECKING:
    from lab.cluster.kit import Kit
    from lab.image.build import WorkloadImage
    from lab.topology import NodeSpec, Topology

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


LEAN = "sync\necho 3 >/proc/sys/vm/drop_caches\n"
"""Lets go of what the node can read again: its memory is about to be kept."""
FORGET = f"rm -f /etc/ssh/ssh_host_ed25519_key ~/.ssh/authorized_keys\n{cri_node.EMULATE_NOT}"
"""What a prepared disk must not keep: keys, and whether the lab it was prepared in was emulated."""


def divide_script(spec: NodeSpec) -> str:
    """
    The shell script that divides the data disk: the images' file system, the pool's two parts.

    By device-mapper, as the pool itself: each storage then lies below the same layers.
    """
    images = int(spec.pool_gib * GIB_SECTORS * IMAGES_SHARE)
    meta = META_MIB * MIB_SECTORS
    data = spec.pool_gib * GIB_SECTORS - images - meta
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


def preparing(topology: Topology, spec: NodeSpec, workload: WorkloadImage, kit: Kit | None) -> str:
    """All that is done once to the node of *spec*, and again at each start."""
    layout = _waiting(spec) + divide_script(spec) + LAYOUT
    if kit is None:
        return layout + ACTIVATE + IMPORT
    layout = cri_node.MOUNT_ARTEFACTS + layout
    if kit.cluster:
        return (
            layout
            + kube_node.layout_script(kit, topology, spec)
            + ACTIVATE
            + cri_node.ACTIVATE
            + slack.GIVE  # nothing is measured here
            + slack.HERE
            + kube_node.import_script(kit, workload, spec)
        )
    return (
        layout
        + cri_node.layout_script(kit, topology.sandbox)
        + ACTIVATE
        + IMPORT
        + cri_node.import_script(kit)
    )


def activating(spec: NodeSpec, kit: Kit | None, *, is_emulated: bool) -> str:
    """What the node of *spec* needs at each start from its prepared disks."""
    script = _waiting(spec) + divide_script(spec) + ACTIVATE
    if kit:
        script = cri_node.MOUNT_ARTEFACTS + script + cri_node.ACTIVATE
    return script + (emulated(kit) if is_emulated else "")


def emulated(kit: Kit | None) -> str:
    """What an emulated node needs beyond that, for its guests and its cluster."""
    beside_cluster = aside.GUESTS if kit and kit.cluster else ""
    return (
        (cri_node.emulate(prefix=beside_cluster) if kit and kit.releases else "")
        + (slack.GIVE if kit and kit.cluster else "")
        + LARGE_PAGES
        + vmexits.WATCH
    )


EMULATED_UP = slack.TAKE + aside.MOVE
"""What it needs once its cluster is up, and before the first sandbox."""


def _waiting(spec: NodeSpec) -> str:
    return wires.WAIT if spec.address else ""
