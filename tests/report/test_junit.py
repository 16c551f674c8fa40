from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import msgspec

from lab.outcome import Outcome
from lab.records import Leaks
from lab.report import junit
from lab.run import Run
from tests.fake_run import CHECKS, METRICS, FakeRun, Trouble, repeated

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element


MACHINE = "this machine"


def root(run: Run) -> Element:
    return ElementTree.fromstring(junit.render(run))  # noqa: S314 - our own


def cases(run: Run, cell: str) -> list[Element]:
    return [case for case in root(run).iter("testcase") if case.get("classname") == cell]


def test_a_case_is_a_scenario_of_a_cell(smoke: Run) -> None:
    names = {case.get("name") for case in cases(smoke, "none+9p+reference")}

    assert CHECKS[0] in names
    assert METRICS[0].scenario in names


def test_metrics_are_properties(smoke: Run) -> None:
    case = next(
        c for c in cases(smoke, "none+9p+reference") if c.get("name") == METRICS[0].scenario
    )

    (written,) = case.iter("property")
    value, unit = written.get("value", "").split()
    assert (written.get("name"), unit) == ("tcp_out_goodput", "bit/s")
    assert float(value) > 0


def test_outcomes_keep_their_meaning(troubled: Run) -> None:
    dax = cases(troubled, "macvtap+virtiofs-dax+reference")
    blocked = cases(troubled, "macvtap+9p+reference")
    failed = [
        c for c in cases(troubled, "none+devmapper+reference") if c.find("failure") is not None
    ]
    invalid = [
        c for c in cases(troubled, "tcfilter+virtiofs+reference") if c.find("error") is not None
    ]

    assert all("UNSUPPORTED: QEMU" in (c.find("skipped").get("message") or "") for c in dax)  # type: ignore[union-attr]
    assert all(c.find("error").get("type") == "BLOCKED" for c in blocked)  # type: ignore[union-attr]
    assert "Kernel panic" in (blocked[0].findtext("error") or "")
    assert len(failed) == 2
    assert len(invalid) == 19
    assert not [c for c in invalid if c.find("properties") is not None]


def test_totals_add_up(troubled: Run) -> None:
    document = root(troubled)

    for name in ("tests", "failures", "errors", "skipped"):
        suites = [int(suite.get(name, "")) for suite in document.iter("testsuite")]
        assert int(document.get(name, "")) == sum(suites)
    assert document.get("failures") == "2"
    assert document.get("errors") == str(19 * 5 + 19)


def test_cases_of_several_rounds_have_different_names(troubled: Run) -> None:
    names = [(case.get("classname"), case.get("name")) for case in root(troubled).iter("testcase")]

    assert len(set(names)) == len(names)


def test_control_bytes_become_visible(tmp_path: Path) -> None:
    trouble = {
        "none+9p+reference": Trouble(
            Outcome.FAIL,
            "a\x00b <&\"'",
            console=("\x1b[31mpanic\x07 \ud800".encode("utf-8", "replace").decode(),),
        )
    }
    run = Run.load(FakeRun(trouble=trouble).write(tmp_path))

    failure = cases(run, "none+9p+reference")[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "FAIL: a#x00b <&\"'"
    assert failure.text == "#x1B[31mpanic#x07 ?"


def test_a_run_without_outcomes_is_valid_xml(tmp_path: Path) -> None:
    assert root(Run.load(FakeRun(cells=()).write(tmp_path))).get("tests") == "0"


def test_a_boot_that_was_made_again_is_a_suite_and_cases_of_its_own(tmp_path: Path) -> None:
    run = Run.load(repeated().write(tmp_path))

    suites = [suite.get("name") for suite in root(run).iter("testsuite")]
    names = [case.get("name") for case in cases(run, "tcfilter+9p+reference")]
    assert "tcfilter+9p+reference-r1-a2" in suites
    assert f"{METRICS[0].scenario}[r1]" in names
    assert f"{METRICS[0].scenario}[r1-a2]" in names


def test_that_nothing_is_left_behind_is_a_case_of_its_own(tmp_path: Path) -> None:
    store = FakeRun().write(tmp_path)
    assert not cases(Run.load(store), MACHINE)

    for leaks, errors in (((), 0), (("domain lab-1-node-1",), 1)):
        (store / "leaks.json").write_bytes(msgspec.json.encode(Leaks(leaks=leaks)))
        document = root(Run.load(store))
        (case,) = cases(Run.load(store), MACHINE)
        assert len(case.findall("error")) == errors
        assert document.get("errors") == str(errors)
        assert document.get("tests") == str(len(list(document.iter("testcase"))))
