"""What an incremental build leaves in gold is what a full one makes.

The fixture `sample_warehouse` has the sample in gold, to be changed: `dsn` (psycopg), `schema` (where gold is
built) and `dbt(*arguments)`, which runs dbt there and returns {node: (status, failures)} of its run_results.
"""

from __future__ import annotations

from typing import Any

import psycopg

_NEW_ANSWERS = """
-- AAPL is restated by a split, IBM has a bar more, MSFT one less and a provisional one; FB is gone, as by a replay.
update silver.price_bar set adjusted_close = adjusted_close / 2 where symbol = 'AAPL' and price_date < '2013-03-01';
update silver.price_bar set split_coefficient = 2 where symbol = 'AAPL' and price_date = '2013-03-01';
insert into silver.price_bar
select symbol, interval, '2013-03-04', open, high, low, close, adjusted_close, volume, 0, 1, true, source, bronze_key,
    '2013-03-04 23:00Z'
from silver.price_bar where symbol = 'IBM' and price_date = '2013-03-01';
delete from silver.price_bar where symbol = 'MSFT' and price_date = '2013-03-01';
update silver.price_bar set is_final = false where symbol = 'MSFT' and price_date = '2013-02-28';
delete from silver.price_bar where symbol = 'FB';
delete from ops.bronze_object where symbol = 'FB';
-- A series that is new: weekly bars of a symbol that no seed knows.
insert into silver.price_bar
select 'NEW', 'weekly', price_date, open, high, low, close, adjusted_close, volume, 0, 1, true, source, bronze_key,
    observed_at
from silver.price_bar where symbol = 'IBM' and price_date in ('2013-02-15', '2013-02-22', '2013-03-01');
insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_restated)
select 'second/' || symbol, symbol, interval, 'sample', 'TIME_SERIES_DAILY_ADJUSTED', '2013-03-04 23:00Z', 'loaded', 1
from (select distinct symbol, interval from silver.price_bar where symbol <> 'GOOG') as changed;
-- Seen again, nothing new: not a reason to compute it again.
insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status)
values ('second/GOOG', 'GOOG', 'daily', 'sample', 'TIME_SERIES_DAILY_ADJUSTED', '2013-03-04 23:00Z', 'loaded');
"""


def rows(warehouse: Any, table: str, *, columns: str = "*") -> list[tuple[Any, ...]]:
    """A table's rows as text, in a fixed order."""
    with psycopg.connect(warehouse.dsn) as connection:
        return connection.execute(
            f"select ({columns})::text, symbol from {warehouse.schema}.{table} as t order by 1".encode()
        ).fetchall()


def row_versions(warehouse: Any) -> dict[str, set[Any]]:
    """By symbol, the transactions that wrote its rows of the fact table."""
    with psycopg.connect(warehouse.dsn) as connection:
        table = f"{warehouse.schema}.fact_adjusted_prices"
        found = connection.execute(
            f"select symbol, array_agg(distinct xmin::text) from {table} group by symbol".encode()
        ).fetchall()
    return {symbol: set(versions) for symbol, versions in found}


def test_incremental_build_equals_full_refresh(sample_warehouse: Any) -> None:
    tables = ["fact_adjusted_prices", "fact_weekly_prices", "mart_stock_summary"]
    before = row_versions(sample_warehouse)
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_NEW_ANSWERS.encode())

    results = sample_warehouse.dbt("build")
    assert {name for name, (status, _) in results.items() if status in ("error", "fail", "skipped")} == set()
    incremental = {table: rows(sample_warehouse, table, columns="t.*") for table in tables}
    after = row_versions(sample_warehouse)
    assert {symbol for symbol in before if before[symbol] == after.get(symbol)} == {"GOOG"}
    assert set(after) == {"AAPL", "GOOG", "IBM", "MSFT", "NEW"}

    sample_warehouse.dbt("build", "--full-refresh")
    full = {table: rows(sample_warehouse, table, columns="t.*") for table in tables}
    assert row_versions(sample_warehouse)["GOOG"] != before["GOOG"]  # it was a full one
    assert incremental == full


def test_nothing_new_writes_nothing(sample_warehouse: Any) -> None:
    before = row_versions(sample_warehouse)
    sample_warehouse.dbt("build")
    assert row_versions(sample_warehouse) == before
