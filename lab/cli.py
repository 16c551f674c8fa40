"""The console command: each verb is one function, and the only place that prints."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from lab import cli_runs
from lab.errors import HostError, LabError, UsageError
from lab.interrupt import as_interrupt
from lab.options import OPTIONS, Wishes, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OK, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0, 1 for a bad result, 2 for a wrong command line."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    signal.signal(signal.SIGTERM, as_interrupt)
    signal.signal(signal.SIGHUP, as_interrupt)
    try:
        with _left_in_order():
            verb: Callable[[argparse.Namespace], int] = arguments.verb
            return verb(arguments)
    except LabError as error:
        _complain(error)
        return USAGE if isinstance(error, UsageError) else BAD
    except BrokenPipeError:  # whoever reads what we say has read enough; nor does he want the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        remedy = "free some space, or set LAB_HOME to a folder on a larger disk"
        _complain(HostError(str(error), remedy=remedy))
        return BAD
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


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


def _matrix(arguments: argparse.Namespace) -> int:
    from lab.campaign import run_matrix  # noqa: PLC0415 - the quick verbs must stay quick

    wishes = Wishes.read(lambda name: getattr(arguments, name))
    return run_matrix(wishes, Console(highlight=False, markup=False))


def _conformance(arguments: argparse.Namespace) -> int:
    from lab.conformance import run_conformance  # noqa: PLC0415

    wishes = Wishes.read(lambda name: getattr(arguments, name))
    console = Console(highlight=False, markup=False)
    return run_conformance(wishes, console, focus=arguments.focus)


def _plan(arguments: argparse.Namespace) -> int:
    from lab.forecast import text  # noqa: PLC0415
    from lab.preview import preview  # noqa: PLC0415

    wishes = Wishes.read(lambda name: getattr(arguments, name))
    precision = share("--precision", arguments.precision)
    found = preview(wishes, precision=precision, say=lambda line: print(line, file=sys.stderr))
    print(text.as_json(found) if arguments.json else text.render(found), end="")
    return OK


def _up(arguments: argparse.Namespace) -> int:
    from lab.campaign import bring_up_alone  # noqa: PLC0415

    wishes = Wishes.read(lambda name: getattr(arguments, name))
    record = bring_up_alone(wishes, say=print)
    print(f"{record.id} is up: {record.ways_in}")
    return OK


def _down(arguments: argparse.Namespace) -> int:
    from lab.takedown import take_down  # noqa: PLC0415

    folders = _labs(arguments.lab)
    for folder in folders:
        take_down(folder)
        print(f"{folder.name} is down")
    if not folders:
        print("no lab is up")
    return OK


def _status(_arguments: argparse.Namespace) -> int:
    from lab.status import lines  # noqa: PLC0415

    for line in lines():
        print(line)
    return OK


def _gc(arguments: argparse.Namespace) -> int:
    from lab import gc  # noqa: PLC0415
    from lab.units import Unit, format_value  # noqa: PLC0415
    from lab.virt.connection import default_uri  # noqa: PLC0415

    work = gc.survey if arguments.dry_run else gc.collect
    done = work(default_uri(), say=print)
    for line in done.left:
        print(line)
    if arguments.dry_run:
        print(f"{len(done.stuck)} things are left behind")
    else:
        freed = format_value(done.freed_bytes, Unit.BYTE)
        print(f"{len(done.removed)} things were removed, {freed} freed")
        for line in done.stuck:
            print(f"stuck: {line}")
    for line in done.problems:
        print(line)
    return OK if done.is_clean else BAD


def _shell(arguments: argparse.Namespace) -> int:
    from lab.labs import find_node  # noqa: PLC0415

    ssh = find_node(arguments.node).reopen().access.ssh()
    os.execvp(ssh[0], ssh)  # noqa: S606 - the user's own terminal goes to the node


def _image_build(_arguments: argparse.Namespace) -> int:
    from lab.image.build import build  # noqa: PLC0415
    from lab.image.lock import load  # noqa: PLC0415

    images = build(load(), say=print)
    for name in ("node", "guest", "workload"):
        print(f"{name:9} {getattr(images, name).digest}")
    return OK


def _image_lock(_arguments: argparse.Namespace) -> int:
    from lab.image.lock import relock  # noqa: PLC0415

    relock()
    return OK


def _artefacts_lock(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts import local, relock  # noqa: PLC0415

    path = _lock_file(arguments)
    if arguments.artefacts is None:
        locked = relock.relock(path, say=print)
    elif arguments.lock is None:
        raise UsageError(
            "a directory of artefacts needs a lock of its own",
            remedy=f"add --lock FILE to --artefacts {arguments.artefacts}",
        )
    else:
        locked = local.relock(arguments.artefacts, path)
    print(f"locked {len(locked.artefacts)} artefacts in {path}")
    return OK


def _artefacts_fetch(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts.fetch import fetch  # noqa: PLC0415

    fetched = fetch(_lock_file(arguments), say=print)
    print(f"{len(fetched.artefacts)} artefacts are in the cache")
    return OK


def _artefacts_verify(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts.loaded import load_artefacts, verify  # noqa: PLC0415

    loaded = load_artefacts(_lock_file(arguments), arguments.artefacts)
    verify(loaded)
    print(f"{len(loaded.lock.artefacts)} artefacts are what the lock says: {loaded.digest}")
    return OK


def _artefacts_bundle(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts import bundle  # noqa: PLC0415

    bundle.write(arguments.file, _lock_file(arguments))
    print(arguments.file)
    return OK


def _artefacts_import(arguments: argparse.Namespace) -> int:
    from lab.cluster.artefacts import bundle  # noqa: PLC0415

    taken = bundle.take_in(arguments.file, _lock_file(arguments), say=print)
    print(f"{len(taken.artefacts)} artefacts are in the cache")
    return OK


def _lock_file(arguments: argparse.Namespace) -> Path:
    from lab.cluster.artefacts.lock import LOCK_FILE  # noqa: PLC0415

    return arguments.lock or LOCK_FILE


def _report(arguments: argparse.Namespace) -> int:
    from lab import report  # noqa: PLC0415
    from lab.run import find_run  # noqa: PLC0415

    path = find_run(Path("results"), arguments.run)
    report.write(path)
    print(path / "report.html")
    return OK


def _verify(arguments: argparse.Namespace) -> int:
    from lab.acceptance import shortcomings  # noqa: PLC0415
    from lab.run import Run, find_run  # noqa: PLC0415

    names = arguments.runs or ["last"]
    found = shortcomings([Run.load(find_run(Path("results"), name)) for name in names])
    if arguments.cells:
        print(",".join(map(str, found)))
        return OK
    for lines in found.values():
        print("\n".join(lines))
    print(f"{len(found)} cells lack something")
    return BAD if found else OK


def _doctor(_arguments: argparse.Namespace) -> int:
    from lab.doctor import examine  # noqa: PLC0415

    findings = examine()
    for finding in findings:
        print(f"{'ok  ' if finding.is_good else 'LACK'}  {finding.subject}: {finding.fact}")
        if not finding.is_good:
            print(f"        {finding.remedy}")
    return OK if all(finding.is_good for finding in findings) else BAD


def _labs(name: str | None) -> list[Path]:
    from lab.labs import Hands, hands_of, labs_dir, records  # noqa: PLC0415

    if name is not None:
        folder = labs_dir() / name
        if folder not in dict(records()):
            raise UsageError(f"there is no lab {name!r}", remedy="`lab status` lists them")
        return [folder]
    return [folder for folder, record in records() if hands_of(folder, record) is not Hands.ALIVE]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="Measures Kata's networks and storages on a node of this machine."
    )
    parser.add_argument("--verbose", action="store_true", help="say every command that is run")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    def add(
        name: str, verb: Callable[[argparse.Namespace], int], meaning: str
    ) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verbs.add_parser(name, help=meaning, description=meaning)
        one.set_defaults(verb=verb)
        return one

    _add_options(add("matrix", _matrix, "measure every cell, and write the report"))
    plan = add("plan", _plan, "say what a run would do, cost and tell apart; start nothing")
    _add_options(plan)
    plan.add_argument("--precision", metavar="2%", help="how well results are to be known")
    plan.add_argument("--json", action="store_true", help="all of it, for programs")
    _add_options(add("up", _up, "bring the topology up and leave it up"))
    conformance = add("conformance", _conformance, "run critest against containerd's handlers")
    _add_options(conformance)
    conformance.add_argument("--focus", metavar="REGEX", help="only tests with such a name")
    down = add("down", _down, "take down what is up and in nobody's use")
    down.add_argument("lab", nargs="?", help="one lab, whoever uses it")
    add("status", _status, "say what is up, in whose hands, and who has this machine")
    collecting = add("gc", _gc, "remove what dead runs have left")
    collecting.add_argument("--dry-run", action="store_true", help="only say what it would remove")
    add("shell", _shell, "log in to a node").add_argument("node")
    add("report", _report, "write a run's report again").add_argument(
        "run", nargs="?", default="last"
    )
    verify = add("verify", _verify, "say which cells of the default matrix no run shows whole")
    verify.add_argument("runs", nargs="*", metavar="run")
    verify.add_argument("--cells", action="store_true", help="print their names for --cells")
    cli_runs.add_verbs(add)
    add("doctor", _doctor, "say what this machine offers and what it lacks")
    images = add("image", _image_build, "build or lock the images").add_subparsers(metavar="VERB")
    images.add_parser("build", help="build what is not there").set_defaults(verb=_image_build)
    images.add_parser("lock", help="move the lock to what the mirror has now").set_defaults(
        verb=_image_lock
    )
    _add_artefact_verbs(add("artefacts", _artefacts_verify, "get what a cluster is made of"))
    return parser


def _add_artefact_verbs(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(
        name: str, verb: Callable[[argparse.Namespace], int], meaning: str
    ) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verbs.add_parser(name, help=meaning, description=meaning)
        one.add_argument("--lock", type=Path, metavar="FILE", help="another lock than the lab's")
        one.set_defaults(verb=verb)
        return one

    lock = add("lock", _artefacts_lock, "move the lock to what upstream has of what is wanted")
    add("fetch", _artefacts_fetch, "put into the cache what it lacks")
    verify = add("verify", _artefacts_verify, "read every file again and compare it with the lock")
    for one in (lock, verify):
        one.add_argument(
            "--artefacts",
            type=Path,
            metavar="DIR",
            help="locally built ones, instead of upstream's",
        )
    bundle = add("bundle", _artefacts_bundle, "write one file for a machine without internet")
    bundle.add_argument("file", type=Path)
    take_in = add("import", _artefacts_import, "put the artefacts of a bundle into the cache")
    take_in.add_argument("file", type=Path)


def _add_options(parser: argparse.ArgumentParser) -> None:
    for option in OPTIONS:
        parser.add_argument(
            option.flag,
            dest=option.name,
            metavar=option.metavar or "|".join(option.choices),
            help=option.meaning,
        )


def _complain(error: LabError) -> None:
    sys.stderr.write(f"lab: {error}\n")
    for note in getattr(error, "__notes__", ()):
        sys.stderr.write(f"{note}\n")


if __name__ == "__main__":
    sys.exit(main())
