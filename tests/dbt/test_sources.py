"""Whose bars gold takes where several sources have them, and what changes when that does."""

from __future__ import annotations

from typing import Any

import psycopg

from stocks.warehouse import Role, Warehouse
from stocks.warehouse.sources import write_sources

# Tiingo has IBM too, a cent dearer and from 2012 on, and a series that no other source has.
_TIINGO = """
insert into silver.price_bar
select name, interval, price_date, open + 0.01, high + 0.01, low + 0.01, close + 0.01,
    adjusted_close * (1 + 0.01 / close), volume, dividend_amount, split_coefficient, is_final, 'tiingo',
    'series/tiingo', observed_at
from silver.price_bar cross join (values ('IBM'), ('ALONE')) as names (name)
where symbol = 'IBM' and interval = 'daily' and source = 'sample' and price_date > '2013-02-06';
insert into silver.restatement
    (symbol, interval, source, observed_at, bars_changed, first_date, last_date, largest_factor, bronze_key)
values ('IBM', 'daily', 'tiingo', '2013-03-01 23:00Z', 3, '2013-02-07', '2013-02-11', 0.9, 'series/tiingo');
insert into ops.bronze_object
    (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_inserted, changed_from)
values
    ('tiingo/IBM', 'IBM', 'daily', 'tiingo', 'DAILY_PRICES', '2013-03-01 23:00Z', 'loaded', 16, '2013-02-07'),
    ('tiingo/ALONE', 'ALONE', 'daily', 'tiingo', 'DAILY_PRICES', '2013-03-01 23:00Z', 'loaded', 16, '2013-02-07');
"""


def build(warehouse: Any, *order: str, wish: str | None = None) -> None:
    """An incremental build with sources in an order, and the universe's wish for IBM."""
    with Warehouse(warehouse.dsn).connect(Role.WRITER) as connection:
        write_sources(connection, order)
    with psycopg.connect(warehouse.dsn) as connection:
        connection.execute(f"update {warehouse.schema}.universe set source = %s where symbol = 'IBM'".encode(), [wish])
    results = warehouse.dbt("build", "--exclude", "resource_type:seed")
    assert {name for name, (status, _) in results.items() if status in ("error", "fail", "skipped")} == set()


def taken(warehouse: Any) -> dict[str, tuple[str, int]]:
    """By symbol, the source in the facts and the number of its bars."""
    with psycopg.connect(warehouse.dsn) as connection:
        found = connection.execute(
            f"""
            select prices.symbol, sources.source_name, count(*)
            from {warehouse.schema}.fact_adjusted_prices as prices
            inner join {warehouse.schema}.dim_source as sources on prices.source_key = sources.source_key
            where prices.symbol in ('IBM', 'ALONE', 'MSFT') group by 1, 2
            """.encode()
        ).fetchall()
    assert len({symbol for symbol, _, _ in found}) == len(found)
    return {symbol: (source, bars) for symbol, source, bars in found}


def written(warehouse: Any, symbol: str) -> Any:
    with psycopg.connect(warehouse.dsn) as connection:
        table = f"{warehouse.schema}.fact_adjusted_prices"
        return connection.execute(
            f"select array_agg(distinct xmin::text) from {table} where symbol = %s".encode(), [symbol]
        ).fetchone()


def test_the_wish_goes_before_the_order_and_the_order_before_the_rest(sample_warehouse: Any) -> None:
    """One test: that a series changes hands shows only after a build that gave it to another."""
    before = written(sample_warehouse, "IBM")
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_TIINGO.encode())

    # A source that is not in force is taken where no other has bars, and is no reason to write the others again.
    build(sample_warehouse, "sample")
    assert taken(sample_warehouse) == {"IBM": ("sample", 3270), "MSFT": ("sample", 3270), "ALONE": ("tiingo", 16)}
    assert written(sample_warehouse, "IBM") == before

    # The order decides, and a series that changes hands is computed again: it alone.
    others = written(sample_warehouse, "MSFT")
    build(sample_warehouse, "tiingo", "sample")
    assert taken(sample_warehouse) == {"IBM": ("tiingo", 16), "MSFT": ("sample", 3270), "ALONE": ("tiingo", 16)}
    assert written(sample_warehouse, "MSFT") == others
    with psycopg.connect(sample_warehouse.dsn) as connection:
        summary = connection.execute(
            f"""
            select source_name, bars, restatements
            from {sample_warehouse.schema}.mart_stock_summary where symbol = 'IBM'
            """.encode()
        ).fetchone()
        seen = connection.execute(
            f"select bars_changed from {sample_warehouse.schema}.restatements".encode()
        ).fetchall()
    assert summary == ("tiingo", 16, 1)
    assert seen == [(3,)]

    # The universe's wish goes before the order.
    build(sample_warehouse, "tiingo", "sample", wish="sample")
    assert taken(sample_warehouse)["IBM"] == ("sample", 3270)

    # A wish for a source without bars is none.
    build(sample_warehouse, "tiingo", "sample", wish="alphavantage")
    assert taken(sample_warehouse)["IBM"] == ("tiingo", 16)

    # Going back brings every bar back.
    build(sample_warehouse, "sample", "tiingo")
    assert taken(sample_warehouse) == {"IBM": ("sample", 3270), "MSFT": ("sample", 3270), "ALONE": ("tiingo", 16)}
