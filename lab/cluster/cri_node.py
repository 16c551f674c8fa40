"""
A node on which Kata runs without Kubernetes: containerd answers the CRI, crictl asks.

The shell scripts that lay it out once, and those that make it ready at each start.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.cluster import artefact_disk, containerd, kata_config
from lab.cluster.handler import CONFIGURATIONS
from lab.image.node import SHARE
from lab.network.pod import MTU_BYTES, SANDBOXES
from lab.runtime.pods import PLUGIN, PLUGINS
from lab.storage.backend import Snapshotter
from lab.virt.xml import UNMITIGATED

if TYPE_CHECKING:
    from lab.cluster.kit import Kit
    from lab.topology import SandboxSpec

CRI_NAMESPACE = "k8s.io"
"""containerd's namespace of all that the CRI makes."""
CTR = f"ctr -n {CRI_NAMESPACE}"
CRICTL = "/usr/local/bin/crictl"
CRICTL_CONFIG = """\
runtime-endpoint: unix:///run/containerd/containerd.sock
image-endpoint: unix:///run/containerd/containerd.sock
timeout: 600
"""
"""A start may take as long as lab.cluster.kata_config lets it."""
CNI_NETWORK = "lab"
CNI_CONFIG = {
    "cniVersion": "1.0.0",
    "name": CNI_NETWORK,
    "plugins": [{"type": PLUGIN}],
}
CNI_LAYOUT = f"""\
mkdir -p /etc/cni/net.d
echo '{json.dumps(CNI_CONFIG)}' >/etc/cni/net.d/10-{CNI_NETWORK}.conflist
"""
PODS = f"{SANDBOXES}/pods"
"""Where the CNI plugin finds, by a pod's name, the address and MTU that it is to have."""
EMULATED_DROP_IN = "config.d/70-emulated.toml"
EMULATED_PARAMETERS = f"{UNMITIGATED} hpet=disable agent.hotplug_timeout=30"
"""
No mitigations; no HPET, which QEMU's main thread ticks 250 times a second for as long as the guest
lives, though nobody listens; ten times the agent's own patience with a disk that is plugged in.
"""

MOUNT_ARTEFACTS = f"""\
mkdir -p {artefact_disk.MOUNT}
mount -o ro {artefact_disk.DEVICE} {artefact_disk.MOUNT}
"""
"""At each start, before anything else."""

ACTIVATE = f"""\
mkdir -p {PODS}
modprobe vhost_vsock
"""
"""At each start."""

ALIGNED = f"{CONFIGURATIONS}/aligned"
QEMU = "qemu"
"""What Kata starts in place of its own QEMU: a script in the folder of each handler."""
EMULATE_NOT = f"rm -f {ALIGNED} {CONFIGURATIONS}/*/{QEMU} {CONFIGURATIONS}/*/{EMULATED_DROP_IN}\n"
"""Takes that back."""


def emulate(*, prefix: str = "") -> str:
    """
    Three things for the guests of a node that is emulated.

    What the release tells its guest's kernel, and a few words more. Guests' memory in a shared file
    begins where a large page does: QEMU aligns it to small ones, one page off (qemu_ram_mmap), and
    each small page is one exit of an emulated processor, the first time and whenever the node moves
    it. And QEMU is started by what *prefix* says, a command to be followed by another.
    """
    return f"""\
cat >{ALIGNED} <<'ALIGNED'
for argument; do
    shift
    case $argument in
        memory-backend-file,*,mem-path=/dev/shm*) argument=$argument,align=2M ;;
    esac
    set -- "$@" "$argument"
done
exec {prefix}"$qemu" "$@"
ALIGNED
awk '
FNR == 1 {{ folder = FILENAME; sub("/[^/]*$", "", folder); qemu = "" }}
/^path *=/ && !qemu {{ split($0, parts, "\\""); qemu = parts[2] }}
/^kernel_params *=/ {{
    if (!qemu) {{ print FILENAME " names no QEMU before kernel_params" >"/dev/stderr"; exit 1 }}
    sub(/"[^"]*$/, " {EMULATED_PARAMETERS}\\"")
    drop_in = folder "/{EMULATED_DROP_IN}"
    wrapper = folder "/{QEMU}"
    printf "[hypervisor.qemu]\\npath = \\"%s\\"\\n%s\\n", wrapper, $0 >drop_in
    printf "#!/bin/sh\\nqemu=%s\\n. {ALIGNED}\\n", qemu >wrapper
    close(drop_in)
    close(wrapper)
}}' {CONFIGURATIONS}/*/configuration.toml
chmod 755 {CONFIGURATIONS}/*/{QEMU}
"""


def layout_script(kit: Kit, sandbox: SandboxSpec) -> str:
    """What a node gets once: programs, CNI network, containerd's configuration and Kata's."""
    releases = "".join(
        f"ln -s {artefact_disk.MOUNT}{release.prefix.removeprefix('/opt')} {release.prefix}\n"
        for release in kit.releases.values()
    )
    has_calico = kit.cluster is not None and kit.cluster.has_calico
    config = containerd.config(
        kit.handlers,
        sandbox_image=kit.pause.name,
        cni_plugins=containerd.CALICOS_PLUGINS if has_calico else PLUGINS,
    )
    return (
        f"# the artefacts are {artefact_disk.digest(kit.carried)}\n"
        f"{releases}"
        f"ln -s {artefact_disk.path_of(kit.crictl)} {CRICTL}\n"
        f"cat >/etc/crictl.yaml <<'CRICTL'\n{CRICTL_CONFIG}CRICTL\n"
        f"{'' if has_calico else CNI_LAYOUT}"
        f"cat >/etc/containerd/config.toml <<'CONFIG'\n{config}CONFIG\n"
    ) + "".join(
        kata_config.install_script(handler, sandbox) for handler in kit.handlers if handler.release
    )


def import_script(kit: Kit) -> str:
    """Import what pods are made of, for each snapshotter."""
    archives = (f"/{SHARE}/workload.tar", artefact_disk.path_of(kit.pause))
    return "".join(
        import_line(archive, snapshotter) for archive in archives for snapshotter in Snapshotter
    )


def import_line(archive: str, snapshotter: Snapshotter) -> str:
    """The shell line that imports an image from *archive* for one snapshotter."""
    return f"{CTR} images import --local --snapshotter {snapshotter} {archive}\n"


def announcement(address: str) -> str:
    """What the CNI plugin is to find of a pod."""
    return f"IP={address};MTU={MTU_BYTES}"
