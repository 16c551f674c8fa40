"""What a run does when its bench is lost: it goes on with another, within reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lab import campaign
from lab.records import RunStatus
from lab.run import BENCH_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

WHOLE = SimpleNamespace(boots=())
LEFT = SimpleNamespace(boots=("one", "two"))


class Played:
    """A run of which each bench does what it is told to."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, benches: Sequence[tuple[int, bool]]
    ) -> None:
        self.benches = list(benches)
        self.stores: list[str] = []
        self.said: list[str] = []
        monkeypatch.setattr(campaign, "_on_one_bench", self._on_one_bench)
        monkeypatch.setattr(campaign, "_conclude", lambda *_: self.said.append("concluded"))
        monkeypatch.setattr(campaign, "remainder", lambda _: LEFT if self.benches else WHOLE)
        monkeypatch.setattr("lab.resume.opened", lambda _: "opened again")

    def _on_one_bench(self, *said: Any, left: Any, pauses: bool) -> Any:  # noqa: ANN401
        assert pauses in {True, False}
        assert (left is None) == (not self.stores)
        self.stores.append(said[-1])
        status, is_lost = self.benches.pop(0)
        run = SimpleNamespace(header=SimpleNamespace(status=RunStatus.COMPLETE))
        return run, status, is_lost

    def run(self, *, keep: str = "never", pauses: bool = False) -> int:
        decided = SimpleNamespace(wishes=SimpleNamespace(keep=keep))
        console = SimpleNamespace(print=self.said.append)
        rest: Any = (decided, "new", "a lease", "a stopwatch", console)
        return campaign._measured(*cast("Any", rest), pauses=pauses)[1]


LOST = (BENCH_FAILED, True)


def test_a_run_goes_on_with_another_bench_and_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Played(monkeypatch, [LOST, (0, False)])

    assert run.run() == 0
    assert run.stores == ["new", "opened again"]
    assert run.said == ["the bench was lost: going on with another, 2 boots left", "concluded"]


def test_the_third_bench_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Played(monkeypatch, [LOST] * 4)

    assert run.run() == BENCH_FAILED
    assert len(run.stores) == campaign.MOST_BENCHES


def test_what_was_lost_at_the_very_end_needs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Played(monkeypatch, [LOST])

    assert run.run() == BENCH_FAILED
    assert run.stores == ["new"]


@pytest.mark.parametrize("wish", [{"keep": "failed"}, {"keep": "always"}, {"pauses": True}])
def test_a_bench_that_somebody_wants_to_look_at_is_the_only_one(
    wish: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Played(monkeypatch, [LOST, (0, False)])

    assert run.run(**wish) == BENCH_FAILED
    assert run.stores == ["new"]
