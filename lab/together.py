"""Several things at once, each in a thread of its own."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def together(actions: Sequence[Callable[[], T]]) -> tuple[T, ...]:
    """
    Do all *actions* at once, and return their answers in order.

    The first that fails is raised at once, and so is Ctrl-C. What the others do is not waited
    for then: each has a deadline, and the machine that it talks to is about to go.
    """
    executor = ThreadPoolExecutor(max_workers=max(1, len(actions)))
    try:
        futures = [executor.submit(action) for action in actions]
        ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future in ended and (error := future.exception()) is not None:
                raise error
        return tuple(future.result() for future in futures)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
