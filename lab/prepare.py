"""
Making the nodes of a topology ready for sandboxes: their disks once, their kernels at each start.

What is kept is the disks of all of them, with the images imported and the thin pools laid out,
and with a cluster that was brought up once and ended in order: a run starts its nodes from
overlays of them.
"""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab import node_scripts
from lab.cluster import artefact_disk, cluster_up, kube_node
from lab.cluster.api import Api
from lab.cluster.cluster_up import ClusterNodes
from lab.disks import PRIVATE, Disks, make_empty, make_overlay
from lab.errors import LabError
from lab.files import locked, put_in_place, remove, state_dir
from lab.frozen import PREFIX, Frozen
from lab.image.lock import load
from lab.image.node import SHARE
from lab.machine import Start
from lab.provision import bring_up, power_off
from lab.runtime.setting import Setting
from lab.scratch import left_over, scratch
from lab.takedown import taken_down_after
from lab.together import together
from lab.virt import xml
from lab.virt.xml import UNMITIGATED, Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.cluster.kit import Kit
    from lab.host import Chosen
    from lab.image.build import Images
    from lab.provision import Lab
    from lab.topology import Topology

log = logging.getLogger(__name__)

PREPARING = "preparing"
"""What the disks are called until they are ready."""
SCRIPT_TIMEOUT_S = 600.0
"""For a node that has this machine to itself."""


def prepared(
    topology: Topology,
    images: Images,
    chosen: Chosen,
    *,
    console: Callable[[str], Path],
    say: Callable[[str], None],
    kit: Kit | None = None,
    run: Path | None = None,
) -> Mapping[str, Disks]:
    """
    The prepared disks of *topology*'s nodes: made now, if there are none of just this kind.

    Args:
        console: Where the console of a node that prepares its disks is written.
        kit: What Kata's cells need, where there are any: such a node is another kind.
        run: The directory of the run that asks for them, if one does.

    Returns:
        The disks by the name of their node.

    Raises:
        LabError: if a node does not come up, or cannot be prepared.
    """
    scripts = {
        spec.name: node_scripts.preparing(topology, spec, images.workload, kit)
        for spec in topology.nodes
    }
    folder = state_dir() / "prepared" / _key(topology, images, scripts, kit)
    artefacts = artefact_disk.build(kit.artefacts, kit.carried, load(), say=say) if kit else None
    disks = _disks(topology, folder, artefacts)
    with locked(state_dir() / "prepared.lock", say=say):
        if folder.exists():
            _make_private(folder)
            return disks
        say(f"preparing {', '.join(scripts)}: images are imported once")
        for dead in left_over(folder.parent):
            remove(dead)
        with scratch(PREPARING, among=folder.parent) as unfinished:
            unfinished.chmod(0o755)  # QEMU may run as another user
            made = _disks(topology, unfinished, artefacts)
            start = Start(
                topology=topology,
                image=images.node,
                disks=made,
                accelerator=chosen.accelerator,
                emulator=chosen.emulator,
                console=console,
                run=run,
                frozen=frozen(topology, made, chosen, kit),
                keeps_disks=True,
            )
            _prepare(start, scripts, kit)
            put_in_place(unfinished, folder)
    return disks


def _make_private(folder: Path) -> None:
    """Let nobody else read disks in *folder* that an older lab has prepared."""
    for disk in folder.glob("*.qcow2"):
        disk.chmod(PRIVATE)


def activate(lab: Lab, topology: Topology, kit: Kit | None = None) -> None:
    """
    Make the nodes of a *lab* that has started from prepared disks ready for sandboxes.

    Raises:
        LabError: if a node cannot be made ready, or the cluster does not come up.
    """
    cluster = kit.cluster if kit else None
    nodes = ClusterNodes.of(topology, lab.nodes, kit.kubectl) if kit and cluster else None
    if lab.is_thawed and lab.frozen and nodes and cluster:
        try:
            cluster_up.wait_until_up(nodes, has_calico=cluster.has_calico, has_booted=False)
        except LabError:
            lab.frozen.forget()  # the next lab boots
            raise
        return
    is_emulated = lab.record.accelerator is Accelerator.TCG
    _run(lab, _activating(topology, kit, is_emulated=is_emulated))
    if nodes and cluster:
        cluster_up.start(nodes, has_calico=cluster.has_calico)
        _settle(lab)


