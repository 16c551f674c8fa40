#!/bin/busybox sh
# The guest's first process: load what the lab names, run what it hands in, start the agent.
#
# lab.modules=a,b,c (kernel command line): load these, in this order
# opt/lab/setup     (QEMU's fw_cfg):       a script that mounts the root file system on
#                                          /rootfs and configures the network
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Load a module after those that it needs, each with the parameters that the kernel's command
# line has for it (module.name=value); what is built in has an empty list.
load() {
    while read -r file; do
        [ ! -e "/modules/loaded/$file" ] || continue
        parameters=
        for word in $command_line; do
            case $word in
            "${file%.ko}".*) parameters="$parameters ${word#*.}" ;;
            esac
        done
        # shellcheck disable=SC2086 # one word a parameter
        insmod "/modules/$file" $parameters && : >"/modules/loaded/$file"
    done <"/modules/needs/$1"
}

fail() {
    echo "lab: $1"
    poweroff -f
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# The kernel found no console to give: /dev was empty when it looked.
exec </dev/console >/dev/console 2>&1
mkdir -p /dev/pts /dev/shm /dev/virtio-ports
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp

read -r command_line </proc/cmdline
modules=qemu_fw_cfg
for word in $command_line; do
    case $word in
    lab.modules=*) modules="$modules,${word#lab.modules=}" ;;
    esac
done
for module in $(echo "$modules" | tr , ' '); do
    load "$module" || fail "module $module cannot be loaded"
done

setup=/sys/firmware/qemu_fw_cfg/by_name/opt/lab/setup/raw
cat $setup >/run/setup || fail "setup is missing"
sh -e /run/setup
status=$?
[ $status = 0 ] || fail "setup failed (status $status)"
echo "lab: setup done"

if grep -q ' /rootfs ' /proc/mounts; then
    for directory in proc sys dev; do
        mount -o rbind /$directory /rootfs/$directory
    done
    mount -t tmpfs tmpfs /rootfs/tmp
    # The container's own process, the same as the control's: like any container's, it keeps
    # what it was loaded from in use, so that 9p need not fetch it anew for each program.
    chroot /rootfs /usr/bin/sleep infinity &
fi

# The host's end tells the name of the port; until then it has none.
tries=0
until [ -e /dev/virtio-ports/org.qemu.guest_agent.0 ]; do
    for port in /sys/class/virtio-ports/*; do
        name=$(cat "$port/name" 2>/dev/null)
        [ -z "$name" ] || ln -sf "../${port##*/}" "/dev/virtio-ports/$name"
    done
    tries=$((tries + 1))
    [ $tries -le 100 ] || fail "the agent has no port"
    [ -e /dev/virtio-ports/org.qemu.guest_agent.0 ] || sleep 0.05
done

qemu-ga -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 -t /run &
# While it waits, a shell also buries the orphans that a first process inherits.
wait $!
fail "the agent ended (status $?)"
