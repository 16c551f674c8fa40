"""The pipelines' files: that they are what their readers expect, and their commands exist."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import nightly, verbs

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github/workflows/nightly.yml"
GITLAB = ROOT / ".ci/gitlab-nightly.yml"
WELL_KNOWN = {"actions/checkout", "actions/upload-artifact"}


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps() -> list[dict[str, Any]]:
    (job,) = read(GITHUB)["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def commands() -> list[tuple[str, list[str]]]:
    """Every command line of both pipelines, split into words."""
    github = [line for step in steps() for line in step.get("run", "").splitlines()]
    gitlab = [line for job in read(GITLAB).values() for line in job["script"]]
    return [
        (path.name, shlex.split(line))
        for path, lines in ((GITHUB, github), (GITLAB, gitlab))
        for line in lines
    ]


@pytest.mark.parametrize(("pipeline", "words"), commands())
def test_every_command_exists_and_takes_what_it_is_given(pipeline: str, words: list[str]) -> None:
    program, *rest = words
    if program != "./run":
        assert shutil.which(program), f"{pipeline} runs {program}"
        return
    session, *arguments = rest
    assert (ROOT / "run").stat().st_mode & 0o111
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert session in sessions
    parsed = verbs.parser().parse_args([session, *arguments])
    assert parsed.verb


def test_each_pipeline_spends_a_night() -> None:
    for pipeline in (GITHUB.name, GITLAB.name):
        assert [words[:2] for name, words in commands() if name == pipeline] == [
            ["./run", "nightly"]
        ]


def test_only_well_known_actions_are_used_each_by_its_major_version() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]

    assert {name.partition("@")[0] for name in used} == WELL_KNOWN
    assert all(re.fullmatch(r"[\w/-]+@v\d+", name) for name in used)


def test_history_lies_outside_the_checkout() -> None:
    (github,) = read(GITHUB)["jobs"].values()
    (gitlab,) = read(GITLAB).values()

    assert github["env"]["RESULTS"] == gitlab["variables"]["RESULTS"]
    assert Path(github["env"]["RESULTS"]).is_absolute()
    for _, words in commands():
        assert words[words.index("--output") + 1] == "$RESULTS"


def test_reports_are_kept_also_of_a_night_with_a_regression() -> None:
    keep = next(step for step in steps() if "upload-artifact" in step.get("uses", ""))
    (gitlab,) = read(GITLAB).values()
    copied = {words[words.index("--copy") + 1] for _, words in commands()}

    assert keep["if"] == "always()"
    assert gitlab["artifacts"]["when"] == "always"
    assert {keep["with"]["path"], *gitlab["artifacts"]["paths"]} == copied
    junit = Path(gitlab["artifacts"]["reports"]["junit"])
    assert junit.name in nightly.COPIED


def test_no_two_nights_are_spent_at_once() -> None:
    (gitlab,) = read(GITLAB).values()

    assert read(GITHUB)["concurrency"] == {"group": "nightly", "cancel-in-progress": False}
    assert gitlab["resource_group"] == "nightly"


def test_the_pipeline_asks_for_no_more_than_to_read() -> None:
    assert read(GITHUB)["permissions"] == {"contents": "read"}
    (checkout,) = (step for step in steps() if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"] == {"persist-credentials": False}


def test_it_begins_by_the_clock() -> None:
    # YAML 1.1 reads the key `on` as true.
    starts = read(GITHUB)[True]  # type: ignore[index]
    (schedule,) = starts["schedule"]

    assert starts.keys() == {
        "schedule",
        "workflow_dispatch",
    }  # and not for whoever asks for a merge
    assert len(schedule["cron"].split()) == 5


WEEKLY = ROOT / ".github/workflows/weekly.yml"


def test_what_takes_long_is_run_every_week() -> None:
    (job,) = read(WEEKLY)["jobs"].values()
    *_, last = job["steps"]

    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert last["run"] == "./run ${{ matrix.session }}"
    assert set(job["strategy"]["matrix"]["session"]) == {"chaos", "fuzz"} <= set(sessions)
    assert read(WEEKLY)["permissions"] == {"contents": "read"}
