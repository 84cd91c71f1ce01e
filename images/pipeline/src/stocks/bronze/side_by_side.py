"""Work that mostly waits, done side by side in threads; and what one thread hands to another."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Lane(NamedTuple, Generic[T]):
    """Items that share a limit."""

    items: Sequence[T]
    at_once: int
    """How many of them may be worked on at the same time."""


class Handover(Generic[T]):
    """Items on their way from one who makes them ready to another, who takes those that are there."""

    def __init__(self) -> None:
        self._ready: SimpleQueue[T | None] = SimpleQueue()

    def put(self, item: T) -> None:
        """An item is ready."""
        self._ready.put(item)

    def close(self) -> None:
        """No more come."""
        self._ready.put(None)

    def batches(self, most: int) -> Iterator[list[T]]:
        """Waits for items and gives them, as many as are ready up to `most`, until there come no more."""
        while (item := _next(self._ready)) is not None:
            batch = [item]
            with contextlib.suppress(Empty):
                while len(batch) < most and (item := self._ready.get_nowait()) is not None:
                    batch.append(item)
            yield batch
            if item is None:
                return


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


def in_thread(work: Callable[[], R]) -> Callable[[], R]:
    """Begins work in a thread; gives what waits for its end, and gives or raises what it did.

    Whoever listens no more (Ctrl-C) waits for nothing: the thread ends with the process. The work must be safe to kill.
    """
    ended: SimpleQueue[Future[R]] = SimpleQueue()

    def serve() -> None:
        ended.put(_done(work))

    threading.Thread(target=serve, daemon=True).start()
    return lambda: _next(ended).result()


def _done(work: Callable[[], R]) -> Future[R]:
    future = Future[R]()
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 (raised where the result is asked for)
        future.set_exception(error)
    return future


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
            item = waiting.get_nowait()
            ended.put((item, _done(partial(work, item))))
