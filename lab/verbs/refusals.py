"""A command line that cannot be read is refused as everything else: a problem, and its remedy."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import TYPE_CHECKING, Any, NoReturn

from lab.errors import UsageError
from lab.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERB = "VERB"
_OF_A_RUN = {option.flag for option in OPTIONS}
_SAID = (
    (r"the following arguments are required: (.+)", "`{prog}` lacks {0}"),
    (r"one of the arguments (.+) is required", "`{prog}` lacks one of {0}"),
    (r"argument (.+?): expected .*", "{0}: a value is missing"),
    (r"argument (.+?): not allowed with argument (.+)", "{0} does not go with {1}"),
    (r"argument (.+?): invalid int value: (.+)", "{0}: {1} is no whole number"),
    (r"argument (.+?): ignored explicit argument (.+)", "{0} takes no value, and was given {1}"),
    (r"ambiguous option: (.+) could match (.+)", "{0} may stand for {1}"),
)
"""What argparse says, and what is said instead."""


class Parser(argparse.ArgumentParser):
    """Reads the words of the lab, or of one of its verbs."""

    def parse_known_args(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - overloaded
        """As argparse does, but what a verb does not know is refused by it, not by the lab."""
        found, left = super().parse_known_args(*args, **named)
        if left:
            raise self._left_over(left[0])
        return found, left

    def error(self, message: str) -> NoReturn:
        """Refuse what argparse has found wrong."""
        if message.endswith(f"required: {_VERB}"):
            raise UsageError(f"`{self.prog}` lacks a verb", remedy=self._help)
        problem = message
        for pattern, text in _SAID:
            if match := re.fullmatch(pattern, message, re.DOTALL):
                problem = text.format(*match.groups(), prog=self.prog)
                break
        raise UsageError(problem, remedy=self._help)

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401
        if action.choices is None or value in action.choices:
            return
        known = list(map(str, action.choices))
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - its one name
            hint = did_you_mean(str(value), known)
            raise UsageError(f"there is no verb {value!r}{self._of}", remedy=f"{hint}{self._help}")
        name = "/".join(action.option_strings) or action.dest
        hint = did_you_mean(str(value), known)
        raise UsageError(
            f"{name}: unknown value {value!r}", remedy=f"{hint}known: {', '.join(known)}"
        )

    def _left_over(self, word: str) -> UsageError:
        flag = word.partition("=")[0]
        if not word.startswith("-"):
            return UsageError(f"{word!r} is one word too many{self._of}", remedy=self._help)
        if flag in _OF_A_RUN:
            problem = f"{flag} has no meaning for `{self.prog}`"
            return UsageError(problem, remedy=f"leave out {flag}; {self._help}")
        hint = did_you_mean(flag, self._option_string_actions)
        return UsageError(f"there is no option {flag!r}{self._of}", remedy=f"{hint}{self._help}")

    @property
    def _of(self) -> str:
        """Whose it is, unless the lab's own."""
        return f" of `{self.prog}`" if " " in self.prog else ""

    @property
    def _help(self) -> str:
        return f"`{self.prog} --help` lists all"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question that begins a remedy, if something that is *known* is near to *word*."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}? " if near else ""
