from __future__ import annotations

from typing import TYPE_CHECKING

from lab import report
from lab.outcome import Outcome
from lab.report import markdown, view
from lab.report.verdict import repeat_command
from lab.run import Run
from tests.fake_run import CHECKS, FakeRun, Trouble

if TYPE_CHECKING:
    from pathlib import Path


def summary(run: Run) -> str:
    return markdown.render(view.build(run))


def test_it_begins_with_the_verdict_and_the_banner(smoke: Run) -> None:
    title, banner = summary(smoke).split("\n\n")[:2]

    assert title.startswith("# ✓ 9 of 9 reference cells and 2 of 2 runc controls measured")
    assert banner.startswith("> **Emulated: these are not hardware's numbers.** /dev/kvm")


def test_the_matrix_is_a_table(smoke: Run) -> None:
    lines = [line for line in summary(smoke).splitlines() if line.startswith("|")]

    assert lines[0] == "|  | virtiofs | virtiofs-dax | 9p | devmapper |"
    assert len(lines) == 5
    assert all(line.count("|") == 6 for line in lines)
    assert "Mbit/s (0.05" in lines[2]
    assert "UNSUPPORTED" in lines[2]


def test_each_runtime_has_a_line(kata: Run) -> None:
    text = summary(kata)
    lines = [line for line in text.splitlines() if line.startswith("|")]

    assert lines[3].startswith("| tcfilter, kata-go | ")
    assert len(lines) == 8
    assert "Built locally, and not upstream's: kata-go 3.28.0, crictl v1.36.0." in text


def test_a_cell_is_repeated_with_its_artefacts(kata: Run) -> None:
    command = repeat_command(kata.header, "tcfilter+9p+kata-go")

    assert command.endswith(" --artefacts /built --lock /lock")


def test_failures_have_the_command_that_repeats_them(troubled: Run) -> None:
    text = summary(troubled)

    assert "- **BLOCKED** macvtap+9p+reference: its kernel panicked" in text
    assert "--cells macvtap+9p+reference" in text
    assert "  hint: A kernel gave up" in text


def test_markup_in_reasons_is_text(tmp_path: Path) -> None:
    reason = "a | b\n# <img src=x> [x](y) `c` **d** \x1b[31m@all"
    trouble = {"none+9p+reference": Trouble(Outcome.FAIL, reason, scenario=CHECKS[0])}
    text = summary(Run.load(FakeRun(trouble=trouble).write(tmp_path)))

    assert r"a \| b \# \<img src=x\> \[x\](y) \`c\` \*\*d\*\* \@all" in text


def test_a_plan_without_cells_has_a_summary(tmp_path: Path) -> None:
    assert "Nothing was measured" in summary(Run.load(FakeRun(cells=()).write(tmp_path)))


def test_write_makes_all_three_files(smoke: Run) -> None:
    report.write(smoke.path)

    for name in ("report.html", "summary.md", "junit.xml"):
        assert (smoke.path / name).stat().st_size > 1000
