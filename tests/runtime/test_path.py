from __future__ import annotations

import subprocess

import pytest

from lab.network.pod import CALICO_ROUTES
from lab.runtime import path
from tests.evidence import captured

FOLDER, DISK = captured("tcfilter+virtiofs+reference"), captured("macvtap+devmapper+reference")


def test_the_node_is_asked_for_its_way_to_the_pod_and_for_its_ends_of_pairs() -> None:
    assert FOLDER.pod.routes == CALICO_ROUTES
    assert path.questions(FOLDER.pod) == {
        path.WAY: "ip route get 10.192.181.56",
        path.VETHS: "ip -j link show type veth",
    }


def test_a_folder_is_looked_for_where_qemu_sees_it_mounted() -> None:
    assert path.mount_question(FOLDER.volume, "$(cat /run/qemu.pid)") == {
        path.SHARED_MOUNT: "for pid in $(cat /run/qemu.pid);"
        " do grep -F ' /run/kata-lab/boot1/shared/rootfs ' /proc/$pid/mounts; done"
    }


def test_a_disk_is_mounted_nowhere_on_the_node() -> None:
    assert path.mount_question(DISK.volume, "7") == {}


@pytest.mark.parametrize(
    "line",
    [
        *path.questions(FOLDER.pod).values(),
        *path.mount_question(FOLDER.volume, "$(pgrep -f qemu)").values(),
        *path.IN_GUEST.values(),
    ],
)
def test_every_question_is_one_that_a_shell_understands(line: str) -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=line, text=True, capture_output=True, check=True)

    assert done.stderr == ""
