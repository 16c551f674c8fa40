"""
How late the timers of a cluster's own programs may be, so that they leave an emulated node alone.

Go's runtime watches its threads from one that sleeps 20 µs at a time for as long as they are slow
(sysmon, runtime/proc.go), and under emulation all are. Each such sleep costs the processor more
than it lasts: a control plane that had nothing to do took nearly all of two processors so. With
some slack the kernel lets that thread sleep longer (prctl(2), PR_SET_TIMERSLACK). Timers alone are
late then; what waits for data is woken as ever. Figures are in docs/design-notes.md.

A program hands its slack on to those that it starts. So containerd has it only until the cluster
is up: the control plane keeps it, and no sandbox gets it.
"""

from __future__ import annotations

SLACK_NS = 20_000_000
OWN_NS = 50_000
"""What the kernel gives every program (proc(5), timerslack_ns)."""
DROP_INS = "/run/systemd/system/kubelet.service.d"
"""Forgotten when the node ends."""


def _containerds(slack_ns: int) -> str:
    """The shell lines that give containerd's threads a slack; one of them may be gone by then."""
    return f"""\
containerd=/proc/$(systemctl show --property MainPID --value containerd)
for thread in $containerd/task/*; do
    echo {slack_ns} 2>/dev/null >/proc/${{thread##*/}}/timerslack_ns || true
done
if [ "$(cat $containerd/timerslack_ns)" != {slack_ns} ]; then
    echo "containerd has another timer slack than {slack_ns} ns, and hands it on" >&2
    exit 1
fi
"""


GIVE = f"""\
mkdir -p {DROP_INS}
cat >{DROP_INS}/20-emulated.conf <<'DROP_IN'
[Service]
TimerSlackNSec={SLACK_NS // 1_000_000}ms
DROP_IN
systemctl daemon-reload
{_containerds(SLACK_NS)}"""
"""Before the cluster is made or started: gives slack to the kubelet and all that starts then."""
HERE = f"echo {SLACK_NS} >/proc/$$/timerslack_ns\n"
"""Gives it to the shell that runs this, and to what that starts."""
TAKE = _containerds(OWN_NS)
"""Once the cluster is up: what starts from now on has no more slack than anywhere."""
