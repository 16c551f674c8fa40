from __future__ import annotations

import pytest

from lab.toml_lines import line_of

TEXT = """\
# a comment = not a key
name = "t"

[[node]]
name = "one"

[[node]]  # the second
cpus = 2
sandbox = { cpus = 1 }

[qemu]
binary = "/q"
"""


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ("Expected `str`, got `int` - at `$.name`", 2),
        ("Expected `str`, got `int` - at `$.node[0].name`", 5),
        ("Expected `int`, got `str` - at `$.node[1].cpus`", 8),
        ("Expected `int`, got `str` - at `$.node[1].sandbox.cpus`", 9),
        ("Object contains unknown field `binary` - at `$.qemu`", 12),
        ("Object contains unknown field `name`", 2),
        ("Object missing required field `cpus` - at `$.node[0]`", 4),
        ("node one has 0 cpus - at `$.node[1]`", 7),
        ("Object contains unknown field `node`", 4),
        ("Invalid value (at line 11, column 3)", 11),
        ("Object missing required field `name`", None),
        ("topology t has 2 nodes: declare one", None),
        ("Expected `object` - at `$.nothing.like[7].it`", None),
    ],
)
def test_a_problem_is_led_to_its_line(problem: str, line: int | None) -> None:
    assert line_of(problem, TEXT) == line
