"""Programs that are asked: what they say, or why they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.cluster.artefacts import program
from lab.errors import ArtefactError, CommandError

if TYPE_CHECKING:
    from pathlib import Path


def script(path: Path, text: str, *, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_an_answer_is_what_was_printed(tmp_path: Path) -> None:
    path = script(tmp_path / "p", '#!/bin/sh\necho "$@"\necho warning >&2\n')

    assert program.ask(path, "config", "a b") == "config a b\n"


def test_a_relative_path_is_no_program_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script(tmp_path / "ls", "#!/bin/sh\necho ours\n")
    monkeypatch.chdir(tmp_path)

    assert program.ask(path.relative_to(tmp_path)) == "ours\n"


def test_a_failure_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="status 3"):
        program.ask(script(tmp_path / "p", "#!/bin/sh\nexit 3\n"))


@pytest.mark.parametrize(("text", "mode"), [("\x7fELF", 0o755), ("#!/bin/sh\n", 0o644)])
def test_what_cannot_be_run_is_said(tmp_path: Path, text: str, mode: int) -> None:
    with pytest.raises(ArtefactError, match="cannot be run here") as caught:
        program.ask(script(tmp_path / "p", text, mode=mode))

    assert "linux on amd64" in caught.value.remedy
