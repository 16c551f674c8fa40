"""
containerd's configuration on a node of a cluster: CRI, snapshotters, a handler for each cell.

In version 2 of its format, which containerd 1.7 and 2.x both read. Version 3 has other names:
the CRI plugin is two (io.containerd.cri.v1.runtime and .images), and the second one wants each
handler's snapshotter once more, in ``runtime_platforms``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster import toml
from lab.storage.backend import Snapshotter
from lab.storage.thin import POOL, VOLUME_MIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.cluster.handler import Handler
    from lab.cluster.toml import Value

CRI = "io.containerd.grpc.v1.cri"
DEVMAPPER = "io.containerd.snapshotter.v1.devmapper"
RUNC = "io.containerd.runc.v2"
DEFAULT_RUNTIME = "runc"
CALICOS_PLUGINS = "/opt/cni/bin"
"""Where Calico's installer puts its CNI plugins; Debian's containerd looks in /usr/lib/cni."""
TIMEOUTS_S = {
    "shim.load": 60,
    "shim.cleanup": 60,
    "shim.shutdown": 30,
    "task.state": 30,
}
"""By the end of containerd's own names. Its defaults, 2 to 5 s, are not for emulated nodes."""


def config(
    handlers: Iterable[Handler], *, sandbox_image: str, cni_plugins: str = CALICOS_PLUGINS
) -> str:
    """The text of /etc/containerd/config.toml; *sandbox_image* is the pause image kubeadm names."""
    return toml.render(
        {
            "version": 2,
            "plugins": {
                CRI: {
                    "sandbox_image": sandbox_image,
                    "cni": {"bin_dir": cni_plugins, "conf_dir": "/etc/cni/net.d"},
                    "containerd": {
                        "snapshotter": Snapshotter.OVERLAYFS,
                        "default_runtime_name": DEFAULT_RUNTIME,
                        # What is imported for one snapshotter is unpacked for another later.
                        "discard_unpacked_layers": False,
                        "runtimes": {
                            DEFAULT_RUNTIME: _runc(),
                            **{handler.name: _runtime(handler) for handler in handlers},
                        },
                    },
                },
                DEVMAPPER: {
                    "pool_name": POOL,
                    "root_path": "/var/lib/containerd/devmapper",
                    "base_image_size": f"{VOLUME_MIB}MB",
                },
            },
            "timeouts": {
                f"io.containerd.timeout.{name}": f"{seconds}s"
                for name, seconds in TIMEOUTS_S.items()
            },
        }
    )


def _runc() -> dict[str, Value]:
    return {"runtime_type": RUNC, "options": {"SystemdCgroup": True}}


def _runtime(handler: Handler) -> dict[str, Value]:
    if handler.release is None:
        return {**_runc(), "snapshotter": handler.snapshotter}
    return {
        # Any name does, since the path is given; containerd tells it of each container, and
        # so it proves which handler started one.
        "runtime_type": f"io.containerd.{handler.name}.v2",
        "runtime_path": handler.release.shim,
        "snapshotter": handler.snapshotter,
        "pod_annotations": ["io.katacontainers.*"],
        "privileged_without_host_devices": True,
        "options": {"ConfigPath": handler.configuration},
    }