def _settle(lab: Lab) -> None:
    """Give sandboxes what they are to have in a *lab* whose cluster is up, and keep its state."""
    if lab.record.accelerator is Accelerator.TCG:
        _run(lab, dict.fromkeys(lab.nodes, node_scripts.EMULATED_UP))
    if lab.frozen:
        _freeze(lab, lab.frozen)


def frozen(
    topology: Topology, disks: Mapping[str, Disks], chosen: Chosen, kit: Kit | None
) -> Frozen | None:
    """
    Where the state of a lab from prepared *disks* is kept once its cluster is up.

    None where it takes no minutes to get there, and where QEMU is the machine's own, which may be
    too old for it, or kept from writing such a file.
    """
    is_slow = chosen.accelerator is Accelerator.TCG and kit is not None and kit.cluster is not None
    if not is_slow or chosen.emulator is None:
        return None
    parts = (
        str(chosen.emulator),
        topology.digest,
        Path(xml.__file__).read_text(encoding="utf-8"),  # the machine as QEMU has it
        *_activating(topology, kit, is_emulated=True).values(),
        kube_node.START + kube_node.START_LATER + node_scripts.EMULATED_UP,
    )
    key = hashlib.sha256("".join(parts).encode()).hexdigest()[:12]
    return Frozen(disks[topology.node.name].root.parent / f"{PREFIX}{key}")


def _freeze(lab: Lab, frozen: Frozen) -> None:
    """Keep the state of *lab*; that it cannot be kept is no reason not to use it."""
    try:
        _run(lab, dict.fromkeys(lab.nodes, node_scripts.LEAN))
        frozen.keep(lab.record, lab.disks)
    except (LabError, OSError) as error:
        log.warning("the next lab boots: %s", error)


def _activating(topology: Topology, kit: Kit | None, *, is_emulated: bool) -> dict[str, str]:
    return {
        spec.name: node_scripts.activating(spec, kit, is_emulated=is_emulated)
        for spec in topology.nodes
    }


def setting(topology: Topology, images: Images, lab: Lab, kit: Kit | None = None) -> Setting:
    """What the sandboxes of a *lab* are started from."""
    is_emulated = lab.record.accelerator is Accelerator.TCG
    control_plane = lab.nodes[topology.control_plane.name]
    return Setting(
        node=lab.nodes[topology.node.name],
        control_plane=control_plane,
        api=Api(control_plane, kit.kubectl) if kit and kit.cluster else None,
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


def _key(topology: Topology, images: Images, scripts: Mapping[str, str], kit: Kit | None) -> str:
    """What tells this kind of prepared disks from others: all that they come from."""
    made = kube_node.making(topology, kit.cluster) if kit and kit.cluster else ""
    parts = (images.node.digest, *(f"# {name}\n{text}" for name, text in scripts.items()), made)
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def _disks(topology: Topology, folder: Path, artefacts: Path | None) -> dict[str, Disks]:
    return {spec.name: Disks.of(spec.name, folder, artefacts=artefacts) for spec in topology.nodes}


def _prepare(start: Start, scripts: Mapping[str, str], kit: Kit | None) -> None:
    for spec in start.topology.nodes:
        disks = start.disks[spec.name]
        make_overlay(start.image.disk, disks.root, base_format="raw")
        make_empty(disks.data, size_gib=spec.pool_gib)
    lab = bring_up(start)
    with taken_down_after(lab.folder):
        _run(lab, scripts)
        if kit and kit.cluster:
            if start.accelerator is Accelerator.TCG:
                _run(lab, dict.fromkeys(scripts, node_scripts.emulated(kit)))
            nodes = ClusterNodes.of(start.topology, lab.nodes, kit.kubectl)
            cluster_up.make(nodes, start.topology, kit.cluster)
            _settle(lab)
            cluster_up.end(nodes)
        _run(lab, dict.fromkeys(scripts, node_scripts.FORGET))
        power_off(lab)


def _run(lab: Lab, scripts: Mapping[str, str]) -> None:
    """Run a script on each node, on all at once; they share the processors of this machine."""
    timeout_s = SCRIPT_TIMEOUT_S * len(scripts)
    together(
        [
            partial(lab.nodes[name].script, text, timeout_s=timeout_s)
            for name, text in scripts.items()
        ]
    )
