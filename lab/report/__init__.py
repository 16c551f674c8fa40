"""
A run for people and for machines: the report, and with it all that it counts on.

``analysis.json`` is what it says, ``samples.csv`` what that is made from, for other tools.
All of it can be made again from the run's directory alone, on any machine; but what the runs
beside it tell of the time before is in the report only where they are.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


def write(run_dir: Path) -> None:
    """
    Write all reports of the run in *run_dir* beside its results.

    Raises:
        StoreError: if the run cannot be read, or the reports cannot be written.
    """
    # scipy and jinja2 are slow to import, and who only asks for a sentence needs neither.
    from lab.analysis import analyse, to_json  # noqa: PLC0415
    from lab.history.index import open_history  # noqa: PLC0415
    from lab.report import html, junit, markdown, tidy, view  # noqa: PLC0415
    from lab.run import Run  # noqa: PLC0415
    from lab.store import write_report  # noqa: PLC0415

    run = Run.load(run_dir)
    analysis = analyse(run)
    write_report(run_dir / "analysis.json", to_json(analysis).decode())
    history = open_history(run.path.resolve().parent, say=log.info)
    report = view.build(run, analysis, history=history)
    write_report(run_dir / "report.html", html.render_report(report))
    write_report(run_dir / "samples.csv", tidy.render(run))
    write_report(run_dir / "summary.md", markdown.render(report))
    write_report(run_dir / "junit.xml", junit.render(run))
