"""
`lab nightly` from the first line on the screen to the exit status.

A thin driver: it measures by :mod:`lab.campaign`, and :mod:`lab.history` decides. What the night
told lies in the directory of its first stage, so that the history can be made anew from there.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab import campaign
from lab.comparability import check_names
from lab.controls import Controls
from lab.errors import LabError, told
from lab.history import known
from lab.history.changes import due
from lab.history.conclude import conclude
from lab.history.epochs import key_of
from lab.history.index import NIGHT, entry_of, open_history, write_night
from lab.history.night import Kind
from lab.history.screening import screen_night
from lab.plan import Ordering
from lab.records import RunStatus
from lab.report.night import acknowledgement, render
from lab.run import BENCH_FAILED
from lab.stats.screen import ROUNDS
from lab.store import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from lab.history.known import Known
    from lab.history.night import Entry, Night
    from lab.history.screening import Screened
    from lab.options import Wishes
    from lab.run import Run

REGRESSED = 4
"""
The exit status of a night with a confirmed regression.

The specification of the two stages says 3; here 3 is what a run says whose bench failed, which
means the opposite: that the night tells nothing and may be made again.
"""
SUMMARY = "night.md"
ACKNOWLEDGE = "acknowledge.toml"
REPORT = "report.html"
COPIED = (REPORT, "junit.xml", SUMMARY, NIGHT, ACKNOWLEDGE)
JOB_PAGE = "GITHUB_STEP_SUMMARY"
"""In the environment: the file whose Markdown GitHub shows on the page of a job."""


def run_nightly(
    wishes: Wishes,
    console: Console,
    *,
    known_file: Path | None = None,
    allowed: Sequence[str] = (),
    copy_to: Path | None = None,
) -> int:
    """
    Spend a night: measure, screen, measure again what stands out, and tell.

    The reports are copied to *copy_to*, for a pipeline to keep.

    Returns:
        :data:`REGRESSED` for a confirmed regression, 3 if the re-run could not be made, and
        otherwise the status of the first stage's run.
    """
    regressions = _known(known_file)
    wishes = replace(wishes, profile=wishes.profile or "standard")
    run, status = campaign.measure(wishes, console)
    if run.header.status is not RunStatus.COMPLETE:
        return status
    tonight = entry_of(run)
    check_names(allowed, [key_of(tonight)])
    entries = open_history(wishes.output, say=lambda text: console.print(text, soft_wrap=True))
    screened = screen_night(tonight, entries, known=regressions, allowed=allowed)
    rerun: Entry | None = None
    try:
        rerun = _measured_again(screened, wishes, console)
    except LabError as error:
        console.print(told(error), soft_wrap=True)
        status = BENCH_FAILED
    finally:
        # Also after Ctrl-C: the first stage is a night of the history, whatever became of it.
        night = conclude(screened, rerun, comments=due(screened))
        _tell(night, run, console)
        if copy_to is not None:
            _copy(run.path, wishes.output / rerun.run if rerun else None, copy_to)
    has_regressed = any(event.kind is Kind.REGRESSION for event in night.events)
    return REGRESSED if has_regressed else status


def again(screened: Screened, wishes: Wishes) -> Wishes:
    """What is asked of the second stage: the flagged cells and their controls, and no others."""
    return replace(
        wishes,
        cells=",".join(screened.cells),
        rounds=ROUNDS,
        controls=Controls.NONE,
        order=Ordering.SHUFFLED,
        budget_s=None,
        shard=None,
        seed=None,
    )


def _known(file: Path | None) -> tuple[Known, ...]:
    """The known regressions: of *file*, or of the default one if it is there."""
    default = Path(known.DEFAULT_FILE)
    if file is None and not default.exists():
        return ()
    return known.load(file or default)


def _measured_again(screened: Screened, wishes: Wishes, console: Console) -> Entry | None:
    if not screened.flagged:
        return None
    count = len(screened.flagged)
    console.print(f"{count} series stand out; measured again: {', '.join(screened.cells)}")
    run, _ = campaign.measure(again(screened, wishes), console)
    return entry_of(run)


def _copy(first: Path, second: Path | None, folder: Path) -> None:
    """Copy what people look at, and what explains it, to *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (first / name).exists():
            shutil.copyfile(first / name, folder / name)
    if second is not None and (second / REPORT).exists():
        shutil.copyfile(second / REPORT, folder / f"measured-again-{REPORT}")


def _tell(night: Night, run: Run, console: Console) -> None:
    """Record the night, and tell it wherever somebody may look."""
    write_night(run.path, night)
    text = render(night, run=run.header.id)
    write_report(run.path / SUMMARY, text)
    if lines := acknowledgement(night, day=run.header.created.date()):
        write_report(run.path / ACKNOWLEDGE, lines)
    console.print(text, soft_wrap=True)
    if page := os.environ.get(JOB_PAGE):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(text)
