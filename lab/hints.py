"""
Failures that are known by what was said of them: data, in ``hints.toml``, each with its source.

They decide nothing: an outcome is what it is, and a hint stands beside it. What is not expected of
a cell to work is no failure, and stands in :mod:`lab.expectations`.
"""

from __future__ import annotations

import re
import textwrap
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec

from lab.decode import toml_as

HINTS_FILE = Path(__file__).with_suffix(".toml")

Text = Annotated[str, msgspec.Meta(min_length=1)]
_ARTICLE = """\
## {id}

{cause}

**Mend.** {mend}

Known by `{pattern}`, as in:

```text
{said}
```

Source: {source}.
"""
_PAGE = """\
# Hints

What is known of failures by what was said of them. The lab shows the same beside an error, and
beside what failed in a run. This page is made of `lab/hints.toml` by `nox -s docs -- --write`.

{contents}

{articles}"""


class Hint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A failure that is known: by which words, why, and what mends it."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]*\Z")]
    pattern: Text
    cause: Text
    mend: Text
    source: Text
    said: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """What was really said somewhere."""

    def __post_init__(self) -> None:
        try:
            expression = re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.id}: pattern is no regular expression: {error}") from error
        if strange := [text for text in self.said if not expression.search(text)]:
            raise ValueError(f"{self.id}: the pattern is not found in {strange[0]!r}")

    def is_about(self, text: str) -> bool:
        """Whether *text* says what this is about."""
        return re.search(self.pattern, text) is not None

    def lines(self, *, indent: str, width: int) -> list[str]:
        """The cause, and the mend, as they stand beside an error on a terminal."""
        return [
            line
            for told in (f"hint: {self.cause}", f"mend: {self.mend}")
            for line in textwrap.wrap(
                told,
                width,
                initial_indent=indent,
                subsequent_indent=f"{indent}  ",
                break_on_hyphens=False,
                break_long_words=False,
            )
        ]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"hints": "hint"}):
    """All hints of the file."""

    hints: tuple[Hint, ...]


@cache
def load(path: Path = HINTS_FILE) -> tuple[Hint, ...]:
    """
    Read the hints.

    Raises:
        DecodeError: if the file is wrong: it comes with the lab.
    """
    return toml_as(path.read_bytes(), _File).hints


def of(*said: str) -> tuple[Hint, ...]:
    """What is known of what was *said*: an error, a reason, the end of a console."""
    return tuple(hint for hint in load() if any(map(hint.is_about, said)))


def named(name: str) -> Hint:
    """The hint with the id *name*, for code that finds the same out by itself."""
    return next(hint for hint in load() if hint.id == name)


def page() -> str:
    """All hints as a page of Markdown."""
    hints = load()
    return _PAGE.format(
        contents="\n".join(f"- [{hint.id}](#{hint.id})" for hint in hints),
        articles="\n".join(
            _ARTICLE.format(**{**msgspec.structs.asdict(hint), "said": "\n\n".join(hint.said)})
            for hint in hints
        ),
    )
