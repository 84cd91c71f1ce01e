"""The request budget that processes share: never more than allowed, spread out, and no key in the table."""

import subprocess
import sys
import threading
from datetime import timedelta
from itertools import pairwise

import pytest

from stocks.errors import QuotaSpent
from stocks.providers import Limits
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.budget import SharedBudget

KEY = "K3YK3YK3YK3YK3YK"


def budget(warehouse: Warehouse, *, per_day: int = 25, per_minute: int = 60, key: str = KEY) -> SharedBudget:
    limits = Limits(per_day=per_day, per_minute=per_minute)
    return SharedBudget(warehouse, provider="alphavantage", api_key=key, limits=limits)


def tiingo(warehouse: Warehouse, *, key: str = KEY, **limits: int) -> SharedBudget:
    return SharedBudget(warehouse, provider="tiingo", api_key=key, limits=Limits(**limits))


def used(warehouse: Warehouse) -> list[int]:
    with warehouse.connect(Role.READER) as connection:
        return [row[0] for row in connection.execute("select used from ops.api_budget order by budget_key").fetchall()]


def test_first_request_need_not_wait(warehouse: Warehouse) -> None:
    assert budget(warehouse).acquire("IBM") == 0


@pytest.mark.parametrize("per_minute", [1_000_000, 10**18])
def test_any_number_a_minute_is_a_rate(warehouse: Warehouse, per_minute: int) -> None:
    own = budget(warehouse, per_minute=per_minute)
    assert [own.acquire("IBM"), own.acquire("IBM")] == pytest.approx([0, 0], abs=0.001)


def test_requests_after_the_days_last_are_refused(warehouse: Warehouse) -> None:
    own = budget(warehouse, per_day=3, per_minute=6000)
    for _ in range(3):
        own.acquire("IBM")
    for _ in range(2):
        with pytest.raises(QuotaSpent, match="3 requests") as caught:
            own.acquire("IBM")
    assert caught.value.exit_code == 69
    assert used(warehouse) == [3]


def test_a_request_that_never_was_sent_is_given_back(warehouse: Warehouse) -> None:
    own = tiingo(warehouse, per_hour=1, per_day=1)
    for _ in range(3):
        own.acquire("IBM")
        own.give_back("IBM")
    own.give_back("IBM")
    assert used(warehouse) == [0]
    own.acquire("IBM")
    with pytest.raises(QuotaSpent):
        own.acquire("IBM")


def test_threads_share_the_day(warehouse: Warehouse) -> None:
    barrier = threading.Barrier(4)
    outcomes: list[bool] = []

    def work() -> None:
        own = budget(warehouse, per_day=10, per_minute=6000)
        barrier.wait()
        for _ in range(5):
            try:
                own.acquire("IBM")
                outcomes.append(True)
            except QuotaSpent:
                outcomes.append(False)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count(True), outcomes.count(False)) == (10, 10)
    assert used(warehouse) == [10]


