"""The driver of the tutorial: what it reads, types, compares and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tutorial.likeness import differences, shape
from tests.tutorial.page import Step, steps, written
from tests.tutorial.play import play, shell, surroundings

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "2026-01-01T00-00-01-smoke", "2026-02-02T10-11-12-smoke"
PAGE = f"""# Title

<!-- play: slow first=1 last=1 makes={OLD} -->

```console
$ mkdir -p results/{NEW} && touch results/{NEW}/run.json && seq 3
1
...
3
```

Of run {OLD} is said:

```console
$ word=several
$ echo "$word \\
words of {OLD}"
several words of {OLD}
```

<!-- play: status=3 -->

```console
$ (exit 3)
```
"""


def test_a_page_is_read_as_it_is_written() -> None:
    first, second, third, fourth = steps(PAGE)

    assert first.is_slow
    assert (first.first, first.last, first.makes) == (1, 1, OLD)
    assert first.printed == ("1", "...", "3")
    assert (second.command, second.printed) == ("word=several", ())
    assert third.command.splitlines()[1] == f'words of {OLD}"'
    assert (fourth.status, fourth.printed) == (3, ())


@pytest.mark.parametrize(
    "page",
    ["```console\nprinted\n$ typed\n```\n", "<!-- play: sloow -->\n\n```console\n$ a\n```\n"],
)
def test_a_page_that_cannot_be_played_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match=r"begins with|'sloow'"):
        list(steps(page))


def test_a_played_page_is_the_same_but_for_the_names_of_its_runs(tmp_path: Path) -> None:
    with shell(tmp_path, env=surroundings()) as typing:
        played = play(list(steps(PAGE)), typing)

    assert played.wrong == []
    assert played.runs == {OLD: NEW}
    assert written(PAGE, played.steps, runs=played.runs) == PAGE.replace(OLD, NEW)


def test_what_differs_is_told(tmp_path: Path) -> None:
    page = "```console\n$ echo some words\nother words\n```\n\n```console\n$ false\n```\n"

    with shell(tmp_path, env=surroundings()) as typing:
        played = play(list(steps(page)), typing)

    assert played.wrong == [
        "$ echo some words", "- other words", "+ some words", "$ false", "status 1, not 0",
    ]  # fmt: skip


def test_a_recording_takes_what_is_printed(tmp_path: Path) -> None:
    page = "```console\n$ pwd; echo new\nold\n```\n"

    with shell(tmp_path, env=surroundings()) as typing:
        played = play(list(steps(page)), typing, records=True)

    assert written(page, played.steps, runs={}) == (
        "```console\n$ pwd; echo new\n~/kata-lab\nnew\n```\n"
    )


def test_what_reads_its_input_does_not_read_the_next_command(tmp_path: Path) -> None:
    with shell(tmp_path, env=surroundings()) as typing:
        assert typing.run("cat; export seen=1") == (0, [])
        assert typing.run("echo $seen; printf 'no end of line'") == (0, ["1", "no end of line"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"in {OLD} after 12 s", f"in {NEW} after 1 min 3 s"),
        ("72:9f:4c:60:5d:5d MTU 1440", "0a:58:0a:c0:b5:c8 MTU 1450"),
        ("lab 0.1.0 (code f980279df413)", "lab 0.2.0 (code 9e5a24a17897)"),
        ("± 4.2 %   assumed", "± 13 % assumed"),
    ],
)
def test_what_is_another_each_time_does_not_count(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"), [("better", "worse"), ("3 PASS", "3 FAIL"), ("kvm", "tcg"), ("", "a line")]
)
def test_words_count(one: str, other: str) -> None:
    assert differences(Step(command="x", printed=(one,)), [other])


def test_of_what_was_measured_only_the_first_line_is_compared() -> None:
    step = Step(command="x", printed=("first", "better"), is_loose=True)

    assert differences(step, ["first", "worse"]) == []
    assert differences(step, ["other", "better"])
