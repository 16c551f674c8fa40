"""QEMU's command line."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from lab.network.model import Tap
from lab.network.pod import CALICO_ROUTES, Pod
from lab.runtime.qemu import Machine, arguments

POD = Pod(
    namespace="boot7",
    mac="c6:4b:1f:a8:0e:21",
    address=IPv4Interface("10.192.181.62/32"),
    mtu_bytes=1440,
    routes=CALICO_ROUTES,
)
MACHINE = Machine(
    binary="/usr/bin/qemu-system-x86_64",
    kernel="/usr/share/kata-lab/vmlinux",
    initramfs="/usr/share/kata-lab/initramfs",
    cpus=1,
    memory_mib=512,
)
TAP = Tap(netdev="tap,id=network-0,vhost=on,ifname=tap0_kata", namespace="boot7")
LINE = arguments(
    MACHINE,
    pod=POD,
    tap=TAP,
    storage=("-device", "the-storage"),
    modules=("virtio_net", "virtiofs"),
)
GOLDEN = """\
/usr/bin/qemu-system-x86_64
-object memory-backend-file,id=dimm1,size=512M,mem-path=/dev/shm,share=on,align=2M
-object rng-random,id=rng0,filename=/dev/urandom
-chardev file,id=console0,path=/run/kata-lab/boot7/console.log
-chardev socket,id=agent0,path=/run/kata-lab/boot7/agent.sock,server=on,wait=off
-name sandbox-boot7,debug-threads=on
-machine q35,accel=kvm
-cpu host,pmu=off
-smp 1
-m 512M,slots=10,maxmem=8192M
-numa node,memdev=dimm1
-rtc base=utc,driftfix=slew,clock=host
-global kvm-pit.lost_tick_policy=discard
-vga none
-netdev tap,id=network-0,vhost=on,ifname=tap0_kata
-fw_cfg name=opt/lab/setup,file=/run/kata-lab/boot7/setup
-kernel /usr/share/kata-lab/vmlinux
-initrd /usr/share/kata-lab/initramfs
-append tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 \
i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 \
pci=lastbus=0 scsi_mod.scan=none console=hvc0 quiet panic=1 random.trust_cpu=on nr_cpus=1 \
lab.modules=virtio_net,virtiofs
-pidfile /run/kata-lab/boot7/qemu.pid
-device virtio-serial-pci,disable-modern=true,id=serial0
-device virtconsole,chardev=console0
-device virtserialport,chardev=agent0,name=org.qemu.guest_agent.0
-device virtio-scsi-pci,disable-modern=true,id=scsi0
-device virtio-rng-pci,disable-modern=true,rng=rng0
-device virtio-net-pci,disable-modern=true,netdev=network-0,mac=c6:4b:1f:a8:0e:21,mq=off
-device the-storage
-no-user-config
-nodefaults
-nographic
-no-reboot
-daemonize
"""


def by_option(line: tuple[str, ...]) -> str:
    """The command line with each option on a line of its own."""
    return (
        "".join(f"\n{word}" if word.startswith("-") else f" {word}" for word in line)
        .strip()
        .replace("\n\n", "\n")
        + "\n"
    )


def test_the_command_line_is_this_one_to_the_word() -> None:
    assert by_option(LINE) == GOLDEN


def test_an_option_with_spaces_is_one_word() -> None:
    append = LINE[LINE.index("-append") + 1]

    assert append.startswith("tsc=reliable ")
    assert append.endswith(" nr_cpus=1 lab.modules=virtio_net,virtiofs")


@pytest.mark.parametrize(("cpus", "memory_mib"), [(1, 512), (2, 1024)])
def test_a_larger_sandbox_has_more_of_everything(cpus: int, memory_mib: int) -> None:
    machine = Machine(binary="qemu", kernel="k", initramfs="i", cpus=cpus, memory_mib=memory_mib)

    line = arguments(
        machine, pod=POD, tap=Tap(netdev="n", namespace=None), storage=(), modules=("virtio_net",)
    )

    assert line[line.index("-smp") + 1] == str(cpus)
    assert f"nr_cpus={cpus} " in line[line.index("-append") + 1]
    assert line[line.index("-m") + 1].startswith(f"{memory_mib}M,")
    assert f"size={memory_mib}M," in line[line.index("-object") + 1]


def test_what_else_the_kernel_is_told_comes_before_the_guests_modules() -> None:
    machine = replace(MACHINE, parameters="mitigations=off")

    words = arguments(machine, pod=POD, tap=TAP, storage=(), modules=("ext4",))

    assert words[words.index("-append") + 1].endswith("nr_cpus=1 mitigations=off lab.modules=ext4")
