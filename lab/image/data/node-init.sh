#!/bin/busybox sh
# The node's first process: load what the disk needs, mount it, hand over to systemd.
set -e
alias grep='busybox grep' insmod='busybox insmod' mount='busybox mount'
alias sleep='busybox sleep' umount='busybox umount'

mount -t devtmpfs dev /dev
mount -t proc proc /proc
if grep -q lab.probe /proc/cmdline; then
    # lab.host asks whether this kernel comes up at all under this machine's KVM, and can nest.
    for module in /probe/*; do
        insmod "$module" 2>/dev/null || true
    done
    if [ -c /dev/kvm ]; then can=can; else can=cannot; fi
    echo "lab: the kernel is up and $can nest" >/dev/console
    exec busybox poweroff -f
fi
umount /proc
for module in /modules/*; do
    insmod "$module"
done

tries=0
until [ -b /dev/vda ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
        echo "lab: the disk /dev/vda did not appear within 10 s" >/dev/console
        exec busybox poweroff -f
    fi
    sleep 0.1
done
mount -t ext4 -o rw,noatime /dev/vda /rootfs
mount -o move /dev /rootfs/dev
exec busybox switch_root /rootfs /sbin/init
