"""The node: a Debian that boots straight to ssh, with all that a sandbox needs inside."""

from __future__ import annotations

import shlex
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from lab.image import cpio, kernel
from lab.image.entry import Entry, directory, file, symlink

if TYPE_CHECKING:
    from lab.image.rootfs import Rootfs

DATA = Path(__file__).with_name("data")
SHARE = "usr/share/kata-lab"
DISK_SIZE = "3G"

# The kernel's modules are four fifths of the system; a node has no other hardware than virtio.
MODULES = (
    "arch/x86/* block/* crypto/* drivers/block/* drivers/char/* drivers/crypto/ccp/*"
    " drivers/dax/* drivers/firmware/* drivers/md/* drivers/nvdimm/* drivers/vhost/*"
    " drivers/virtio/* drivers/net/dummy* drivers/net/geneve* drivers/net/ifb*"
    " drivers/net/ipvlan/* drivers/net/macv* drivers/net/net_failover* drivers/net/tap*"
    " drivers/net/tun* drivers/net/veth* drivers/net/virtio_net* drivers/net/vrf*"
    " drivers/net/vxlan/* drivers/net/wireguard/* drivers/scsi/scsi_* drivers/scsi/sd_mod*"
    " drivers/scsi/virtio_scsi* fs/9p/* fs/erofs/* fs/ext4/* fs/fuse/* fs/jbd2/* fs/lockd/*"
    " fs/mbcache* fs/netfs/* fs/nfs* fs/overlayfs/* lib/* mm/* net/802* net/9p/* net/bridge/*"
    " net/core/* net/dns_resolver/* net/ipv* net/key/* net/llc/* net/netfilter/* net/packet/*"
    " net/sched/* net/sunrpc/* net/unix/* net/vmw_vsock/vmw_vsock_virtio* net/vmw_vsock/vsock*"
    " net/xfrm/* virt/*"
).split()
DPKG_PATHS = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/lib/modules/*/kernel/*",
    *(f"path-include=/usr/lib/modules/*/kernel/{pattern}" for pattern in MODULES),
    # The lab makes the only initial file system that is used.
    "path-exclude=/etc/kernel/postinst.d/*",
)
_SET_DPKG_PATHS = f"printf '%s\\n' {shlex.join(DPKG_PATHS)} >\"$1/etc/dpkg/dpkg.cfg.d/lab\""
_INFLATE_MODULES = """chroot "$1" sh -ec '
    cd /usr/lib/modules/*
    find . -name "*.ko.xz" | xargs busybox unxz
    depmod "${PWD##*/}"
'"""
OPTIONS = (
    # Given as options of mmdebstrap, they would also filter the essential packages, so slowly
    # that it takes longer than unpacking all of them.
    f"--extract-hook={_SET_DPKG_PATHS}",
    # Inflating a module would take an emulated node up to 2 s.
    f"--customize-hook={_INFLATE_MODULES}",
)

# What packages made while they were installed, and what no part of the lab runs.
DROP = (
    "*/__pycache__*",
    "boot/*",
    "etc/apt/sources.list",
    "etc/dpkg/dpkg.cfg.d/lab",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_*",
    "etc/systemd/system/*.wants/*",
    "initrd.img*",
    "usr/bin/containerd-shim",
    "usr/bin/containerd-shim-runc-v1",
    "usr/bin/python3*",
    "usr/bin/qemu-system-i386",
    "usr/lib/python3*",
    "usr/lib/systemd/system-generators/*",
    "usr/share/doc/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "usr/share/python3*",
    "var/cache/*",
    "vmlinuz*",
)

ENABLED = {
    "multi-user.target.wants": (
        "lab-modules.service",
        "ssh.service",
        "systemd-networkd.service",
    ),
    "sockets.target.wants": ("systemd-networkd.socket",),
    "sysinit.target.wants": ("systemd-network-generator.service",),
}

# Under emulation each of these costs the boot between 0.1 and 2 s, and the lab uses none.
MASKED = tuple(
    (
        "dev-hugepages.mount dev-mqueue.mount getty.target kmod-static-nodes.service"
        " ldconfig.service proc-sys-fs-binfmt_misc.automount remote-fs.target run-lock.mount"
        " sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount"
        " sys-kernel-tracing.mount systemd-ask-password-console.path"
        " systemd-ask-password-wall.path systemd-binfmt.service systemd-firstboot.service"
        " systemd-hibernate-clear.service systemd-hwdb-update.service"
        " systemd-journal-catalog-update.service systemd-journal-flush.service"
        " systemd-logind.service systemd-machine-id-commit.service"
        " systemd-modules-load.service systemd-networkd-persistent-storage.service"
        " systemd-networkd-wait-online.service systemd-pcrmachine.service"
        " systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pstore.service"
        " systemd-random-seed.service systemd-remount-fs.service systemd-sysctl.service"
        " systemd-sysusers.service systemd-tmpfiles-clean.timer"
        " systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service"
        " systemd-tpm2-setup-early.service systemd-tpm2-setup.service"
        " systemd-udev-load-credentials.service systemd-update-done.service"
        " systemd-user-sessions.service tmp.mount"
    ).split()
)

# The initial file system loads what the disk and the management interface need.
BOOT_MODULES = ("virtio_blk", "crc32c_generic", "ext4", "virtio_net")
# lab.host asks the kernel whether it can nest: each loads only where its kind of it is offered.
PROBE_MODULES = ("kvm_amd", "kvm_intel")


def keep(name: str) -> bool:
    """Say whether a path of the installed packages goes into the image."""
    return not any(fnmatchcase(name, pattern) for pattern in DROP)


def configuration() -> list[Entry]:
    """List the files that make a node of the packages."""
    base = DATA / "node"
    entries = [
        file(path.relative_to(base).as_posix(), path.read_bytes())
        for path in sorted(base.rglob("*"))
        if path.is_file()
    ]
    system = "etc/systemd/system"
    for target, units in ENABLED.items():
        entries += [symlink(f"{system}/{target}/{unit}", f"../{unit}") for unit in units]
    entries += [symlink(f"{system}/{unit}", "/dev/null") for unit in MASKED]
    return [*entries, file("etc/machine-id", b"")]


def initramfs(root: Rootfs) -> bytes:
    """Make the node's first file system, which finds the disk and hands over to it."""
    folders = {"modules": BOOT_MODULES, "probe": PROBE_MODULES}
    return cpio.pack(
        [
            file("init", (DATA / "node-init.sh").read_bytes(), mode=0o755),
            file("bin/busybox", root.read("usr/bin/busybox"), mode=0o755),
            *(
                file(f"{folder}/{order:02}-{module.name}.ko", module.elf)
                for folder, names in folders.items()
                for order, module in enumerate(kernel.modules(root, names))
            ),
            directory("dev"),
            directory("proc"),
            directory("rootfs"),
        ]
    )
