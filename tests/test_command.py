from __future__ import annotations

import gc
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from lab import command
from lab.command import Completed, attached, run, running
from lab.errors import CommandError, HostError
from lab.interrupt import as_interrupt
from lab.wait import Pending, wait_for
from tests.fakes import wait_until_dead

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = "no-such-program-anywhere"


def shell(script: str, *, timeout_s: float = 10, **how: Any) -> Completed:  # noqa: ANN401 - run's
    return run(["sh", "-c", script], timeout_s=timeout_s, **how)


def test_what_a_program_says_is_kept_apart() -> None:
    done = shell("echo out; echo err >&2")

    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    assert done.argv == ("sh", "-c", "echo out; echo err >&2")


def test_no_shell_reads_the_arguments() -> None:
    assert run(["printf", "%s", "$HOME; *"], timeout_s=10).stdout == "$HOME; *"


def test_a_path_is_an_argument(tmp_path: Path) -> None:
    assert run(["ls", tmp_path], timeout_s=10).argv == ("ls", str(tmp_path))


def test_a_failure_raises_with_what_was_said() -> None:
    with pytest.raises(CommandError, match="sh exited with status 3") as caught:
        shell("echo why >&2; exit 3")

    assert caught.value.completed.returncode == 3
    assert caught.value.__notes__ == ["its last words:\n  why"]


def test_a_failure_may_be_asked_for() -> None:
    assert shell("exit 3", check=False).returncode == 3


def test_a_program_has_an_empty_input_unless_it_is_given_one() -> None:
    assert shell("cat").stdout == ""
    assert shell("cat", stdin="hello").stdout == "hello"


def test_output_can_be_parsed_wherever_the_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")

    assert shell("echo $LC_ALL").stdout == "C.UTF-8\n"


def test_the_environment_is_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "one")

    assert shell("echo $INHERITED $ADDED", env={"ADDED": "two"}).stdout == "one two\n"


def test_bytes_that_are_no_text_do_not_hurt() -> None:
    assert shell(r"printf 'a\377b'").stdout == "a\N{REPLACEMENT CHARACTER}b"


def test_a_missing_program_is_the_hosts_fault() -> None:
    with pytest.raises(HostError, match=f"{ABSENT} is not installed"):
        run([ABSENT], timeout_s=10)


def test_who_takes_too_long_is_killed() -> None:
    with pytest.raises(CommandError, match=r"sleep was killed after 0\.05 s") as caught:
        run(["sleep", "60"], timeout_s=0.05, check=False)

    assert caught.value.completed.returncode == -signal.SIGKILL


@pytest.fixture
def deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file: as soon as a program makes it, its deadline has passed."""
    path = tmp_path / "deadline"
    communicate = subprocess.Popen.communicate

    def passes() -> None:
        if not path.exists():
            raise Pending("time is left")

    def until_then(
        process: subprocess.Popen[str], text: str | None = None, timeout: float | None = None
    ) -> tuple[str, str]:
        if text is None:
            return communicate(process, timeout=timeout)
        assert timeout is not None
        wait_for("the deadline", passes, timeout_s=timeout, every_s=0.01, remedy="none")
        raise subprocess.TimeoutExpired(process.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", until_then)
    return path


def test_timeout_kills_grandchildren(deadline: Path) -> None:
    with pytest.raises(CommandError, match="sh was killed after 10 s") as caught:
        shell(f"sleep 60 & echo $!; touch {deadline}; wait")

    wait_until_dead(int(caught.value.completed.stdout))


def test_timeout_keeps_what_was_said_before_it(deadline: Path) -> None:
    with pytest.raises(CommandError) as caught:
        shell(f"echo so far; echo words >&2; touch {deadline}; exec sleep 60")

    assert caught.value.completed.stdout == "so far\n"
    assert caught.value.__notes__ == ["its last words:\n  words"]


def test_a_deadline_holds_although_somebody_else_has_the_programs_output(
    deadline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ssh's master has that of its clients."""
    monkeypatch.setattr(command, "LAST_WORDS_S", 0.1)

    with pytest.raises(CommandError, match="sh was killed after 10 s") as caught:
        shell(f"setsid sleep 60 & echo $!; touch {deadline}; wait")

    os.kill(int(caught.value.completed.stdout), signal.SIGKILL)


def test_interrupt_kills_the_program_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[subprocess.Popen[str], int]] = []

    def interrupted(process: subprocess.Popen[str], *_: object, **__: object) -> None:
        assert process.stdout
        seen.append((process, int(process.stdout.readline())))
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)

    with pytest.raises(KeyboardInterrupt):
        shell("sleep 60 & echo $!; wait")

    ((process, child),) = seen
    assert process.returncode == -signal.SIGKILL
    wait_until_dead(child)


