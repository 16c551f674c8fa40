"""Several things at once, each in a thread of its own."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def together(actions: Sequence[Callable[[], T]]) -> tuple[T, ...]:
    """
    Do all *actions* at once, and return their answers in order.

    The first that fails is raised at once, and so is Ctrl-C. What the others do is not waited
    for then, nor does it keep the process from ending: each has a deadline, and the machine that
    it talks to is about to go.
    """
    futures: list[Future[T]] = [Future() for _ in actions]
    for action, future in zip(actions, futures, strict=True):
        threading.Thread(target=_do, args=(action, future), daemon=True).start()
    ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in futures:
        if future in ended and (error := future.exception()) is not None:
            raise error
    return tuple(future.result() for future in futures)


def _do(action: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(action())
    except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
        future.set_exception(error)
