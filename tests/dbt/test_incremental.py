"""What an incremental build leaves in gold is what a full one makes.

The fixture `sample_warehouse` has the sample in gold, to be changed: `dsn` (psycopg), `schema` (where gold is
built) and `dbt(*arguments)`, which runs dbt there and returns {node: (status, failures)} of its run_results.
"""

from __future__ import annotations

from typing import Any

import psycopg

_NEW_ANSWERS = """
-- The answers; their bars come next.
insert into ops.bronze_object
    (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_restated, changed_from)
values
    ('second/AAPL', 'AAPL', 'daily', 'sample', 'DAILY', '2013-03-04 23:00Z', 'loaded', 1, '2000-03-01'),
    ('second/IBM', 'IBM', 'daily', 'sample', 'DAILY', '2013-03-04 23:00Z', 'loaded', 1, '2013-03-04'),
    ('second/MSFT', 'MSFT', 'daily', 'sample', 'DAILY', '2013-03-04 23:00Z', 'loaded', 1, '2013-02-28'),
    ('second/NEW', 'NEW', 'weekly', 'sample', 'WEEKLY', '2013-03-04 23:00Z', 'loaded', 1, '2013-02-15');
-- AAPL is restated by a split, IBM has a bar more, MSFT one less and a provisional one; FB is gone, as by a replay.
update silver.price_bar set adjusted_close = adjusted_close / 2 where symbol = 'AAPL' and price_date < '2013-03-01';
update silver.price_bar set split_coefficient = 2 where symbol = 'AAPL' and price_date = '2013-03-01';
insert into silver.price_bar
select symbol, interval, '2013-03-04', open, high, low, close, adjusted_close, volume, 0, 1, true, source, 'second/IBM',
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
-- Seen again, nothing new: not a reason to compute it again.
insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status)
values ('second/GOOG', 'GOOG', 'daily', 'sample', 'TIME_SERIES_DAILY_ADJUSTED', '2013-03-04 23:00Z', 'loaded');
"""


def rows(warehouse: Any, table: str) -> list[Any]:
    """A table's rows as text, in a fixed order; without the load, which says when a row was computed."""
    with psycopg.connect(warehouse.dsn) as connection:
        return connection.execute(
            f"""
            select (to_jsonb(t) - 'silver_load_id')::text, symbol from {warehouse.schema}.{table} as t order by 1
            """.encode()
        ).fetchall()


def written(warehouse: Any) -> dict[str, int]:
    """By symbol, how many bars of the fact table the last transaction wrote that wrote any."""
    with psycopg.connect(warehouse.dsn) as connection:
        found = connection.execute(
            f"""
            select symbol, count(*) from {warehouse.schema}.fact_adjusted_prices
            where xmin = (
                select xmin from {warehouse.schema}.fact_adjusted_prices order by xmin::text::bigint desc limit 1
            )
            group by symbol
            """.encode()
        ).fetchall()
    return dict(found)


def test_incremental_build_equals_full_refresh(sample_warehouse: Any) -> None:
    tables = ["fact_adjusted_prices", "fact_weekly_prices", "mart_stock_summary"]
    before = written(sample_warehouse)
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_NEW_ANSWERS.encode())

    results = sample_warehouse.dbt("build")
    assert {name for name, (status, _) in results.items() if status in ("error", "fail", "skipped")} == set()
    incremental = {table: rows(sample_warehouse, table) for table in tables}
    # AAPL's split changes all of its bars; IBM has a new one, of MSFT the last is computed, and goes.
    assert written(sample_warehouse) == {"AAPL": before["AAPL"], "IBM": 1, "NEW": 3}

    sample_warehouse.dbt("build", "--full-refresh")
    assert written(sample_warehouse).keys() == {"AAPL", "GOOG", "IBM", "MSFT", "NEW"}  # it was a full one
    assert incremental == {table: rows(sample_warehouse, table) for table in tables}


def test_nothing_new_writes_nothing(sample_warehouse: Any) -> None:
    before = written(sample_warehouse)
    sample_warehouse.dbt("build")
    assert written(sample_warehouse) == before