def test_a_signal_while_it_is_waited_for_leaves_no_zombie(monkeypatch: pytest.MonkeyPatch) -> None:
    """subprocess waits a quarter of a second for what Ctrl-C ends, and then never again."""
    seen: list[subprocess.Popen[str]] = []
    communicate = subprocess.Popen.communicate

    def noted(process: subprocess.Popen[str], text: str, timeout: float) -> tuple[str, str]:
        seen.append(process)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        return communicate(process, text, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", noted)
    before = signal.signal(signal.SIGALRM, as_interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(["sleep", "60"], timeout_s=10)
    finally:
        signal.signal(signal.SIGALRM, before)

    (process,) = seen
    assert process.returncode == -signal.SIGKILL


def test_a_terminals_interrupt_does_not_reach_the_program() -> None:
    """It leads a session of its own: the lab decides when it ends, not the keyboard."""
    done = shell("cut -d' ' -f1,6 /proc/self/stat; echo $$")

    _, session, leader = done.stdout.split()
    assert session == leader


def test_a_command_line_can_be_pasted() -> None:
    done = Completed(("echo", "a b", "$x"), 0, "", "", 0.0)

    assert done.command_line == "echo 'a b' '$x'"


def test_a_background_program_ends_with_its_block() -> None:
    with running(["sleep", "60"]) as process:
        assert process.poll() is None

    assert process.returncode == -signal.SIGTERM


def test_a_background_program_ends_with_an_exception_in_its_block() -> None:
    with pytest.raises(ZeroDivisionError), running(["sleep", "60"]) as process:
        _ = 1 / 0

    assert process.returncode == -signal.SIGTERM


def test_a_background_programs_children_end_with_it(tmp_path: Path) -> None:
    said = tmp_path / "said"

    def child() -> int:
        text = said.read_text()
        if not text.endswith("\n"):
            raise Pending("no pid yet")
        return int(text)

    with (
        said.open("w") as output,
        running(["sh", "-c", "sleep 60 & echo $!; wait"], output=output),
    ):
        pid = wait_for("the child", child, timeout_s=5, every_s=0.01, remedy="none")

    wait_until_dead(pid)


def test_who_ignores_the_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "TERMINATE_GRACE_S", 0.05)
    said = tmp_path / "said"

    def deaf() -> None:
        if not said.read_text():
            raise Pending("it can still hear")

    script = "trap '' TERM; echo deaf; while :; do sleep 60; done"
    with said.open("w") as output, running(["sh", "-c", script], output=output) as process:
        wait_for("the trap", deaf, timeout_s=5, every_s=0.01, remedy="none")

    assert process.returncode == -signal.SIGKILL


def test_a_background_program_may_end_by_itself() -> None:
    with running(["sh", "-c", "exit 4"]) as process:
        process.wait(10)

    assert process.returncode == 4


def test_both_outputs_of_a_background_program_go_to_one_file(tmp_path: Path) -> None:
    said = tmp_path / "said"

    with (
        said.open("w") as output,
        running(["sh", "-c", "echo out; echo $WORD >&2"], output=output, env={"WORD": "err"}) as it,
    ):
        it.wait(10)

    assert said.read_text() == "out\nerr\n"


def test_a_missing_background_program_is_the_hosts_fault() -> None:
    with pytest.raises(HostError, match=f"{ABSENT} is not installed"), running([ABSENT]):
        pass


def test_a_program_on_the_users_terminal_hands_back_its_status() -> None:
    assert attached(["sh", "-c", "exit 5"]) == 5


def test_a_missing_program_on_the_users_terminal_is_the_hosts_fault() -> None:
    with pytest.raises(HostError, match=f"{ABSENT} is not installed"):
        attached([ABSENT])


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_program_that_hangs_in_the_kernel_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even SIGKILL ends it then; Popen would wait for it without end."""
    spared: list[int] = []
    monkeypatch.setattr(command, "REAPED_S", 0.05)
    monkeypatch.setattr(command, "LAST_WORDS_S", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr("os.killpg", lambda pid, _signal: spared.append(pid))

        with pytest.raises(CommandError, match="was killed after") as caught:
            command.run(["sleep", "60"], timeout_s=0.05)

    (pid,) = spared
    assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it is still there"
    assert caught.value.completed.returncode == -signal.SIGKILL
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    del caught
    gc.collect()  # what Popen warns of, here, where it is ignored