def test_processes_share_the_day(warehouse: Warehouse) -> None:
    program = """
import sys
from stocks.errors import QuotaSpent
from stocks.providers import Limits
from stocks.warehouse import Warehouse
from stocks.warehouse.budget import SharedBudget

url, key = sys.stdin.read().split()
limits = Limits(per_day=7, per_minute=6000)
own = SharedBudget(Warehouse(url), provider="alphavantage", api_key=key, limits=limits)
taken = 0
try:
    for taken in range(5):
        own.acquire("IBM")
    taken = 5
except QuotaSpent:
    pass
print(taken)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{warehouse.url} {KEY}")
        process.stdin.flush()
        process.stdin.close()
        process.stdin = None
    taken = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(taken) == 7
    assert used(warehouse) == [7]


def test_requests_are_spread_evenly(warehouse: Warehouse) -> None:
    own = budget(warehouse, per_minute=2)
    slots = []
    with warehouse.connect(Role.READER) as connection:
        for _ in range(4):
            assert own.acquire("IBM") <= 30 * len(slots)
            slots += connection.execute("select next_slot_at from ops.api_budget").fetchall()
    assert {later[0] - earlier[0] for earlier, later in pairwise(slots)} == {timedelta(seconds=30)}


def test_queue_is_one_for_all_who_share_the_key(warehouse: Warehouse) -> None:
    budget(warehouse, per_minute=1).acquire("IBM")
    assert 0 < budget(warehouse, per_minute=1).acquire("IBM") <= 60


def test_pause_is_not_saved_up(warehouse: Warehouse) -> None:
    own = budget(warehouse, per_minute=1)
    own.acquire("IBM")
    with warehouse.connect(Role.WRITER) as connection:
        connection.execute("update ops.api_budget set next_slot_at = now() - interval '1 hour'")
    assert own.acquire("IBM") == 0
    assert own.acquire("IBM") > 0


def test_refusal_by_the_provider_stops_all_who_share_the_key(warehouse: Warehouse) -> None:
    first, second = budget(warehouse), budget(warehouse)
    first.acquire("IBM")
    first.exhaust("day")
    first.exhaust("day")
    for own in (first, second):
        with pytest.raises(QuotaSpent):
            own.acquire("IBM")
    assert used(warehouse) == [1]


def test_refusal_before_any_request_is_noted_too(warehouse: Warehouse) -> None:
    budget(warehouse).exhaust("day")
    with pytest.raises(QuotaSpent):
        budget(warehouse).acquire("IBM")


def test_other_keys_and_other_days_are_apart(warehouse: Warehouse) -> None:
    budget(warehouse).exhaust("day")
    budget(warehouse, key="another-key").acquire("IBM")
    with warehouse.connect(Role.WRITER) as connection:
        connection.execute("update ops.api_budget set day = day - 1")
    budget(warehouse).acquire("IBM")
    assert sorted(used(warehouse)) == [0, 1, 1]


def test_refused_request_writes_nothing(warehouse: Warehouse) -> None:
    own = budget(warehouse, per_day=1)
    own.acquire("IBM")
    with warehouse.connect(Role.READER) as connection:
        before = connection.execute("select * from ops.api_budget").fetchall()
        with pytest.raises(QuotaSpent):
            own.acquire("IBM")
        assert connection.execute("select * from ops.api_budget").fetchall() == before


def test_key_is_not_in_the_table(warehouse: Warehouse) -> None:
    own = budget(warehouse)
    own.acquire("IBM")
    own.exhaust("day")
    with warehouse.connect(Role.READER) as connection:
        rows = connection.execute("select b::text from ops.api_budget b").fetchall()
    assert "alphavantage:" in str(rows)
    assert not [part for part in (KEY, KEY[:6], KEY[-6:]) if part in str(rows)]
    assert KEY not in repr(vars(own))


def an_hour_later(warehouse: Warehouse) -> None:
    with warehouse.connect(Role.WRITER) as connection:
        connection.execute(
            """
            update ops.api_budget set
                hour = hour - interval '1 hour', hour_exhausted_at = hour_exhausted_at - interval '1 hour'
            """
        )


def test_an_hours_requests_are_an_hours(warehouse: Warehouse) -> None:
    own = tiingo(warehouse, per_hour=2, per_day=3)
    for _ in range(2):
        assert own.acquire("IBM") == 0
    for _ in range(2):
        with pytest.raises(QuotaSpent, match=r"hour's 2 requests are spent\. A run after the next full hour") as caught:
            own.acquire("IBM")
    assert (caught.value.exit_code, caught.value.period) == (69, "hour")
    an_hour_later(warehouse)
    own.acquire("IBM")
    with pytest.raises(QuotaSpent, match="day's 3 requests"):
        own.acquire("IBM")
    assert used(warehouse) == [3]


def test_an_hour_that_the_provider_calls_spent_is_spent_for_all(warehouse: Warehouse) -> None:
    tiingo(warehouse, per_hour=50).exhaust("hour")
    with pytest.raises(QuotaSpent, match="hour's 50"):
        tiingo(warehouse, per_hour=50).acquire("IBM")
    tiingo(warehouse, key="another-key", per_hour=50).acquire("IBM")
    an_hour_later(warehouse)
    tiingo(warehouse, per_hour=50).acquire("IBM")


def test_a_month_has_its_symbols(warehouse: Warehouse) -> None:
    own = tiingo(warehouse, symbols_per_month=2)
    for symbol in ("IBM", "MSFT", "IBM"):
        own.acquire(symbol)
    with pytest.raises(QuotaSpent, match="month's 2 symbols") as caught:
        own.acquire("AAPL")
    assert caught.value.period == "month"
    own.acquire("MSFT")
    assert used(warehouse) == [4]
    tiingo(warehouse, key="another-key", symbols_per_month=2).acquire("AAPL")
    with warehouse.connect(Role.WRITER) as connection:
        connection.execute("update ops.api_symbol set month = month - interval '1 month'")
    own.acquire("AAPL")


def test_a_symbol_of_which_no_request_left_does_not_count(warehouse: Warehouse) -> None:
    own, beside = tiingo(warehouse, symbols_per_month=2), tiingo(warehouse, symbols_per_month=2)
    own.acquire("IBM")
    own.acquire("MSFT")
    own.give_back("MSFT")
    own.acquire("AAPL")
    with pytest.raises(QuotaSpent, match="month's 2 symbols"):
        own.acquire("MSFT")
    beside.acquire("AAPL")  # this one is answered: the symbol counts, though the other request never left
    own.give_back("AAPL")
    with pytest.raises(QuotaSpent, match="month's 2 symbols"):
        own.acquire("MSFT")
    own.acquire("AAPL")


def test_threads_share_the_hour_and_the_months_symbols(warehouse: Warehouse) -> None:
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def work(name: int) -> None:
        own = tiingo(warehouse, per_hour=10, symbols_per_month=6)
        barrier.wait()
        for number in range(5):
            try:
                own.acquire(f"T{name}{number % 3}")
                outcomes.append("sent")
            except QuotaSpent as error:
                outcomes.append(error.period)

    threads = [threading.Thread(target=work, args=[name]) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("sent") <= 10
    assert used(warehouse) == [outcomes.count("sent")]
    with warehouse.connect(Role.READER) as connection:
        assert connection.execute("select count(*) <= 6 from ops.api_symbol").fetchone() == (True,)
