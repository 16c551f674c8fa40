"""
QEMU's command line for a sandbox, as Kata's: a pure function.

Source: virtcontainers/qemu.go, qemu_amd64.go and govmm/qemu/qemu.go (Kata 4.1). Left out is what
serves Kata's own code: its agent's vsock, its guest image on pmem, its debug monitor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.network.model import Tap
    from lab.network.pod import Pod

NESTED = "disable-modern=true"
"""Kata speaks legacy virtio where its host is itself a guest (qemu_arch_base.go)."""

AGENT_PORT = "org.qemu.guest_agent.0"
SETUP = "opt/lab/setup"
"""Where the guest finds its setup script in QEMU's firmware configuration."""
MACHINE = "q35,accel=kvm"
MAX_MEMORY_FACTOR = 16

KERNEL_PARAMETERS = (
    "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1"
    " i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0"
    " pci=lastbus=0 scsi_mod.scan=none console=hvc0 quiet panic=1 random.trust_cpu=on"
)
"""Kata's, kernelParamsNonDebug and commonVirtioblkKernelRootParams left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the guest of a sandbox is made of."""

    binary: str
    kernel: str
    initramfs: str
    cpus: int
    memory_mib: int
    parameters: str = ""
    """What the kernel is told besides what Kata tells it."""


def arguments(
    machine: Machine,
    *,
    pod: Pod,
    tap: Tap,
    storage: tuple[str, ...],
    modules: tuple[str, ...],
) -> tuple[str, ...]:
    """The whole command line of a sandbox's QEMU; it ends in the background, as a daemon."""
    folder = pod.folder
    memory = f"{machine.memory_mib}M"
    net = f"virtio-net-pci,{NESTED},netdev=network-0,mac={pod.mac},mq=off"
    options = {
        "name": f"sandbox-{pod.namespace},debug-threads=on",
        "machine": MACHINE,
        "cpu": "host,pmu=off",
        "smp": str(machine.cpus),
        "m": f"{memory},slots=10,maxmem={machine.memory_mib * MAX_MEMORY_FACTOR}M",
        # Shared by every cell, so that it is no hidden difference between them: virtio-fs
        # needs it, and Kata has a virtio-fs share in every sandbox but the 9p ones.
        "numa": "node,memdev=dimm1",
        "rtc": "base=utc,driftfix=slew,clock=host",
        "global": "kvm-pit.lost_tick_policy=discard",
        "vga": "none",
        "netdev": tap.netdev,
        "fw_cfg": f"name={SETUP},file={folder}/setup",
        "kernel": machine.kernel,
        "initrd": machine.initramfs,
        "append": " ".join(
            (
                KERNEL_PARAMETERS,
                f"nr_cpus={machine.cpus}",
                *machine.parameters.split(),
                f"lab.modules={','.join(modules)}",
            )
        ),
        "pidfile": f"{folder}/qemu.pid",
    }
    objects = (
        f"memory-backend-file,id=dimm1,size={memory},mem-path=/dev/shm,share=on,align=2M",
        "rng-random,id=rng0,filename=/dev/urandom",
    )
    chardevs = (
        f"file,id=console0,path={folder}/console.log",
        f"socket,id=agent0,path={folder}/agent.sock,server=on,wait=off",
    )
    devices = (
        f"virtio-serial-pci,{NESTED},id=serial0",
        "virtconsole,chardev=console0",
        f"virtserialport,chardev=agent0,name={AGENT_PORT}",
        f"virtio-scsi-pci,{NESTED},id=scsi0",
        f"virtio-rng-pci,{NESTED},rng=rng0",
        net,
    )
    return (
        machine.binary,
        *(word for item in objects for word in ("-object", item)),
        *(word for item in chardevs for word in ("-chardev", item)),
        *(word for name, value in options.items() for word in (f"-{name}", value)),
        *(word for item in devices for word in ("-device", item)),
        *storage,
        "-no-user-config",
        "-nodefaults",
        "-nographic",
        "-no-reboot",
        "-daemonize",
    )
