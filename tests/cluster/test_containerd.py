from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.cluster import containerd
from lab.node_scripts import ACTIVATE
from tests.cluster.specimens import PAUSE, every_handler

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "data"


def config(**options: str) -> dict[str, Any]:
    return tomllib.loads(containerd.config(every_handler(), sandbox_image=PAUSE, **options))


def cri(**options: str) -> dict[str, Any]:
    plugin: dict[str, Any] = config(**options)["plugins"][containerd.CRI]
    return plugin


def test_every_cell_has_a_handler_beside_the_one_for_everything_else() -> None:
    runtimes = cri()["containerd"]["runtimes"]

    assert runtimes.keys() == {each.name for each in every_handler()} | {"runc"}
    assert cri()["containerd"]["default_runtime_name"] == "runc"


def test_a_handler_of_kata_names_its_shim_its_configuration_and_itself() -> None:
    assert cri()["containerd"]["runtimes"]["none-devmapper-kata-rs"] == {
        "runtime_type": "io.containerd.none-devmapper-kata-rs.v2",
        "runtime_path": "/opt/kata-rs-4.1.0/runtime-rs/bin/containerd-shim-kata-v2",
        "snapshotter": "devmapper",
        "pod_annotations": ["io.katacontainers.*"],
        "privileged_without_host_devices": True,
        "options": {"ConfigPath": "/etc/kata-lab/none-devmapper-kata-rs/configuration.toml"},
    }


def test_the_controls_differ_in_the_snapshotter_alone() -> None:
    runtimes = cri()["containerd"]["runtimes"]
    overlayfs, devmapper = runtimes["veth-overlayfs-runc"], runtimes["veth-devmapper-runc"]

    assert {**overlayfs, "snapshotter": "devmapper"} == devmapper
    assert {**runtimes["runc"], "snapshotter": "overlayfs"} == overlayfs


def test_the_plugins_of_another_cni_may_be_named() -> None:
    assert cri()["cni"]["bin_dir"] == "/opt/cni/bin"
    assert cri(cni_plugins="/usr/lib/cni")["cni"]["bin_dir"] == "/usr/lib/cni"


def test_the_pool_is_the_one_that_a_prepared_node_has() -> None:
    pool = config()["plugins"][containerd.DEVMAPPER]["pool_name"]
    assert f"dmsetup create {pool} " in ACTIVATE


def test_the_containerd_of_a_node_understands_every_word() -> None:
    written = tomllib.loads((DATA / "cluster" / "containerd.toml").read_text())
    understood = tomllib.loads((DATA / "containerd" / "1.7.24-config-dump.toml").read_text())

    assert list(lost(written, understood)) == []


def lost(written: dict[str, Any], understood: dict[str, Any], path: str = "") -> Iterator[str]:
    """The keys of *written* that *understood* lacks or has another value for."""
    for key, value in written.items():
        if isinstance(value, dict):
            yield from lost(value, understood.get(key, {}), f"{path}/{key}")
        elif understood.get(key) != value:
            yield f"{path}/{key}"
