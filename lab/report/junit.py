"""The run as JUnit XML: one test suite a boot, one test case a scenario."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lab.outcome import Outcome
from lab.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.plan import Boot
    from lab.records import OutcomeRecord
    from lab.run import Run
    from lab.sample import Sample

ELEMENT = {
    Outcome.FAIL: "failure",
    Outcome.BLOCKED: "error",
    Outcome.INVALID: "error",
    Outcome.INFRA: "error",
    Outcome.UNSUPPORTED: "skipped",
    Outcome.NOT_RUN: "skipped",
}


def render(run: Run) -> str:
    """Write the outcomes, with each scenario's valid samples as properties."""
    outcomes: dict[str, list[OutcomeRecord]] = defaultdict(list)
    for record in run.outcomes:
        outcomes[record.boot].append(record)
    samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in run.valid_samples:
        samples[sample.boot, sample.scenario].append(sample)

    root = _element(None, "testsuites", name=run.header.id, **_totals(run.outcomes))
    _machine(root, run)
    for boot in run.order:
        if records := outcomes[boot.id]:
            suite = _element(
                root,
                "testsuite",
                name=boot.id,
                timestamp=f"{min(r.started for r in records):%Y-%m-%dT%H:%M:%S}",
                **_totals(records),
            )
            for record in records:
                name = _name(record, boot, rounds=run.header.plan.rounds)
                _case(suite, name, record, samples[record.boot, record.scenario])
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _machine(root: Element, run: Run) -> None:
    """That the machine is as it was before; nothing where nobody has looked."""
    if run.leaks is None:
        return
    leaks = run.leaks.leaks
    totals = {"tests": "1", "failures": "0", "errors": str(int(bool(leaks))), "skipped": "0"}
    suite = _element(root, "testsuite", name="this machine", time="0.000", **totals)
    case = _element(
        suite, "testcase", classname="this machine", name="nothing is left behind", time="0.000"
    )
    if leaks:
        message = f"{Outcome.INFRA}: left behind: {'; '.join(leaks)}"
        _element(case, "error", message=message, type=Outcome.INFRA.value)


def _name(record: OutcomeRecord, boot: Boot, *, rounds: int) -> str:
    """With several rounds the round is in the name: viewers merge cases of one name."""
    again = f"-a{boot.attempt}" if boot.attempt > 1 else ""
    return f"{record.scenario}[r{boot.round}{again}]" if rounds > 1 or again else record.scenario


def _case(suite: Element, name: str, record: OutcomeRecord, samples: Sequence[Sample]) -> None:
    case = _element(
        suite, "testcase", classname=record.cell, name=name, time=f"{record.elapsed_s:.3f}"
    )
    if samples:
        properties = _element(case, "properties")
        for sample in samples:
            value = f"{sample.value!r} {sample.metric.unit}"
            _element(properties, "property", name=sample.metric.name, value=value)
    if element := ELEMENT.get(record.outcome):
        message = f"{record.outcome}: {record.reason}"
        said = _element(case, element, message=message, type=record.outcome.value)
        said.text = visible("\n".join(record.console_tail)) or None


def _totals(records: Sequence[OutcomeRecord]) -> dict[str, str]:
    kinds = Counter(ELEMENT.get(record.outcome) for record in records)
    return {
        "tests": str(len(records)),
        "failures": str(kinds["failure"]),
        "errors": str(kinds["error"]),
        "skipped": str(kinds["skipped"]),
        "time": f"{sum(record.elapsed_s for record in records):.3f}",
    }


def _element(parent: Element | None, tag: str, **attributes: str) -> Element:
    shown = {key: visible(value) for key, value in attributes.items()}
    return Element(tag, shown) if parent is None else SubElement(parent, tag, shown)
