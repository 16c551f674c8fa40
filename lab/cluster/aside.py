"""
Where a cluster's own programs run on an emulated node: all on one processor, guests have the rest.

A control plane that has nothing to do wants half of the node, and the kernel moves a guest's
virtual processor out of its way all the time: from one emulated processor's caches to another's.
Kept on one of its own, a guest that started was seen, once, to get twice the time. Figures are in
docs/design-notes.md.

What containerd starts later may run anywhere, and so may containerd itself; but guests, which
would be moved between processors else, do not come to that one.
"""

from __future__ import annotations

PODS = "/sys/fs/cgroup/kubepods.slice"
"""Where the kubelet puts all pods (--cgroup-driver=systemd, a slice below the root)."""
PROCESSOR = 0

MOVE = f"""\
kubelet=$(systemctl show --property MainPID --value kubelet)
programs=$(find {PODS} -name cgroup.procs -exec cat {{}} +)
for program in $kubelet $programs; do
    taskset --all-tasks --cpu-list --pid {PROCESSOR} "$program" >/dev/null ||
        [ ! -e "/proc/$program" ]
done
"""
"""Once the cluster is up: what runs there then stays on one processor, with all its threads."""
GUESTS = f'taskset --cpu-list "{PROCESSOR + 1}-$(($(nproc) - 1))" '
"""What a guest's QEMU is started by, to have the others. kubeadm wants two processors at least."""
