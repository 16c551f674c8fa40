"""
What is done to a sandbox on purpose, and what must hold then.

A sandbox whose virtiofsd is killed must fail so that one sees it, and lose nothing that was written
with fsync. What is known to do otherwise is on record with its source, as of a storage
(:mod:`lab.posix`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.matrix import Runtime
from lab.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDS = "/lab/records"
ACKNOWLEDGED = 10
"""How many records are on the disk before the daemon is killed."""
DEADLINE_S = 60.0
"""From the first record to the end of the sandbox: Kata looks after it every 5 s (monitor.go)."""
WRITE_RECORDS = f"""\
mkdir -p $(dirname {RECORDS}); rm -f {RECORDS}; n=1
while echo $n | dd of={RECORDS} oflag=append conv=notrunc,fsync status=none; do n=$((n + 1)); done
exit 1
"""
"""Writes numbers, a line each, as long as it can. None is begun before the last one is synced."""

ALIVE, KEPT = "daemons that are alive", "records on the node"

MAPPED = "/lab/mapped"
MAPPED_MIB = 1
MAPPED_READ_S = 20
READ_MAPPED = f"""\
mkdir -p $(dirname {MAPPED})
dd if=/dev/zero of={MAPPED} bs=1M count={MAPPED_MIB} conv=fsync status=none
exec fio --name=mapped --filename={MAPPED} --size={MAPPED_MIB}m --bs=4k --rw=read\
 --ioengine=mmap --time_based --runtime={MAPPED_READ_S}
"""
"""Reads a file through a mapping, over and over again."""
SIGBUS = "signal=7"
"""How fio tells of a job that touched what is no longer there (backend.c, reap_threads)."""

HANGS: Mapping[Runtime, str] = {
    Runtime.REFERENCE: "QEMU's vhost-user-fs does not look after its daemon (vhost-user-fs.c has no"
    " handler of the socket's events); that is the runtime's task: kata-containers/runtime#2315",
    Runtime.KATA_RS: "runtime-rs only logs the end of virtiofsd (share_virtio_fs_standalone.rs,"
    " run_virtiofsd), and its health check asks the agent alone, which goes on to answer",
}
"""
By runtime: why it is known to hang when its virtiofsd is gone.

Kata's Go runtime stops the guest instead (qemu.go, setupVirtiofsDaemon).
"""


def kill_script(pids: str, changes: str) -> str:
    """The shell lines that kill *pids* once enough records are in the node's folder *changes*."""
    records = f"{changes}{RECORDS}"
    return (
        f'until [ -e {records} ] && [ "$(wc -l <{records})" -gt {ACKNOWLEDGED} ]; do'
        f" sleep 0.1; done; kill -9 {pids}"
    )


def aftermath(pids: str, changes: str) -> dict[str, str]:
    """What to ask the node afterwards: shell lines, by name."""
    return {
        ALIVE: f"for pid in {pids}; do [ ! -e /proc/$pid ] || echo $pid; done",
        KEPT: f"cat {changes}{RECORDS}",
    }


def truncate_script(changes: str) -> str:
    """The shell lines that empty the mapped file once it has been read for a while."""
    mapped = f"{changes}{MAPPED}"
    size = MAPPED_MIB << 20
    return (
        f'until [ -e {mapped} ] && [ "$(stat -c %s {mapped})" -eq {size} ]; do'
        f" sleep 0.1; done; sleep {MAPPED_READ_S // 2}; truncate -s 0 {mapped}"
    )


def judge(runtime: Runtime, *, kept: str, failure: str | None) -> tuple[Outcome, str]:
    """
    What it means that a sandbox of *runtime* has lost its virtiofsd.

    Args:
        kept: The records that are on the node afterwards.
        failure: How the sandbox told that it had failed; None if it hung up to the deadline.
    """
    if lost := _lost(kept):
        return Outcome.FAIL, lost
    known = HANGS.get(runtime)
    if failure is not None:
        if known is None:
            return Outcome.PASS, ""
        return Outcome.FAIL, f"expected it to hang ({known}), it failed: {failure}"
    hang = f"it hangs: {DEADLINE_S:g} s, and neither an error nor the end of the sandbox"
    return (Outcome.UNSUPPORTED, f"{hang} (known: {known})") if known else (Outcome.FAIL, hang)


def _lost(kept: str) -> str:
    """What of the acknowledged records is not there; a last one may be cut off."""
    found = kept.split("\n")[:-1]
    wanted = [str(number) for number in range(1, max(len(found), ACKNOWLEDGED) + 1)]
    for number, record in enumerate(wanted):
        if found[number : number + 1] != [record]:
            seen = found[number] if number < len(found) else "nothing"
            return f"of what was written with fsync, record {record} is lost: {seen!r} stands there"
    return ""
