"""The scripts that make a node ready; no node in it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from lab import node_scripts, wires
from lab.loader import load_topology
from lab.topology import NodeSpec

if TYPE_CHECKING:
    from pathlib import Path

GIB_SECTORS = 2 * 1024 * 1024


def spec(*, pool_gib: int = 8) -> NodeSpec:
    return NodeSpec(name="node-1", cpus=2, memory_mib=4096, pool_gib=pool_gib)


def parts(script: str) -> list[tuple[str, int, int]]:
    """Name, first sector and sectors of each part that *script* makes."""
    made = re.findall(r"dmsetup create (\S+) --table '0 (\d+) linear /dev/vdb (\d+)'", script)
    return [(name, int(start), int(sectors)) for name, sectors, start in made]


@pytest.mark.parametrize("pool_gib", [1, 8, 100])
def test_the_data_disk_is_divided_without_gap_or_overlap(pool_gib: int) -> None:
    (images_part, meta, data) = parts(node_scripts.divide_script(spec(pool_gib=pool_gib)))

    assert images_part == ("lab-images", 0, pool_gib * GIB_SECTORS // 2)
    assert meta == ("lab-meta", images_part[2], 64 * 2048)
    assert data[:2] == ("lab-data", meta[1] + meta[2])
    assert data[1] + data[2] == pool_gib * GIB_SECTORS


def test_containerds_configuration_names_the_pool_and_the_volumes_size() -> None:
    config = tomllib.loads(node_scripts.CONTAINERD_CONFIG)

    snapshotter = config["plugins"]["io.containerd.snapshotter.v1.devmapper"]
    assert snapshotter["pool_name"] == "lab-pool"
    assert snapshotter["base_image_size"] == "4096MB"
    assert config["disabled_plugins"] == ["io.containerd.grpc.v1.cri"]


def test_the_pool_is_made_of_its_two_parts() -> None:
    (line,) = (line for line in node_scripts.ACTIVATE.splitlines() if "thin-pool" in line)

    assert line == (
        'dmsetup create lab-pool --table "0 $(blockdev --getsz /dev/mapper/lab-data) thin-pool'
        ' /dev/mapper/lab-meta /dev/mapper/lab-data 128 1024 1 skip_block_zeroing"'
    )


def test_the_node_has_the_address_that_sandboxes_reach_it_by_and_forwards() -> None:
    assert "ip address add 198.18.0.1/32 dev lab0\n" in node_scripts.ACTIVATE
    assert "echo 1 > /proc/sys/net/ipv4/ip_forward\n" in node_scripts.ACTIVATE


def test_the_workload_is_imported_for_each_snapshotter() -> None:
    assert node_scripts.IMPORT.splitlines() == [
        f"ctr -n lab images import --local --snapshotter {name} /usr/share/kata-lab/workload.tar"
        for name in ("overlayfs", "devmapper")
    ]


def test_every_script_is_one_that_a_shell_understands() -> None:
    scripts = (
        node_scripts.divide_script(spec()),
        node_scripts.LAYOUT,
        node_scripts.ACTIVATE,
        node_scripts.IMPORT,
        node_scripts.FORGET,
    )

    done = subprocess.run(
        ["/bin/sh", "-n"], input="".join(scripts), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_plugin_arrives_on_the_node_byte_for_byte(tmp_path: Path) -> None:
    """Its own here-documents included."""
    plugins = tmp_path / "cni"
    plugins.mkdir()
    script = node_scripts.LAYOUT.partition("mkfs.ext4")[0].replace("/usr/lib/cni", str(plugins))

    subprocess.run(["/bin/sh", "-eu"], input=script, text=True, check=True)

    plugin = plugins / "calico-veth"
    assert plugin.read_bytes() == node_scripts.CNI_PLUGIN.read_bytes()
    assert plugin.stat().st_mode & 0o777 == 0o755


def test_a_node_on_a_data_network_waits_for_its_address_first() -> None:
    (control, _) = load_topology("k8s-calico-kata").nodes

    wired = node_scripts.activating(control, None, is_emulated=False)
    alone = node_scripts.activating(spec(), None, is_emulated=False)

    assert wired.startswith(wires.WAIT)
    assert "data0" not in alone
