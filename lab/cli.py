"""The console command: reads the command line, runs one verb, says what went wrong."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from typing import TYPE_CHECKING

from lab import verbs
from lab.errors import CommandError, HostError, LabError, UsageError, told
from lab.interrupt import as_interrupt
from lab.text import clean, wrapped
from lab.verbs.parser import BAD, INTERRUPTED, OK, USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.verbs.parser import Verb

WIDTH = 80
_OF_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0, 1 for a bad result, 2 for a wrong command line."""
    words = sys.argv[1:] if argv is None else argv
    _let_everything_be_said()
    try:
        return _run(words)
    except LabError as error:
        _complain(error)
        return USAGE if isinstance(error, UsageError) else BAD
    except BrokenPipeError:  # whoever reads what we say has read enough; nor does he want the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        if error.errno not in _OF_DISK or error.filename is None:
            raise
        remedy = "see that it can be written to, or set LAB_HOME to a folder on another disk"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            remedy = "free some space, or set LAB_HOME to a folder on a larger disk"
        _complain(HostError(str(error), remedy=remedy))
        return BAD
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def _let_everything_be_said() -> None:
    """What is written to may know ASCII alone: a plus-minus becomes a question mark, no bug."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors in {"strict", "surrogateescape"}:
            stream.reconfigure(errors="replace")


def _run(words: Sequence[str]) -> int:
    whole = verbs.parser()
    if not words:
        whole.print_help()
        return USAGE
    arguments = whole.parse_args(words)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    signal.signal(signal.SIGTERM, as_interrupt)
    signal.signal(signal.SIGHUP, as_interrupt)
    with _left_in_order():
        verb: Verb = arguments.verb
        return verb(arguments)


@contextmanager
def _left_in_order() -> Iterator[None]:
    """Undo at the end what this process has made outside of labs, whatever the block came to."""
    try:
        yield
    except BaseException as error:
        try:
            _leave()
        except LabError as left:
            error.add_note(str(left))
        raise
    _leave()


def _leave() -> None:
    from lab import ledger  # noqa: PLC0415

    if ledger.owns_one():
        from lab.takedown import leave  # noqa: PLC0415

        leave()


def _complain(error: LabError) -> None:
    from lab import hints  # noqa: PLC0415 - only an error needs them

    # Much of it is what guests, nodes and tools have said.
    said = clean(told(error))
    known = (hint.lines(indent="  ", width=WIDTH) for hint in hints.of(said))
    lines = [f"lab: {clean(error.problem)}", *_remedy(error)]
    lines += (clean(note) for note in getattr(error, "__notes__", ()))
    sys.stderr.write("\n".join((*lines, *chain.from_iterable(known))) + "\n")


def _remedy(error: LabError) -> list[str]:
    """The remedy, wrapped; but a program's command line is there to be copied."""
    text = clean(f"  remedy: {error.remedy}")
    if isinstance(error, CommandError):
        return [text]
    return wrapped(text.strip(), width=WIDTH, indent="  ", further="    ")


if __name__ == "__main__":
    sys.exit(main())
