from __future__ import annotations

import pytest

from lab.report.text import link, scenario_group, scenario_title


@pytest.mark.parametrize(
    "path", ["", None, "/etc/passwd", "../x", "raw/../../x", "//elsewhere/x", ".\x00./x", "\x00/x"]
)
def test_links_stay_in_the_run(path: str | None) -> None:
    assert link(path) == ""


def test_links_are_quoted() -> None:
    assert link("raw/a+b/x y.json") == "raw/a+b/x%20y.json"
    assert link('raw/"><script>.json') == "raw/%22%3E%3Cscript%3E.json"
    assert link("javascript:alert(1)") == "javascript%3Aalert%281%29"


def test_scenarios_have_titles_and_groups() -> None:
    scenario = "scenarios/network/test_parity.py::test_mac_is_the_cnis"

    assert scenario_title(scenario) == "mac is the cnis"
    assert scenario_group(scenario) == "network"
    assert scenario_group("test_x.py::test_y") == "scenarios"
