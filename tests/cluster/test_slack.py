"""The timer slack of a cluster's own programs, by a shell whose /proc is a folder."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.cluster import slack

if TYPE_CHECKING:
    from pathlib import Path


def run(script: str, root: Path) -> None:
    """Run *script* on a node below *root* whose containerd has the threads 7, 8 and 9."""
    systemctl = 'systemctl() { case "$*" in *MainPID*) echo 7 ;; esac; }\n'
    there = script.replace("/proc/", f"{root}/proc/").replace("/run/", f"{root}/run/")
    subprocess.run(["/bin/sh", "-eu"], input=systemctl + there, text=True, check=True)


def test_slack_is_given_to_what_starts_until_it_is_taken(tmp_path: Path) -> None:
    for thread in ("7", "8"):  # 9 is gone by the time it is its turn
        (tmp_path / "proc" / thread).mkdir(parents=True)
    for thread in ("7", "8", "9"):
        (tmp_path / "proc/7/task" / thread).mkdir(parents=True)

    def seen() -> set[str]:
        return {path.read_text() for path in tmp_path.glob("proc/*/timerslack_ns")}

    run(slack.GIVE, tmp_path)
    assert seen() == {"20000000\n"}
    (kubelets,) = (tmp_path / "run/systemd/system/kubelet.service.d").iterdir()
    assert kubelets.read_text() == "[Service]\nTimerSlackNSec=20ms\n"

    run(slack.TAKE, tmp_path)
    assert seen() == {"50000\n"}


def test_slack_that_cannot_be_taken_back_is_an_error_and_not_handed_on(tmp_path: Path) -> None:
    (tmp_path / "proc/7/task/7").mkdir(parents=True)
    (tmp_path / "proc/7/timerslack_ns").symlink_to("/dev/null")

    with pytest.raises(subprocess.CalledProcessError):
        run(slack.TAKE, tmp_path)
