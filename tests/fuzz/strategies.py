"""
What parsers are fed: what real tools have said, damaged as disks, guests and people damage it.

A document keeps its structure and loses, doubles or gets wrong one node or a few; a text has a
word or a piece replaced, is cut or torn; bytes have bits flipped. And some are no input at all.
"""

from __future__ import annotations

import json
import math
import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

DATA = Path(__file__).parents[1] / "data"
DEEP = 100_000

WORDS = (
    "", " ", "0", "-1", "1e999", "nan", "inf", "1.2.3", "999.999.999.999", "9" * 5000, "x", "\0",
    "\x1b[2J", "\n", "é", "١٢", "../../x", "/", "$(reboot)", "'\"", "a b", "<b>", "x" * 10_000,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**30, 0.5, -0.0, 5e-324, 1.7e308, math.nan,
    math.inf, -math.inf, [], {}, [[]], [None], {"": None}, "\ud800", *WORDS,
)  # fmt: skip
NO_INPUT = (
    "", " ", "null", "0", "[]", "{}", "[" * DEEP, '{"a":' * DEEP, "NaN", "\ufeff{}", "9" * 5000,
    "<a>" * DEEP, "\x00\x01", "\n" * 100, "- " * 2000, "a = " + "[" * DEEP, "a = 2001-99-99",
    '[{"a": "\\ud800"}]', "2001-99-99: 1", "? [a]\n: b", "!!python/object:os.system {}",
)  # fmt: skip
"""What no tool prints: empty, of another kind, or nested past every stack."""

_WORD = re.compile(r"[\w.]+|[^\w\s]+")


def captured(pattern: str) -> tuple[str, ...]:
    """The files of tests/data that *pattern* names, as text."""
    found = tuple(path.read_text(encoding="utf-8") for path in sorted(DATA.glob(pattern)))
    assert found, pattern
    return found


@st.composite
def documents(draw: DrawFn, originals: Sequence[object]) -> Any:  # noqa: ANN401 - JSON
    """One of *originals* with a node or a few dropped, doubled, renamed, or of another type."""
    document = [deepcopy(draw(st.sampled_from(originals)))]  # so that all of it can be replaced
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(document))))
        match draw(st.sampled_from(("drop", "value", "value", "text", "wrap", "double", "name"))):
            case "drop" if holder is not document:
                del holder[key]
            case "text":
                holder[key] = json.dumps(holder[key])
            case "wrap":
                holder[key] = [holder[key]]
            case "name" if isinstance(holder, dict):
                holder[draw(st.sampled_from(WORDS))] = holder.pop(key)
            case "double" if isinstance(holder, list) and holder is not document:
                holder.insert(key, holder[key])
            case _:
                holder[key] = deepcopy(draw(st.sampled_from(VALUES)))
    return document[0]


def json_texts(*originals: str) -> SearchStrategy[str]:
    """JSON like that of *originals*, wrong in its structure or in its letters."""
    decoded = [json.loads(text) for text in originals if _is_json(text)]
    return st.one_of(documents(decoded).map(json.dumps), texts(*originals))


@st.composite
def _damaged(draw: DrawFn, originals: Sequence[str]) -> str:
    text = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 3))):
        start, end = sorted(draw(st.integers(0, len(text))) for _ in range(2))
        words = list(_WORD.finditer(text))
        match draw(st.sampled_from(("word", "word", "word", "cut", "hole", "double", "junk"))):
            case "word" if words:
                word = draw(st.sampled_from(words))
                text = text[: word.start()] + draw(st.sampled_from(WORDS)) + text[word.end() :]
            case "cut":
                text = text[:start]
            case "double":
                text = text[:end] + text[start:]
            case "junk":
                text = text[:start] + draw(st.text(max_size=20)) + text[start:]
            case _:
                text = text[:start] + text[end:]
    return text


def texts(*originals: str) -> SearchStrategy[str]:
    """Text like *originals* with words replaced, pieces lost or doubled; and what is no text."""
    whole = st.sampled_from((*originals, *NO_INPUT))
    return st.one_of(_damaged(originals), _damaged(originals), whole, st.text(max_size=40))


@st.composite
def _flipped(draw: DrawFn, originals: Sequence[bytes]) -> bytes:
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(("flip", "flip", "number", "cut", "junk"))):
            case "flip" if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "number":
                size = draw(st.sampled_from((1, 2, 4, 8)))
                number = draw(st.sampled_from((0, 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)))
                data[place : place + size] = number.to_bytes(size, "little")
            case "cut":
                del data[place:]
            case _:
                data[place:place] = draw(st.binary(max_size=16))
    return bytes(data)


def binaries(*originals: bytes) -> SearchStrategy[bytes]:
    """Bytes like *originals* with bits flipped, numbers changed, or the end lost."""
    return st.one_of(_flipped(originals), st.sampled_from(originals), st.binary(max_size=100))


def files(inputs: SearchStrategy[str]) -> SearchStrategy[bytes]:
    """The same as a file's content, in which an encoding may be wrong too."""
    encoded = inputs.map(lambda text: text.encode(errors="surrogatepass"))
    return st.one_of(encoded, encoded, encoded.flatmap(lambda raw: _flipped((raw,))))


@st.composite
def answers(
    draw: DrawFn, original: Mapping[str, str], damage: Callable[[str], SearchStrategy[str]]
) -> dict[str, str]:
    """Answers by question, of which one or two are damaged."""
    changed = dict(original)
    for _ in range(draw(st.integers(1, 2))):
        question = draw(st.sampled_from(sorted(original)))
        changed[question] = draw(damage(original[question]))
    return changed


def by_kind(text: str) -> SearchStrategy[str]:
    """Damage *text* as what it is: JSON, or plain text."""
    return json_texts(text) if text.lstrip()[:1] in {"[", "{"} else texts(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Every node: what holds it, and under which key or index."""
    keys = range(len(holder)) if isinstance(holder, list) else list(holder)
    for key in keys:
        yield holder, key
        if isinstance(holder[key], list | dict):
            yield from _places(holder[key])
