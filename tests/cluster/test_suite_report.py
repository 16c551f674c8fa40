"""Reports of upstream's suites, held against what is left out and what is known to fail."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from lab.cluster import suite_report
from lab.cluster.suite_report import CRITEST, Summary, broken, summarise
from lab.errors import ToolOutputError
from lab.matrix import KATA, Runtime

TEST = CRITEST.begins
DATA = Path(__file__).parents[1] / "data" / "critest"
DRY_RUN = (DATA / "1.36.0-dry-run.xml").read_text(encoding="utf-8")
NO_RUNTIME = (DATA / "1.36.0-no-runtime.xml").read_text(encoding="utf-8")
HOST_NETWORK = "Security Context NamespaceOption runtime should support HostNetwork is true"
OTHER = "Security Context NamespaceOption runtime should support HostNetwork is false"


def names(report: str) -> dict[str, str]:
    """The status of each test, by name."""
    return {
        case.get("name", "").removeprefix(CRITEST.begins): case.get("status", "")
        for case in ElementTree.fromstring(report).iter("testcase")  # noqa: S314 - our own
        if case.get("name", "").startswith(CRITEST.begins)
    }


def summary(report: str, runtime: Runtime = Runtime.KATA_GO) -> Summary:
    return summarise(CRITEST, report, handler="tcfilter-virtiofs-kata-go", runtime=runtime)


def test_what_is_left_out_is_named_with_its_reason_and_critest_skips_no_more() -> None:
    found = summary(DRY_RUN, Runtime.RUNC)

    skipped = {name for name, status in names(DRY_RUN).items() if status == "skipped"}
    assert set(found.left_out) == {name for name in skipped if "benchmark" not in name}
    assert found.left_out["Image Manager public image should timeout if requested"
                          " [Conformance] [Serial]"] == "it pulls images"  # fmt: skip
    assert len(found.passed) == 90
    assert not found.failed
    assert found.is_good


@pytest.mark.parametrize("left", CRITEST.left_out, ids=lambda left: left.pattern)
def test_every_pattern_of_what_is_left_out_names_a_test(
    left: suite_report.LeftOut,
) -> None:
    matching = [status for name, status in names(DRY_RUN).items() if re.search(left.pattern, name)]

    assert set(matching) == {"skipped"}


@pytest.mark.parametrize("known", CRITEST.known, ids=lambda known: known.pattern)
def test_what_is_known_to_fail_is_one_test_that_is_run(known: suite_report.Known) -> None:
    matching = [status for name, status in names(DRY_RUN).items() if re.search(known.pattern, name)]

    assert matching == ["passed"]


def test_a_failure_that_is_known_is_no_failure_and_one_that_is_not_is_told() -> None:
    found = summary(NO_RUNTIME)

    assert found.known[HOST_NETWORK] == "docs/Limitations.md, Host network"
    assert "validate service connection" in found.failed[OTHER]
    assert HOST_NETWORK not in found.failed
    assert not found.is_good


def test_what_is_known_of_kata_is_not_known_of_runc() -> None:
    found = summary(NO_RUNTIME, Runtime.RUNC)

    assert not found.known
    assert HOST_NETWORK in found.failed


def test_what_nobody_asked_for_is_not_counted() -> None:
    found = summary(NO_RUNTIME)

    assert len(found.failed) + len(found.known) == 15
    assert "DNS config" not in " ".join((*found.failed, *found.known, *found.left_out))
    assert all(reason for reason in found.left_out.values())


def test_what_is_known_to_fail_and_works_is_told_apart() -> None:
    found = summary(DRY_RUN)

    assert len(found.works_now) == len(CRITEST.known)
    assert found.is_good, "that is no failure"
    assert HOST_NETWORK not in found.passed


def test_what_critest_itself_skips_is_left_out_in_its_words() -> None:
    report = DRY_RUN.replace(
        f'"{TEST}{OTHER}" classname="CRI validation" status="passed" time="0"></testcase>',
        f'"{TEST}{OTHER}" status="skipped"><skipped message="skipped - not here"/></testcase>',
    )

    assert summary(report).left_out[OTHER] == "critest says: skipped - not here"


@pytest.mark.parametrize("status", ["failed", "panicked", "timedout", "interrupted"])
def test_however_a_test_comes_to_a_bad_end_it_has_failed(status: str) -> None:
    report = DRY_RUN.replace(f'{OTHER}" classname="CRI validation" status="passed"',
                             f'{OTHER}" classname="CRI validation" status="{status}"')  # fmt: skip

    assert summary(report).failed == {OTHER: status}


def test_a_critest_that_was_cut_short_has_failed_in_a_test_that_is_known_to_fail_too() -> None:
    report = f'<testsuites><testcase name="{TEST}{HOST_NETWORK}" status="timedout"/></testsuites>'

    assert summary(report).failed == {HOST_NETWORK: "timedout"}


def test_one_test_that_works_now_is_good() -> None:
    report = f'<testsuites><testcase name="{TEST}{HOST_NETWORK}" status="passed"/></testsuites>'

    assert summary(report).is_good


@pytest.mark.parametrize("report", ["", "cat: no such file", "<testsuites><testsuite>"])
def test_what_is_no_report_is_an_error(report: str) -> None:
    with pytest.raises(ToolOutputError, match="the report of critest is no XML"):
        summary(report)


def test_a_report_without_a_test_is_not_good() -> None:
    assert not summary("<testsuites/>").is_good


def test_a_summary_is_filed_with_names_and_reasons() -> None:
    found = summary(NO_RUNTIME)

    assert msgspec.json.decode(suite_report.render(found), type=Summary) == found


def test_a_summary_is_told_in_a_line() -> None:
    assert str(summary(NO_RUNTIME)).startswith(
        "tcfilter-virtiofs-kata-go: 0 passed, 14 failed, 1 failed as known, "
    )
    assert not broken(CRITEST, "runc", "ssh failed").is_good


def test_the_lists_are_of_kata_alone() -> None:
    assert {runtime for known in CRITEST.known for runtime in known.runtimes} == set(KATA)
