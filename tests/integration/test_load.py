"""Loads: true counts, no half of one, the newest answer's values whatever the order."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocks.bronze import ObjectKey
from stocks.errors import ConfigError, DataError
from stocks.silver import ParsedSeries
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import Connection
from stocks.warehouse.load import (
    Company,
    Load,
    LoadCounts,
    analyze,
    load,
    load_apart,
    load_company,
    pending,
    refusals,
    reload,
)
from stocks.warehouse.migrate import migrate

NOON = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
MONDAY = date(2024, 5, 13)
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (MONDAY + timedelta(days=n) for n in range(1, 5))

_serial = itertools.count()
_symbols = (f"T{n}" for n in itertools.count())


def bar(day: date, close: float = 10.0, *, adjusted: float | None = None, final: bool = True) -> dict[str, Any]:
    return {
        "price_date": day,
        **dict.fromkeys(("open", "high", "low", "close"), close),
        "adjusted_close": close if adjusted is None else adjusted,
        "volume": 1000,
        "dividend_amount": 0.0,
        "split_coefficient": 1.0,
        "is_final": final,
    }


def made(
    *bars: dict[str, Any],
    at: int = 0,
    symbol: str = "IBM",
    interval: str = "daily",
    rejects: Iterable[tuple[str, str, str, str]] = (),
    refused: str = "",
    rule: str = "two_bases",
    source: str = "sample",
) -> Load:
    """An object that was observed `at` hours after noon, as if it had been parsed."""
    daily = interval == "daily"
    key = ObjectKey(
        area="series",
        symbol=symbol,
        endpoint="TIME_SERIES_DAILY_ADJUSTED" if daily else "TIME_SERIES_WEEKLY_ADJUSTED",
        source=source,
        observed_at=NOON + timedelta(hours=at),
        sha256=f"{next(_serial):064x}",
    )
    series = ParsedSeries(
        bars=pl.DataFrame(bars, schema_overrides={"volume": pl.Int64}),
        rejects=pl.DataFrame(list(rejects), schema=["price_date", "rule", "reason", "raw"], orient="row"),
        faults={rule: refused} if refused else {},
    )
    return Load(key, interval, series)


@pytest.fixture(scope="module")
def database(new_database: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    """One for all tests here: making one takes longer than most of them."""
    with new_database() as own:
        migrate(own)
        yield own


@pytest.fixture
def warehouse(database: Warehouse) -> Warehouse:
    """An empty one, in place of the database of its own that other tests get."""
    with database.connect(Role.OWNER) as connection:
        connection.execute(
            "truncate silver.bar, silver.series, silver.rejected_bar, silver.suspect_bar, silver.restatement,"
            " silver.company, ops.bronze_object, ops.source_series"
        )
    return database


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterable[Connection]:
    with warehouse.connect(Role.WRITER) as own:
        yield own


def closes(connection: Connection, symbol: str = "IBM") -> dict[date, float]:
    found = connection.execute(
        "select price_date, close from silver.price_bar where symbol = %s order by price_date", [symbol]
    )
    return dict(found.fetchall())


def adjusted(connection: Connection) -> dict[date, float]:
    return dict(connection.execute("select price_date, adjusted_close from silver.price_bar order by 1").fetchall())


def status(connection: Connection, one: Load) -> Any:
    row = connection.execute("select status from ops.bronze_object where bronze_key = %s", [str(one.key)]).fetchone()
    return row[0] if row else None


def reasons(connection: Connection, symbol: str) -> dict[str, str]:
    return {refusal.source: refusal.why for refusal in refusals(connection, [symbol]).get(symbol, [])}


def restatements(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select symbol, interval, bars_changed, first_date, last_date, largest_factor, bronze_key, observed_at"
        " from silver.restatement"
    ).fetchall()


def changed_from(connection: Connection, one: Load) -> date | None:
    """Loads an object; gives the first day from which gold must compute the series anew because of it."""
    load(connection, one)
    row = connection.execute(
        "select changed_from from ops.bronze_object where bronze_key = %s", [str(one.key)]
    ).fetchone()
    assert row is not None
    return row[0]


class TestChangedFrom:
    WEEK = (bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY))
    SPLIT: ClassVar = {**bar(THURSDAY), "split_coefficient": 2.0}

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            pytest.param([*WEEK], None, id="nothing new"),
            pytest.param([*WEEK, bar(THURSDAY), bar(FRIDAY)], THURSDAY, id="grown"),
            pytest.param([*WEEK, bar(THURSDAY, final=False)], None, id="a provisional bar"),
            pytest.param([bar(MONDAY), bar(TUESDAY, 11), bar(WEDNESDAY)], TUESDAY, id="restated"),
            pytest.param([bar(MONDAY), bar(WEDNESDAY)], TUESDAY, id="withdrawn"),
            pytest.param([bar(MONDAY), bar(WEDNESDAY, 11), bar(THURSDAY)], TUESDAY, id="all of it"),
            pytest.param([bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY, final=False)], WEDNESDAY, id="final no more"),
            pytest.param([bar(MONDAY - timedelta(days=3)), *WEEK], MONDAY - timedelta(days=3), id="backfilled"),
            pytest.param([*WEEK, SPLIT], MONDAY, id="split"),
            pytest.param([*WEEK, SPLIT | {"is_final": False}], None, id="a provisional bar's split"),
        ],
    )
    def test_is_the_first_day_that_gold_computes_anew(
        self, told: list[dict[str, Any]], expected: date | None, connection: Connection
    ) -> None:
        assert changed_from(connection, made(*self.WEEK)) == MONDAY
        assert changed_from(connection, made(*told, at=1)) == expected

    @pytest.mark.parametrize(
        "told",
        [
            pytest.param([*WEEK, SPLIT | {"split_coefficient": 3.0}], id="changed"),
            pytest.param([*WEEK, bar(THURSDAY)], id="no split"),
            pytest.param([*WEEK], id="withdrawn with its bar"),
            pytest.param([*WEEK, SPLIT | {"is_final": False}], id="final no more"),
        ],
    )
    def test_is_the_first_bar_where_a_split_is_another(
        self, told: list[dict[str, Any]], connection: Connection
    ) -> None:
        load(connection, made(*self.WEEK, self.SPLIT))
        assert changed_from(connection, made(*told, at=1)) == MONDAY

    def test_split_counts_when_its_bar_is_final(self, connection: Connection) -> None:
        load(connection, made(*self.WEEK, self.SPLIT | {"is_final": False}))
        assert changed_from(connection, made(*self.WEEK, self.SPLIT, at=1)) == MONDAY

    def test_refused_answer_changes_nothing(self, connection: Connection) -> None:
        load(connection, made(*self.WEEK))
        assert changed_from(connection, made(bar(FRIDAY), at=1, refused="torn")) is None


class TestCounts:
    def test_new_bars_are_inserted(self, connection: Connection) -> None:
        assert load(connection, made(bar(MONDAY), bar(TUESDAY))) == LoadCounts(inserted=2)

    def test_row_holds_every_value_and_where_it_came_from(self, connection: Connection) -> None:
        values = {
            "price_date": MONDAY,
            "open": 1.1,
            "high": 1.4,
            "low": 1.0,
            "close": 1.3,
            "adjusted_close": 0.1 + 0.2,
            "volume": 2**53 - 1,
            "dividend_amount": 0.01,
            "split_coefficient": 1.046,
            "is_final": False,
        }
        one = made(values)
        load(connection, one)
        row = connection.execute(
            f"select {', '.join(values)}, symbol, interval, source, bronze_key, observed_at from silver.price_bar"
        ).fetchone()
        assert row == (*values.values(), "IBM", "daily", "sample", str(one.key), NOON)

    def test_equal_bars_are_unchanged_and_not_rewritten(self, connection: Connection) -> None:
        place = "select xmin, ctid, load_id from silver.bar order by price_date"
        load(connection, made(bar(MONDAY), bar(TUESDAY)))
        before = connection.execute(place).fetchall()
        counts = load(connection, made(bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY), at=1))
        assert counts == LoadCounts(inserted=1, unchanged=2)
        assert connection.execute(place).fetchall()[:2] == before
        assert restatements(connection) == []

    def test_statistics_are_made_after_a_load_and_left_alone_after_a_small_one(self, connection: Connection) -> None:
        analyzed = "select pg_stat_get_last_analyze_time('silver.bar'::regclass)"
        bars = [bar(MONDAY + timedelta(days=n)) for n in range(31)]
        for at, until in enumerate((5, 10, 30)):
            load(connection, made(*bars[:until], at=at))
        analyze(connection)
        first = connection.execute(analyzed).fetchone()
        connection.execute("select pg_stat_force_next_flush()")  # in place of a second's wait
        load(connection, made(*bars, at=9))
        analyze(connection)
        assert connection.execute(analyzed).fetchone() == first

    def test_every_column_counts_as_a_change(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY)))
        changes = [name for name in bar(MONDAY) if name not in {"price_date", "is_final"}]
        for at, name in enumerate(changes, start=1):
            kept = dict.fromkeys(changes[: at - 1], 77)
            assert load(connection, made({**bar(MONDAY), **kept, name: 77}, at=at)) == LoadCounts(restated=1), name

    def test_changed_final_bars_are_restated_and_told(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY)))
        second = made(bar(MONDAY, 11), bar(TUESDAY), bar(WEDNESDAY, 12), at=1)
        assert load(connection, second) == LoadCounts(restated=2, unchanged=1)
        assert restatements(connection) == [
            ("IBM", "daily", 2, MONDAY, WEDNESDAY, 1.2, str(second.key), NOON + timedelta(hours=1))
        ]

    def test_split_is_one_restatement_by_half(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY, 80), bar(TUESDAY, 82), bar(WEDNESDAY, 84)))
        split = {**bar(THURSDAY, 43), "split_coefficient": 2.0}
        after = [bar(MONDAY, 80, adjusted=40), bar(TUESDAY, 82, adjusted=41), bar(WEDNESDAY, 84, adjusted=42), split]
        assert load(connection, made(*after, at=1)) == LoadCounts(restated=3, inserted=1)
        ((_, _, changed, first, last, factor, _, _),) = restatements(connection)
        assert (changed, first, last, factor) == (3, MONDAY, WEDNESDAY, 0.5)

    @pytest.mark.parametrize(("up", "down", "largest"), [(1.5, 0.5, 0.5), (3.0, 0.5, 3.0)])
    def test_largest_factor_is_the_furthest_from_one_up_or_down(
        self, up: float, down: float, largest: float, connection: Connection
    ) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY)))
        load(connection, made(bar(MONDAY, 10 * up), bar(TUESDAY, 10 * down), bar(WEDNESDAY, 10.001), at=1))
        assert restatements(connection)[0][5] == largest

    def test_provisional_bar_that_becomes_final_is_no_restatement(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY, 9, final=False)))
        counts = load(connection, made(bar(MONDAY), bar(TUESDAY, 11), at=1))
        assert counts == LoadCounts(replaced=1, unchanged=1)
        assert restatements(connection) == []
        assert connection.execute("select close from silver.price_bar where is_final").fetchall() == [(10,), (11,)]

    def test_provisional_bar_that_becomes_final_with_the_same_values_is_replaced(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY, final=False)))
        assert load(connection, made(bar(MONDAY), at=1)) == LoadCounts(replaced=1)

    def test_partial_week_is_withdrawn_when_the_week_goes_on(self, connection: Connection) -> None:
        last_week = MONDAY - timedelta(days=3)
        load(connection, made(bar(last_week), bar(TUESDAY, final=False), interval="weekly"))
        counts = load(connection, made(bar(last_week), bar(THURSDAY, final=False), at=1, interval="weekly"))
        assert counts == LoadCounts(inserted=1, withdrawn=1, unchanged=1)
        assert counts.changed == 2
        assert list(closes(connection)) == [last_week, THURSDAY]

    def test_final_bar_that_an_answer_lacks_is_withdrawn_and_told(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY)))
        second = made(bar(TUESDAY), at=1)
        assert load(connection, second) == LoadCounts(unchanged=1, withdrawn=1)
        assert list(closes(connection)) == [TUESDAY]
        assert restatements(connection) == [
            ("IBM", "daily", 1, MONDAY, MONDAY, 1.0, str(second.key), NOON + timedelta(hours=1))
        ]

    def test_bar_dropped_before_a_split_leaves_no_second_basis(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY, 80), bar(TUESDAY, 82), bar(WEDNESDAY, 84)))
        load(connection, made(bar(MONDAY, 80), bar(WEDNESDAY, 84), at=1))
        split = {**bar(THURSDAY, 43), "split_coefficient": 2.0}
        load(connection, made(bar(MONDAY, 80, adjusted=40), bar(WEDNESDAY, 84, adjusted=42), split, at=2))
        held = connection.execute("select price_date, adjusted_close from silver.price_bar order by 1").fetchall()
        assert held == [(MONDAY, 40), (WEDNESDAY, 42), (THURSDAY, 43)]

    def test_first_bar_dropped_before_a_dividend_leaves_no_second_basis(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY, 80), bar(TUESDAY, 82), bar(WEDNESDAY, 84)))
        load(connection, made(bar(TUESDAY, 82), bar(WEDNESDAY, 84), at=1))
        paid = {**bar(THURSDAY, 82), "dividend_amount": 2.0}
        load(connection, made(bar(TUESDAY, 82, adjusted=80), bar(WEDNESDAY, 84, adjusted=82), paid, at=2))
        assert adjusted(connection) == {TUESDAY: 80, WEDNESDAY: 82, THURSDAY: 82}
        assert reasons(connection, "IBM") == {}

    def test_last_bars_alone_after_a_dividend_are_refused_until_the_whole_is_told(self, connection: Connection) -> None:
        days = [MONDAY + timedelta(days=n) for n in range(10)]
        for at in (0, 1):
            load(connection, made(*map(bar, days), at=at))
        told = [bar(day, adjusted=8) for day in days]
        paid = {**bar(days[-1] + timedelta(days=1), 8), "dividend_amount": 2.0}
        load(connection, made(*told[6:], paid, at=2))
        assert adjusted(connection) == dict.fromkeys(days, 10)
        assert reasons(connection, "IBM")["sample"].startswith("It lacks 6 of the 10 final bars told before")
        load(connection, made(*told, paid, at=3))
        assert adjusted(connection) == dict.fromkeys([*days, paid["price_date"]], 8)
        assert reasons(connection, "IBM") == {}

    def test_cached_answer_from_before_a_split_is_refused_until_the_next_good_one(self, connection: Connection) -> None:
        days = [MONDAY + timedelta(days=n) for n in range(-5, 5)]
        cached = [bar(day, 80) for day in days[:-2]]
        halved = [bar(day, 80, adjusted=40) for day in days[:-2]]
        split = {**bar(days[-2], 43), "split_coefficient": 2.0}
        for at, bars in enumerate((cached, [*halved, split], [*halved, split])):
            load(connection, made(*bars, at=at))
        right = adjusted(connection)
        assert load(connection, made(*cached, at=3)) == LoadCounts()
        assert adjusted(connection) == right
        assert reasons(connection, "IBM")["sample"].startswith(
            f"It tells no more what was told before: the split of {days[-2]}."
        )
        load(connection, made(*halved, split, bar(days[-1], 44), at=4))
        assert adjusted(connection) == right | {days[-1]: 44}
        assert reasons(connection, "IBM") == {}
        # The bar of the split alone may be dropped: what came after it is on the new basis still.
        assert load(connection, made(*halved, bar(days[-1], 44), at=5)) == LoadCounts(unchanged=9, withdrawn=1)

    def test_changed_and_withdrawn_bars_are_one_restatement(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY)))
        assert load(connection, made(bar(TUESDAY), bar(WEDNESDAY, 12), at=1)) == LoadCounts(
            restated=1, withdrawn=1, unchanged=1
        )
        ((_, _, changed, first, last, factor, _, _),) = restatements(connection)
        assert (changed, first, last, factor) == (2, MONDAY, WEDNESDAY, 1.2)
        assert connection.execute("select bars_withdrawn from silver.restatement").fetchall() == [(1,)]

    def test_row_that_breaks_a_rule_leaves_the_bar_that_was_told_before(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY)))
        broken = [(str(TUESDAY), "high_below_low", "no", "{}")]
        assert load(connection, made(bar(MONDAY), at=1, rejects=broken)) == LoadCounts(unchanged=1, rejected=1)
        assert list(closes(connection)) == [MONDAY, TUESDAY]

    def test_row_that_breaks_a_rule_takes_its_bar_along_when_the_basis_changes(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY, 80), bar(TUESDAY, 82)))
        split = {**bar(WEDNESDAY, 43), "split_coefficient": 2.0}
        broken = [(str(TUESDAY), "high_below_low", "no", "{}")]
        counts = load(connection, made(bar(MONDAY, 80, adjusted=40), split, at=1, rejects=broken))
        assert counts == LoadCounts(inserted=1, restated=1, withdrawn=1, rejected=1)
        assert list(closes(connection)) == [MONDAY, WEDNESDAY]

    def test_stale_mid_week_bar_goes_when_its_week_is_told_whole(self, connection: Connection) -> None:
        load(connection, made(bar(WEDNESDAY), interval="weekly"))
        partial = [(str(WEDNESDAY), "duplicate_week", "of the same week", "{}")]
        load(connection, made(bar(FRIDAY), at=1, interval="weekly", rejects=partial))
        assert list(closes(connection)) == [FRIDAY]

    def test_answer_that_lacks_more_than_a_few_bars_is_refused(self, connection: Connection) -> None:
        days = [MONDAY + timedelta(days=n) for n in range(10)]
        for at in (0, 1):
            load(connection, made(*map(bar, days), at=at))
        assert load(connection, made(*map(bar, days[6:]), at=2)) == LoadCounts()
        assert list(closes(connection)) == days
        assert reasons(connection, "IBM") == {
            "sample": "It lacks 6 of the 10 final bars told before, from 2024-05-13 to 2024-05-18. "
            "1 answer tells so, 2 told what is held."
        }
        assert load(connection, made(*map(bar, days[5:]), at=3)) == LoadCounts(unchanged=5, withdrawn=5)
        assert reasons(connection, "IBM") == {}

    def test_intervals_and_symbols_are_apart(self, connection: Connection) -> None:
        load(connection, made(bar(FRIDAY, final=False)))
        for other in (made(bar(THURSDAY), at=1, interval="weekly"), made(bar(THURSDAY), at=1, symbol="AAPL")):
            assert load(connection, other) == LoadCounts(inserted=1)
        assert connection.execute("select count(*) from silver.price_bar").fetchone() == (3,)

    def test_sources_are_apart(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(FRIDAY, final=False), at=5))
        other = made(bar(MONDAY, 11), bar(TUESDAY, 12, final=False), source="tiingo")
        assert load(connection, other) == LoadCounts(inserted=2)
        assert status(connection, other) == "loaded"  # what another source told later supersedes nothing
        later = made(bar(MONDAY, 11), bar(TUESDAY, 13), at=6, source="tiingo")
        assert load(connection, later) == LoadCounts(replaced=1, unchanged=1)
        load(connection, made(at=7, refused="Wrong.", source="tiingo"))
        assert reasons(connection, "IBM") == {"tiingo": "Wrong."}
        bars = "select source, price_date, close from silver.price_bar order by 1, 2"
        held = [("sample", MONDAY, 10), ("sample", FRIDAY, 10), ("tiingo", MONDAY, 11), ("tiingo", TUESDAY, 13)]
        assert connection.execute(bars).fetchall() == held
        load(connection, made(bar(MONDAY, 22), bar(TUESDAY, 13), at=8, source="tiingo"))
        assert connection.execute("select source, bars_changed from silver.restatement").fetchall() == [("tiingo", 1)]

    def test_rejects_are_kept_and_counted(self, connection: Connection) -> None:
        rejects = [("2024-05-11", "not_a_session", "closed", '{"1. open": "1"}'), ("x", "unparsable_date", "no", "[]")]
        assert load(connection, made(bar(MONDAY), rejects=rejects)) == LoadCounts(inserted=1, rejected=2)
        found = connection.execute(
            "select symbol, interval, price_date, rule, reason, raw from silver.rejected_bar order by price_date"
        ).fetchall()
        assert found == [
            ("IBM", "daily", "2024-05-11", "not_a_session", "closed", {"1. open": "1"}),
            ("IBM", "daily", "x", "unparsable_date", "no", []),
        ]

    def test_counts_are_in_the_log_of_objects(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY), bar(TUESDAY), bar(FRIDAY, final=False), bar(THURSDAY, final=False)))
        rejects = [("x", "unparsable_date", "no", "[]")]
        one = made(bar(MONDAY), bar(TUESDAY, 11), bar(WEDNESDAY), bar(THURSDAY), at=1, rejects=rejects)
        counts = load(connection, one)
        assert counts == LoadCounts(inserted=1, restated=1, replaced=1, unchanged=1, withdrawn=1, rejected=1)
        row = connection.execute(
            "select status, bars_inserted, bars_restated, bars_replaced, bars_unchanged, bars_withdrawn,"
            " bars_rejected, bars_changed from ops.bronze_object where bronze_key = %s",
            [str(one.key)],
        ).fetchone()
        assert row == ("loaded", 1, 1, 1, 1, 1, 1, counts.changed)
        assert counts.changed == 4


class TestRefused:
    def test_refused_payload_changes_no_bar(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY)))
        rejects = [("x", "unparsable_date", "no", "[]")]
        one = made(bar(MONDAY, 99), at=1, rejects=rejects, refused="It is on two bases.")
        assert load(connection, one) == LoadCounts(rejected=1)
        assert closes(connection) == {MONDAY: 10}
        assert status(connection, one) == "refused"
        assert reasons(connection, "IBM") == {"sample": "It is on two bases."}

    def test_payload_without_bars_at_all_is_refused(self, connection: Connection) -> None:
        one = made()._replace(series=ParsedSeries.refusal("No series."))
        assert load(connection, one) == LoadCounts()
        assert reasons(connection, "IBM") == {"sample": "No series."}

    def test_only_the_latest_answer_counts(self, connection: Connection) -> None:
        assert reasons(connection, "IBM") == {}
        load(connection, made(bar(MONDAY), at=2))
        load(connection, made(at=1, refused="Wrong."))
        assert reasons(connection, "IBM") == {}
        load(connection, made(at=3, refused="Wrong again."))
        assert reasons(connection, "IBM") == {"sample": "Wrong again."}
        assert reasons(connection, "AAPL") == {}

    def test_series_of_one_source_are_apart(self, connection: Connection) -> None:
        load(connection, made(at=1, refused="Wrong."))
        load(connection, made(bar(FRIDAY), at=2, interval="weekly"))
        assert [(one.source, one.interval, one.why) for one in refusals(connection, ["IBM"])["IBM"]] == [
            ("sample", "daily", "Wrong.")
        ]

    def test_refused_payload_does_not_supersede(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY)))
        load(connection, made(at=2, refused="Wrong."))
        assert load(connection, made(bar(MONDAY, 11), at=1)) == LoadCounts(restated=1)


class TestOrder:
    def test_nothing_is_taken_of_an_older_payload(self, connection: Connection) -> None:
        load(connection, made(bar(TUESDAY, 20), bar(WEDNESDAY, 30), at=5))
        older = made(bar(MONDAY, 1), bar(TUESDAY, 2), bar(FRIDAY, final=False))
        assert load(connection, older) == LoadCounts()
        assert closes(connection) == {TUESDAY: 20, WEDNESDAY: 30}
        assert status(connection, older) == "superseded"
        assert restatements(connection) == []

    def test_superseded_payload_supersedes_nothing(self, connection: Connection) -> None:
        load(connection, made(bar(MONDAY, 30), at=3))
        load(connection, made(bar(MONDAY, 10), at=1))
        newest = made(bar(MONDAY, 40), at=4)
        assert load(connection, newest) == LoadCounts(restated=1)
        assert status(connection, newest) == "loaded"

    def test_repeated_load_is_passed_over(self, connection: Connection) -> None:
        one = made(bar(MONDAY), rejects=[("x", "unparsable_date", "no", "[]")])
        load(connection, one)
        load(connection, made(bar(MONDAY, 11), at=1))
        assert load(connection, one) == LoadCounts()
        assert closes(connection) == {MONDAY: 11}
        assert connection.execute("select count(*) from silver.rejected_bar").fetchone() == (1,)
        assert connection.execute("select count(*) from ops.bronze_object").fetchone() == (2,)

    def test_pending_are_those_not_loaded_in_their_order(self, connection: Connection) -> None:
        first, second, third = made(bar(MONDAY)), made(bar(MONDAY), at=1), made(bar(MONDAY), at=2)
        load(connection, second)
        assert pending(connection, [third.key, second.key, first.key]) == [third.key, first.key]
        assert pending(connection, []) == []

    def test_reload_equals_loading_in_order(self, connection: Connection) -> None:
        versions = [
            made(bar(MONDAY), bar(TUESDAY, final=False)),
            made(bar(MONDAY, 5), bar(TUESDAY, 6), bar(WEDNESDAY, 7, final=False), at=1),
            made(bar(TUESDAY, 6), bar(WEDNESDAY, 8), bar(THURSDAY, 9), at=2, rejects=[("x", "r", "no", "[]")]),
        ]
        total = LoadCounts()
        for one in versions:
            total.add(load(connection, one))
        load(connection, made(bar(MONDAY, 3), symbol="AAPL"))
        before = self.everything(connection)
        assert reload(connection, ["IBM"], [[one] for one in versions]) == {"IBM": total}
        assert self.everything(connection) == before

    def test_reload_of_fewer_objects_forgets_the_others(self, connection: Connection) -> None:
        first, second = made(bar(MONDAY)), made(bar(MONDAY, 5), bar(TUESDAY), at=1)
        for one in (first, second):
            load(connection, one)
        reload(connection, ["IBM"], [[first]])
        assert closes(connection) == {MONDAY: 10}
        assert restatements(connection) == []
        assert pending(connection, [first.key, second.key]) == [second.key]

    def test_reload_that_fails_leaves_all_as_it_was(self, connection: Connection) -> None:
        first = made(bar(MONDAY))
        load(connection, first)
        before = self.everything(connection)

        def broken() -> Iterable[list[Load]]:
            yield [first]
            raise ConfigError("in the middle")

        with pytest.raises(ConfigError):
            reload(connection, ["IBM"], broken())
        assert self.everything(connection) == before

    @staticmethod
    def everything(connection: Connection) -> list[list[tuple[Any, ...]]]:
        return [
            connection.execute(statement).fetchall()
            for statement in (
                "select symbol, interval, price_date, close, bronze_key from silver.price_bar order by 1, 2, 3",
                "select * from silver.rejected_bar order by bronze_key",
                "select * from silver.restatement order by bronze_key",
                "select bronze_key, status, bars_changed from ops.bronze_object order by bronze_key",
            )
        ]


days = st.sampled_from([MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY])
payloads = st.dictionaries(days, st.sampled_from([1.0, 2.0, 3.0]), min_size=1)


class TestAnyOrder:
    @given(data=st.data(), versions=st.lists(payloads, min_size=1, max_size=5))
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_newest_answer_wins_whatever_the_order(
        self, connection: Connection, data: st.DataObject, versions: list[dict[date, float]]
    ) -> None:
        symbol = next(_symbols)
        finals = st.lists(st.booleans(), min_size=len(versions), max_size=len(versions))
        provisional = data.draw(finals)
        loads = []
        for at, (version, is_open) in enumerate(zip(versions, provisional, strict=True)):
            last = max(version)
            rows = [bar(day, close, final=not (is_open and day == last)) for day, close in sorted(version.items())]
            loads.append(made(*rows, at=at, symbol=symbol))
        order = data.draw(st.permutations(loads))
        again = data.draw(st.lists(st.sampled_from(loads)))
        for one in (*order, *again):
            load(connection, one)
        held = closes(connection, symbol)
        newest = versions[-1]
        assert held == newest
        last_words = connection.execute(
            "select price_date from silver.price_bar where symbol = %s and not is_final", [symbol]
        ).fetchall()
        assert last_words == ([(max(newest),)] if provisional[-1] else [])
        in_order = next(_symbols)
        for one in loads:
            load(connection, one._replace(key=one.key.__class__(**{**vars(one.key), "symbol": in_order})))
        assert closes(connection, in_order) == newest

    @given(versions=st.lists(payloads, min_size=1, max_size=6))
    @settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_counts_add_up_to_what_is_there(self, connection: Connection, versions: list[dict[date, float]]) -> None:
        symbol = next(_symbols)
        total = LoadCounts()
        for at, version in enumerate(versions):
            before = closes(connection, symbol)
            rows = [bar(day, close) for day, close in sorted(version.items())]
            counts = load(connection, made(*rows, at=at, symbol=symbol))
            after = closes(connection, symbol)
            assert after == version
            assert counts.inserted == len(after.keys() - before.keys())
            assert counts.withdrawn == len(before.keys() - after.keys())
            assert counts.restated == sum(after[day] != before[day] for day in after.keys() & before.keys())
            assert counts.inserted + counts.restated + counts.unchanged == len(version)
            total.add(counts)
        assert total.inserted - total.withdrawn == len(closes(connection, symbol))


class TestKilled:
    def test_load_whose_process_dies_before_the_commit_leaves_nothing(self, warehouse: Warehouse) -> None:
        one = made(bar(MONDAY), rejects=[("x", "unparsable_date", "no", "[]")])
        with warehouse.connect(Role.WRITER) as doomed:
            doomed.execute("begin")
            assert load(doomed, one) == LoadCounts(inserted=1, rejected=1)
            doomed.pgconn.finish()  # as the kernel does for a process that was killed
        with warehouse.connect(Role.WRITER) as connection:
            for table in ("silver.price_bar", "silver.rejected_bar", "ops.bronze_object"):
                assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)
            assert load(connection, one) == LoadCounts(inserted=1, rejected=1)

    def test_load_that_breaks_in_the_middle_leaves_nothing(self, connection: Connection) -> None:
        broken = made(bar(MONDAY), {**bar(TUESDAY), "volume": None})
        with pytest.raises(psycopg.errors.NotNullViolation):
            load(connection, broken)
        assert closes(connection) == {}
        assert status(connection, broken) is None
        assert load(connection, made(bar(MONDAY))) == LoadCounts(inserted=1)


def together(*work: Callable[[], Any]) -> list[Any]:
    """What functions give that are called at the same time."""
    barrier = threading.Barrier(len(work))
    results: list[Any] = []

    def run(one: Callable[[], Any]) -> None:
        barrier.wait()
        results.append(one())

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestAtOnce:
    def test_object_loaded_by_many_is_loaded_once(self, warehouse: Warehouse) -> None:
        one = made(*(bar(MONDAY + timedelta(days=n)) for n in range(500)), rejects=[("x", "r", "no", "[]")])

        def work() -> LoadCounts:
            with warehouse.connect(Role.WRITER) as own:
                return load(own, one)

        found = together(*[work] * 4)
        assert sorted(counts.inserted for counts in found) == [0, 0, 0, 500]
        with warehouse.connect(Role.READER) as connection:
            assert connection.execute("select count(*) from silver.rejected_bar").fetchone() == (1,)
            assert connection.execute("select count(*) from ops.bronze_object").fetchone() == (1,)

    def test_versions_loaded_at_once_end_with_the_newest(self, warehouse: Warehouse) -> None:
        versions = [made(bar(MONDAY, 10 + at), bar(TUESDAY, 20 + at), at=at) for at in range(4)]

        def work(one: Load) -> LoadCounts:
            with warehouse.connect(Role.WRITER) as own:
                return load(own, one)

        together(*[lambda one=one: work(one) for one in versions])
        with warehouse.connect(Role.READER) as connection:
            assert closes(connection) == {MONDAY: 13, TUESDAY: 23}

    def test_another_symbol_does_not_wait(self, warehouse: Warehouse) -> None:
        with warehouse.connect(Role.WRITER) as first, warehouse.connect(Role.WRITER) as second:
            second.execute("set lock_timeout = '5s'")
            with first.transaction():
                load(first, made(bar(MONDAY)))
                assert load(second, made(bar(MONDAY), symbol="AAPL")) == LoadCounts(inserted=1)
                second.execute("set lock_timeout = '50ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    load(second, made(bar(MONDAY), at=1))

    def test_ten_writers_are_all_within_their_transactions_at_the_same_time(self, warehouse: Warehouse) -> None:
        inside = threading.Barrier(10, timeout=20)

        def work(number: int) -> LoadCounts:
            own = [made(bar(MONDAY), bar(TUESDAY), symbol=f"T{number}{letter}") for letter in "ABC"]
            again = [one._replace(key=made(at=1, symbol=one.key.symbol).key) for one in own]
            with warehouse.connect(Role.WRITER) as connection, connection.transaction():
                counts = load(connection, *own)
                inside.wait()  # nobody has committed yet, and nobody waits
                counts.add(load(connection, *again))
                inside.wait()
            return counts

        found = together(*[lambda number=number: work(number) for number in range(10)])
        assert found == [LoadCounts(inserted=6, unchanged=6)] * 10

    def test_batches_that_share_symbols_in_other_orders_take_turns(self, warehouse: Warehouse) -> None:
        symbols = [f"S{number}" for number in range(8)]

        def work(number: int) -> None:
            order = symbols[number:] + symbols[:number]
            batch = [made(bar(MONDAY, 10 + number), at=number, symbol=symbol) for symbol in order]
            with warehouse.connect(Role.WRITER) as connection:
                load(connection, *(batch if number % 2 else reversed(batch)))

        assert together(*[lambda number=number: work(number) for number in range(8)]) == [None] * 8
        with warehouse.connect(Role.READER) as connection:
            assert {symbol: closes(connection, symbol) for symbol in symbols} == {key: {MONDAY: 17} for key in symbols}


class TestBatch:
    def test_answers_of_many_series_are_loaded_as_each_alone(self, connection: Connection) -> None:
        first = [made(bar(MONDAY), bar(TUESDAY), symbol=symbol) for symbol in ("ONE", "TWO")]
        then = [
            made(bar(MONDAY), bar(TUESDAY), bar(WEDNESDAY), at=1, symbol="ONE"),
            made(bar(MONDAY, 11), at=1, symbol="TWO"),
            made(at=1, symbol="THREE", refused="Wrong."),
            made(bar(FRIDAY), at=2, symbol="ONE", interval="weekly"),
        ]
        assert load(connection, *first, *then) == LoadCounts(inserted=6, unchanged=2, restated=1, withdrawn=1)
        assert closes(connection, "TWO") == {MONDAY: 11}
        assert [status(connection, one) for one in then] == ["loaded", "loaded", "refused", "loaded"]
        keys = connection.execute(
            "select symbol, price_date, bronze_key from silver.price_bar where interval = 'daily' order by 1, 2"
        ).fetchall()
        assert keys == [
            ("ONE", MONDAY, str(first[0].key)),
            ("ONE", TUESDAY, str(first[0].key)),
            ("ONE", WEDNESDAY, str(then[0].key)),
            ("TWO", MONDAY, str(then[1].key)),
        ]

    def test_a_fault_in_one_loses_nothing_of_the_others(self, connection: Connection) -> None:
        broken = made({**bar(TUESDAY), "volume": None}, symbol="TWO")
        good = [made(bar(MONDAY), symbol=symbol) for symbol in ("ONE", "THREE")]
        ended = load_apart(connection, [good[0], broken, good[1]])
        assert ended["ONE"] == ended["THREE"] == LoadCounts(inserted=1)
        assert isinstance(ended["TWO"], DataError)
        assert [status(connection, one) for one in (*good, broken)] == ["loaded", "loaded", None]


class TestCompany:
    def key(self, at: int) -> ObjectKey:
        return ObjectKey(
            area="reference",
            symbol="IBM",
            endpoint="OVERVIEW",
            source="sample",
            observed_at=NOON + timedelta(hours=at),
            sha256=f"{next(_serial):064x}",
        )

    def names(self, connection: Connection) -> list[tuple[Any, ...]]:
        return connection.execute(
            "select symbol, company_name, sector from silver.company order by observed_at"
        ).fetchall()

    def test_every_answer_is_kept_with_the_time_when_it_was_given(self, connection: Connection) -> None:
        load_company(connection, Company(self.key(1), {"company_name": "Business Machines", "sector": None}))
        load_company(connection, Company(self.key(0), {"company_name": "Computing-Tabulating", "sector": "Old"}))
        load_company(connection, Company(self.key(2), {"company_name": "IBM", "sector": "Technology"}))
        assert self.names(connection) == [
            ("IBM", "Computing-Tabulating", "Old"),
            ("IBM", "Business Machines", None),
            ("IBM", "IBM", "Technology"),
        ]

    def test_object_is_loaded_once_and_is_no_series(self, connection: Connection) -> None:
        key = self.key(0)
        for name in ("IBM", "another"):
            load_company(connection, Company(key, {"company_name": name}))
        assert self.names(connection) == [("IBM", "IBM", None)]
        assert pending(connection, [key]) == []
        assert reasons(connection, "IBM") == {}
        assert connection.execute("select interval, bars_changed from ops.bronze_object").fetchall() == [(None, 0)]

    def test_reload_of_the_series_keeps_the_company(self, connection: Connection) -> None:
        key = self.key(0)
        load_company(connection, Company(key, {"company_name": "IBM"}))
        reload(connection, ["IBM"], [])
        assert self.names(connection) == [("IBM", "IBM", None)]
        assert pending(connection, [key]) == []
