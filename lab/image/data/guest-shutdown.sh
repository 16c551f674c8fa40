#!/bin/busybox sh
# What the guest agent runs on guest-shutdown.
if grep -q ' /rootfs ' /proc/mounts; then
    umount -l /rootfs/dev /rootfs/sys /rootfs/proc /rootfs/tmp
    umount /rootfs || mount -o remount,ro /rootfs
fi
sync
poweroff -f
