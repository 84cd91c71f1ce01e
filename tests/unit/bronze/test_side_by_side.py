"""Work in threads: in order within a lane, as many at once as it allows, and nothing lost."""

import signal
import subprocess
import sys
import threading
from collections import defaultdict
from subprocess import PIPE
from time import sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.bronze.side_by_side import Handover, Lane, in_thread, side_by_side


@given(st.lists(st.tuples(st.lists(st.integers()), st.integers(min_value=1, max_value=5)), max_size=3))
def test_every_item_is_worked_on_once(given: list[tuple[list[int], int]]) -> None:
    lanes = [
        Lane([(number, place, item) for place, item in enumerate(items)], at_once)
        for number, (items, at_once) in enumerate(given)
    ]
    done = dict(side_by_side(lambda item: (item, "done"), lanes))
    assert done == {item: (item, "done") for lane in lanes for item in lane.items}


def test_as_many_are_under_way_as_a_lane_allows_and_no_more() -> None:
    lock, under_way, most = threading.Lock(), defaultdict[str, int](int), defaultdict[str, int](int)
    together = {"wide": threading.Barrier(3, timeout=20), "narrow": threading.Barrier(1)}

    def work(item: tuple[str, int]) -> None:
        name, _ = item
        with lock:
            under_way[name] += 1
            most[name] = max(most[name], under_way[name])
        together[name].wait()  # breaks, unless so many are under way at the same time
        with lock:
            under_way[name] -= 1

    lanes = [Lane([("wide", n) for n in range(9)], 3), Lane([("narrow", n) for n in range(9)], 1)]
    assert len(list(side_by_side(work, lanes))) == 18
    assert most == {"wide": 3, "narrow": 1}


def test_one_that_takes_long_holds_up_no_other() -> None:
    others_are_done = threading.Event()

    def work(item: int) -> bool:
        return others_are_done.wait(20) if item == 0 else True

    order = []
    for item, is_well in side_by_side(work, [Lane(range(20), 2)]):
        assert is_well
        order.append(item)
        if len(order) == 19:
            others_are_done.set()
    assert order == [*range(1, 20), 0]


@pytest.mark.parametrize("at_once", [1, 3])
def test_what_the_work_raises_is_raised_here_and_nothing_is_begun_after_it(at_once: int) -> None:
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 2:
            raise ZeroDivisionError
        sleep(0.001)

    with pytest.raises(ZeroDivisionError):
        for _ in side_by_side(work, [Lane(range(10_000), at_once)]):
            pass
    assert len(begun) < 10_000


def test_ctrl_c_does_not_wait_for_what_is_under_way() -> None:
    hanging = """
import os, time
import polars  # takes over SIGINT
from stocks.bronze.side_by_side import Handover, Lane, in_thread, side_by_side

def work(item):
    os.write(1, b"begun\\n")  # whole, whoever else writes
    time.sleep(60)

list(side_by_side(work, [Lane(range(4), 2)]))
"""
    with subprocess.Popen([sys.executable, "-c", hanging], stdout=PIPE, stderr=PIPE, text=True) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=20)
    assert told.splitlines()[-1] == "KeyboardInterrupt"


def test_what_is_handed_over_comes_in_order_and_in_batches_of_what_is_there() -> None:
    handover = Handover[int]()
    for item in range(7):
        handover.put(item)
    batches = handover.batches(3)
    assert [next(batches), next(batches)] == [[0, 1, 2], [3, 4, 5]]
    waiting = in_thread(lambda: list(batches))
    handover.put(7)
    handover.close()
    assert [item for batch in waiting() for item in batch] == [6, 7]


def test_what_is_raised_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 // 0)()
