"""
What one of upstream's suites found of a handler, held against what is known.

Two lists for each: what is left out, because it cannot be tried on a node without a network, and
what is known to fail with a runtime of Kata, with the source of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lab.decode import DecodeError, xml
from lab.errors import ToolOutputError
from lab.matrix import KATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from lab.matrix import Runtime

_PASSED = "passed"
_KINDS = (_PASSED, "failed", "known", "works_now", "left_out")
_CUT_SHORT = frozenset({"timedout", "interrupted", "aborted"})
"""How a test ends when its whole program does; those after it are not run, without a reason."""
_NOT_ASKED = "skipped"
"""ginkgo's message of a test that it was told to skip; the programs' own say more."""
MESSAGE_CHARS = 400


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Tests that are not run."""

    pattern: str
    """A regular expression, found in their names."""
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """Tests that are known to fail with some runtimes."""

    pattern: str
    source: str
    runtimes: Sequence[Runtime] = KATA


@dataclass(frozen=True, slots=True)
class Suite:
    """Upstream's tests in one program."""

    program: str
    begins: str
    """What the name of each test begins with, as ginkgo reports it."""
    left_out: Sequence[LeftOut]
    known: Sequence[Known]


_ONLY_NGINX = "it needs an image of nginx, which critest names itself"
_LEFT_OUT_BY_CRITEST = (
    LeftOut("Image Manager", "it pulls images"),
    LeftOut("Image Consistency", "it pulls images"),
    LeftOut("Image Identifier Consistency", "it pulls images"),
    LeftOut("Multiple Containers", "it needs an image of httpd, which critest names itself"),
    LeftOut("NamespaceOption .* HostPID", _ONLY_NGINX),
    LeftOut("NamespaceOption .* PodPID", _ONLY_NGINX),
    LeftOut("NamespaceOption .* ContainerPID", _ONLY_NGINX),
    LeftOut("SupplementalGroupsPolicy", "it needs an image that critest names itself"),
    LeftOut("NoNewPrivs", "it needs an image that critest names itself"),
    LeftOut("portforward in host network", "it needs an image that critest names itself"),
    LeftOut("host port and container port", "the lab's CNI network maps no ports of the node"),
)
"""Sources: cri-tools 1.36, pkg/validate (consts.go, image*.go, security_context_linux.go)."""

_NO_SECCOMP = "disable_guest_seccomp is true by default (src/runtime/Makefile, and runtime-rs's)"
_KNOWN_TO_CRITEST = (
    Known("HostNetwork is true", "docs/Limitations.md, Host network"),
    Known("HostIpc is true", "a guest has a kernel, and so System V objects, of its own"),
    Known("'rshared' should support propagation", "kata-containers/runtime#1299"),
    Known(
        r"should support portforward \[Conformance\]",
        "kata-containers/runtime#1834: containerd asks for the port in the pod's namespace, where"
        " the guest is not; Kata skips its own test (k8s-port-forward.bats)",
    ),
    Known("seccomp localhost profile", _NO_SECCOMP),
    Known("seccomp default on the container", _NO_SECCOMP),
    Known("seccomp profile that blocks setting hostname with SYS_ADMIN", _NO_SECCOMP),
)
"""By name; read in Kata's sources, at 3.28.0 and 4.1.0, and its issues."""
CRITEST = Suite(
    program="critest",
    begins="[It] [k8s.io] ",
    left_out=_LEFT_OUT_BY_CRITEST,
    known=_KNOWN_TO_CRITEST,
)
E2E = Suite(
    program="e2e.test",
    begins="[It] [sig-network] ",
    left_out=(
        LeftOut(r"\[Slow\]", "it takes too long"),
        LeftOut(r"\[Disruptive\]|\[Serial\]", "it wants the cluster to itself"),
        LeftOut(r"\[Feature:|\[FeatureGate:", "it needs what this cluster has not"),
    ),
    known=(
        Known("node-pod communication", "docs/Limitations.md, Host network: it starts such a pod"),
    ),
)
"""Kubernetes' own, of which those of the network are run. Source: test/e2e/common/network."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the tests of one handler, by name."""

    handler: str
    passed: tuple[str, ...] = ()
    failed: dict[str, str] = {}
    """With what was said: nobody knew of these."""
    known: dict[str, str] = {}
    """Those that failed as they are known to, with the source."""
    works_now: dict[str, str] = {}
    """Those that are known to fail, and passed: the source."""
    left_out: dict[str, str] = {}
    """With the reason."""

    @property
    def is_good(self) -> bool:
        """Whether tests were run, and none failed that is not known to."""
        return bool(self.passed or self.known or self.works_now) and not self.failed

    def __str__(self) -> str:
        counts = {
            "passed": len(self.passed) + len(self.works_now),
            "failed": len(self.failed),
            "failed as known": len(self.known),
            "left out": len(self.left_out),
        }
        return f"{self.handler}: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def broken(suite: Suite, handler: str, problem: str) -> Summary:
    """What there is to say of a *handler* when the program itself came to no report."""
    return Summary(handler=handler, failed={suite.program: problem})


def render(summary: Summary) -> str:
    """Write a *summary* as it is filed: with all names, reasons and sources."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=1).decode() + "\n"


def summarise(suite: Suite, report: str, *, handler: str, runtime: Runtime) -> Summary:
    """
    Read ginkgo's JUnit *report* of a *suite* on a *handler* of *runtime*.

    A test that was not asked for (``--focus``) is not counted.

    Raises:
        ToolOutputError: if it is no such report.
    """
    try:
        cases = list(xml(report).iter("testcase"))
    except DecodeError as error:
        raise ToolOutputError(
            f"the report of {suite.program} is no XML: {error}",
            remedy="read its output, beside the report",
        ) from error
    found: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    for case in cases:
        kind, note = _kind(suite, case, runtime)
        name = _name(suite, case)
        if kind:
            found[kind][name] = note
    return Summary(handler=handler, passed=tuple(found.pop(_PASSED)), **found)


def _name(suite: Suite, case: Element) -> str:
    return case.get("name", "").removeprefix(suite.begins)


def _kind(suite: Suite, case: Element, runtime: Runtime) -> tuple[str, str]:
    """Which of a summary's lists a *case* belongs to, and what to note; to none, if it is none."""
    status, source = case.get("status"), _source(suite, case, runtime)
    if status in {"skipped", "pending"}:
        reason = _reason(suite, case)
        return ("left_out" if reason else "", reason)
    if status == _PASSED:
        is_test = case.get("name", "").startswith(suite.begins)  # or done before and after all
        return (("works_now" if source else _PASSED) if is_test else "", source)
    is_known = bool(source) and status not in _CUT_SHORT
    return ("known", source) if is_known else ("failed", _message(case))


def _source(suite: Suite, case: Element, runtime: Runtime) -> str:
    for known in suite.known:
        if runtime in known.runtimes and re.search(known.pattern, _name(suite, case)):
            return known.source
    return ""


def _reason(suite: Suite, case: Element) -> str:
    """Why a test was not run; empty if nobody asked for it."""
    if not case.get("name", "").startswith(suite.begins):
        return ""
    for left in suite.left_out:
        if re.search(left.pattern, _name(suite, case)):
            return left.reason
    said = _message(case)
    return "" if said == _NOT_ASKED else f"{suite.program} says: {said}"


def _message(case: Element) -> str:
    for child in case:
        if message := child.get("message"):
            return " ".join(message.split())[:MESSAGE_CHARS]
    return case.get("status") or "nothing was said"
