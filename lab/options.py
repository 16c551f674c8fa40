"""What a user can ask of a run: declared once, for the command line and for pytest."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.controls import Controls
from lab.errors import UsageError
from lab.plan import Ordering
from lab.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_TOPOLOGY = "embedded"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its flag, what it means, and what it takes."""

    flag: str
    meaning: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None

    @property
    def name(self) -> str:
        """The name of its value."""
        return "lab_" + self.flag.removeprefix("--").replace("-", "_")


OPTIONS = (
    Option("--topology", "the bench: a name from topologies/, or a file", DEFAULT_TOPOLOGY,
           metavar="NAME"),
    Option("--cells", "the cells, as network+storage+runtime with wildcards, separated by commas"
           " (default: the matrix that the README shows)", metavar="PATTERN"),
    Option("--profile", "how long to measure (default: standard, under emulation smoke)",
           choices=("smoke", "standard", "publish")),
    Option("--rounds", "how often each cell is booted (default: the profile's)", metavar="N"),
    Option("--budget", "add rounds until results are precise, 20 at most, and begin none that would"
           " end after so long", metavar="2h"),
    Option("--controls", "what joins the cells: what they are read against, a twin, a handicap"
           " (auto: nothing where there are fewer than 5 rounds)", "auto", choices=tuple(Controls)),
    Option("--order", "of boots: each round shuffled, or cell by cell, which drift can fool",
           "shuffled", choices=tuple(Ordering)),
    Option("--shard", "one part of the cells, with its own controls, as K/N; `lab merge` joins the"
           " runs", metavar="K/N"),
    Option("--seed", "the seed of the order (default: a new one, recorded)", metavar="N"),
    Option("--keep", "whether the lab stays up after the run", "never",
           choices=("never", "failed", "always")),
    Option("--accel", "what runs the node", "auto", choices=("auto", "kvm", "tcg")),
    Option("--output", "where results go (default: results/, of where the lab is called)",
           "results", metavar="FOLDER"),
    Option("--wait", "whether to wait while another run measures on this machine", "yes",
           choices=("yes", "no")),
    Option("--artefacts", "what Kata's cells need, built locally (default: the cache)",
           metavar="DIR"),
    Option("--lock", "the lock of these artefacts, or another than the lab's own", metavar="FILE"),
)  # fmt: skip
"""In the order in which help shows them."""

SECTIONS = {
    "what is measured": ("--topology", "--cells", "--controls", "--shard"),
    "how long, and in which order": ("--profile", "--rounds", "--budget", "--order", "--seed"),
    "on what": ("--accel", "--artefacts", "--lock", "--wait"),
    "what is left of it": ("--keep", "--output"),
}
"""Under which title help shows each of them."""


WITHOUT = {
    "plan": ("--wait", "--keep"),
    "conformance": ("--controls", "--rounds", "--budget", "--order"),
    "up": (
        *("--controls", "--shard", "--profile", "--rounds", "--budget", "--order", "--seed"),
        "--keep",
    ),
}
"""What has no meaning for a verb that takes the others: it measures nothing, or in its own way."""


def section_of(option: Option) -> str:
    """The title of the section that *option* stands in."""
    return next((title for title, flags in SECTIONS.items() if option.flag in flags), "others")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options of one run, read and checked."""

    topology: str
    cells: str | None
    profile: str | None
    rounds: int | None
    budget_s: float | None = None
    controls: Controls = Controls.AUTO
    order: Ordering = Ordering.SHUFFLED
    shard: Shard | None = None
    seed: int | None
    keep: str
    accel: str
    output: Path
    waits: bool = True
    """Whether to wait for this machine while somebody else measures on it."""
    artefacts: Path | None = None
    lock: Path | None = None

    @classmethod
    def read(cls, value_of: Callable[[str], Any]) -> Wishes:
        """
        Read the options' texts through *value_of*, by :attr:`Option.name`.

        Raises:
            UsageError: if one is none of its choices, or no number.
        """
        texts = {option.flag: _checked(option, value_of(option.name)) for option in OPTIONS}
        return cls(
            topology=texts["--topology"] or DEFAULT_TOPOLOGY,
            cells=texts["--cells"],
            profile=texts["--profile"],
            rounds=_number("--rounds", texts["--rounds"], least=1),
            budget_s=_duration("--budget", texts["--budget"]),
            controls=Controls(texts["--controls"] or Controls.AUTO),
            order=Ordering(texts["--order"] or Ordering.SHUFFLED),
            shard=Shard.parse(texts["--shard"]) if texts["--shard"] else None,
            seed=_number("--seed", texts["--seed"], least=0),
            keep=texts["--keep"] or "never",
            accel=texts["--accel"] or "auto",
            output=Path(texts["--output"] or "results"),
            waits=texts["--wait"] != "no",
            artefacts=_path(texts["--artefacts"]),
            lock=_path(texts["--lock"]),
        )

    @property
    def artefact_options(self) -> tuple[str, ...]:
        """What of the command line said which artefacts are meant."""
        said = {"--artefacts": self.artefacts, "--lock": self.lock}
        return tuple(
            word for flag, path in said.items() if path for word in (flag, str(path.absolute()))
        )


def _checked(option: Option, text: str | None) -> str | None:
    if text is None or not option.choices or text in option.choices:
        return text
    near = difflib.get_close_matches(text, option.choices, n=1, cutoff=0.4)
    hint = f"did you mean {str(near[0])!r}? " if near else ""
    raise UsageError(
        f"{option.flag}: unknown value {text!r}", remedy=f"{hint}known: {', '.join(option.choices)}"
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _number(flag: str, text: str | None, *, least: int) -> int | None:
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise UsageError(
            f"{flag}: {text!r} is not a number of at least {least}", remedy=f"write {flag} {least}"
        )
    return int(text)


def _duration(flag: str, text: str | None) -> float | None:
    """Read a duration in seconds: ``2h``, ``90m``, ``1h30m``."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    hours, minutes, seconds = map(int, found.groups("0")) if found else (0, 0, 0)
    total_s = 3600.0 * hours + 60.0 * minutes + seconds
    if not total_s:
        raise UsageError(f"{flag}: {text!r} is no duration", remedy=f"write {flag} 1h30m")
    return total_s


def share(flag: str, text: str | None) -> float | None:
    """Read a part of the whole: ``3%`` is 0.03."""
    if text is None:
        return None
    found = _PERCENT.fullmatch(text)
    part = float(found[1]) / 100 if found else 0.0
    if not 0 < part < 1:
        raise UsageError(f"{flag}: {text!r} is no share", remedy=f"write {flag} 3%")
    return part


_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?%")
_NUMBER = re.compile(r"[0-9]{1,18}")
_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
