"""
Where a cluster's own programs run on an emulated node: all on one processor, guests have the rest.

A guest whose virtual processor is moved from one emulated processor to another begins again with
nothing translated, and beside a control plane, which wants half of the node when it does nothing,
it is moved all the time. Figures are in docs/validation.md.

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
