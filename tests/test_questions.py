"""testinfra's questions, answered by a shell of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.command import Completed, run
from lab.questions import host_through

if TYPE_CHECKING:
    from pathlib import Path


def answer(line: str) -> Completed:
    return run(["sh", "-c", line], timeout_s=10, check=False)


def test_files_are_asked_about(tmp_path: Path) -> None:
    host = host_through(answer, name="here")
    (tmp_path / "a file").write_text("hello")

    assert host.file(f"{tmp_path}/a file").content_string == "hello"
    assert not host.file(f"{tmp_path}/another").exists


def test_a_question_may_be_a_command_with_arguments_to_quote() -> None:
    asked = host_through(answer, name="here").run("printf %%s %s; printf err >&2; exit 3", "a b;c")

    assert (asked.rc, asked.stdout, asked.stderr) == (3, "a b;c", "err")


def test_a_rebuilt_machine_does_not_answer_with_the_facts_of_the_old_one() -> None:
    old = host_through(lambda line: Completed((line,), 0, "old", "", 0.0), name="node-1")
    new = host_through(lambda line: Completed((line,), 0, "new", "", 0.0), name="node-1")

    assert old.check_output("uname") == "old"
    assert new.check_output("uname") == "new"
