"""Writing TOML: nested tables to text. Python itself only reads it."""

from __future__ import annotations

import json
import re
from typing import TypeAlias

Value: TypeAlias = "str | bool | int | list[str] | dict[str, Value]"
"""A value: what follows an equals sign, or a table."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def render(table: dict[str, Value]) -> str:
    """Write *table*: its own values first, then each table in it, in the order given."""
    return "\n".join(_blocks(table, ()))


def _blocks(table: dict[str, Value], path: tuple[str, ...]) -> list[str]:
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [
        f"{_key(key)} = {_scalar(value)}\n" for key, value in table.items() if key not in tables
    ]
    header = f"[{'.'.join(map(_key, path))}]\n" if path and lines else ""
    own = [header + "".join(lines)] if lines else []
    return own + [block for key, each in tables.items() for block in _blocks(each, (*path, key))]


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key)


def _scalar(value: object) -> str:
    # JSON's strings, numbers, booleans and arrays of strings are TOML's, as long as no string
    # has a character beyond the 16 bits that JSON can escape at once.
    return json.dumps(value)
