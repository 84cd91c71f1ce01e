"""Work that mostly waits, done side by side in threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Lane(NamedTuple, Generic[T]):
    """Items that share a limit."""

    items: Sequence[T]
    at_once: int
    """How many of them may be worked on at the same time."""


def side_by_side(work: Callable[[T], R], lanes: Sequence[Lane[T]]) -> Iterator[tuple[T, R]]:
    """Gives each item with what the work made of it, as it is done; a lane begins its items in order.

    Whoever listens no more (Ctrl-C, an error) waits for nothing that is under way: no item is begun after that, and
    the threads end with the process. The work must be safe to kill.

    Args:
        work: Is called with an item, in a thread of its own where there is anything to be done beside it. What it
            raises is raised here.
        lanes: The items.
    """
    lanes = [lane for lane in lanes if lane.items]
    if [lane.at_once for lane in lanes] == [1]:
        for item in lanes[0].items:
            yield item, work(item)
        return
    ended: SimpleQueue[tuple[T, Future[R]]] = SimpleQueue()
    is_over = threading.Event()
    for items, at_once in lanes:
        waiting: SimpleQueue[T] = SimpleQueue()
        for item in items:
            waiting.put(item)
        for _ in range(min(at_once, len(items))):
            threading.Thread(target=_serve, args=(work, waiting, ended, is_over), daemon=True).start()
    try:
        for _ in range(sum(len(lane.items) for lane in lanes)):
            item, future = _next(ended)
            yield item, future.result()
    finally:
        is_over.set()


def _next(ended: SimpleQueue[T]) -> T:
    while True:
        # Polars takes over SIGINT with SA_RESTART: a wait without an end would not hear of Ctrl-C.
        with contextlib.suppress(Empty):
            return ended.get(timeout=0.2)


def _serve(
    work: Callable[[T], R],
    waiting: SimpleQueue[T],
    ended: SimpleQueue[tuple[T, Future[R]]],
    is_over: threading.Event,
) -> None:
    with contextlib.suppress(Empty):
        while not is_over.is_set():
            item, future = waiting.get_nowait(), Future[R]()
            try:
                future.set_result(work(item))
            except BaseException as error:  # noqa: BLE001 (raised where the result is asked for)
                future.set_exception(error)
            ended.put((item, future))
