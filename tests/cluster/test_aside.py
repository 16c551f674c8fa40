"""Where a cluster's own programs run, by a shell whose cgroups are a folder."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.cluster import aside

if TYPE_CHECKING:
    from pathlib import Path

KUBELET = 7


def moved(root: Path, *refused: int) -> list[str]:
    """Which programs of a node below *root* are moved, where taskset has *refused* some."""
    programs = (
        f"systemctl() {{ echo {KUBELET}; }}\n"
        'taskset() { for last; do :; done; echo "$last" >&3; '
        f'case " {" ".join(map(str, refused))} " in *" $last "*) return 1 ;; esac; }}\n'
    )
    script = programs + aside.MOVE.replace("/proc/", f"{root}/proc/").replace("/sys/", f"{root}/")
    done = subprocess.run(
        ["/bin/sh", "-euc", f"exec 3>&1\n{script}"], text=True, check=True, stdout=subprocess.PIPE
    )
    return done.stdout.split()


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node with two pods, of one and two programs; 12 has ended since it was listed."""
    for pod, programs in {"burstable/etcd": "10\n", "proxy": "11\n12\n"}.items():
        (tmp_path / "fs/cgroup/kubepods.slice" / pod).mkdir(parents=True)
        (tmp_path / "fs/cgroup/kubepods.slice" / pod / "cgroup.procs").write_text(programs)
    for program in (KUBELET, 10, 11):
        (tmp_path / "proc" / str(program)).mkdir(parents=True)
    return tmp_path


def test_the_kubelet_and_all_that_pods_run_is_moved_aside(node: Path) -> None:
    kubelet, *others = moved(node, 12)
    assert kubelet == str(KUBELET)
    assert sorted(others) == ["10", "11", "12"]


def test_a_program_that_cannot_be_moved_is_an_error(node: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        moved(node, 11)
