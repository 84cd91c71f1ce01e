"""Weekly series say what daily ones do: the whole sample is loaded both ways, and gold's two are compared by week.

The fixture `sample_warehouse` is as in test_incremental.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pytest
from tests.sources import open_source

from stocks.bronze import open_bronze
from stocks.bronze.extract import extract, plan
from stocks.cli.report import JsonReporter
from stocks.settings import Settings
from stocks.warehouse import Warehouse
from stocks.warehouse.normalize import normalize

# Weekly adjusted closes are printed with four decimals, of prices from about a dollar on.
PRINTED = 5e-5
_CLOSES = """
select prices.symbol, prices.interval, prices.price_date, open, high, low, close, adjusted_close, split_adjusted_close,
    volume::double precision, dividend_amount, split_coefficient, simple_return, high_52w, low_52w, volatility_52w,
    drawdown
from {schema}.fact_adjusted_prices as prices
order by symbol, interval, price_date
"""


@pytest.fixture(scope="module")
def both(sample_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The sample's warehouse with weekly series beside the daily ones."""
    settings = {"_env_file": None, "stocks_source": "sample", "stocks_series": "weekly_adjusted"}
    bronze = open_bronze(Settings(_env_file=None, stocks_state_dir=tmp_path_factory.mktemp("weekly")))
    with open_source(Settings(**settings)) as source:
        tickers = plan([source])
        extract([source], bronze, tickers, report=JsonReporter())
    assert not normalize(bronze, Warehouse(sample_warehouse.dsn), tickers, report=JsonReporter()).errors
    built = sample_warehouse.dbt("build").items()
    assert {node for node, (status, _) in built if status not in ("success", "pass", "warn", "no-op")} == set()
    return sample_warehouse


def query(warehouse: Any, statement: str) -> pl.DataFrame:
    with psycopg.connect(warehouse.dsn) as connection:
        found = connection.execute(statement.format(schema=warehouse.schema).encode())
        assert found.description is not None
        names = [column.name for column in found.description]
        return pl.DataFrame(found.fetchall(), schema=names, orient="row", infer_schema_length=None)


@pytest.fixture(scope="module")
def weeks(both: Any) -> pl.DataFrame:
    """One row a symbol and week: the weekly bar, and `_daily` what the days of its week say."""
    prices = query(both, _CLOSES).with_columns(monday=pl.col("price_date").dt.truncate("1w"))
    in_shares_of_today = pl.col("split_adjusted_close") / pl.col("close")
    days = (
        prices.filter(pl.col("interval") == "daily")
        .group_by("symbol", "monday", maintain_order=True)
        .agg(
            pl.col(
                "price_date", "close", "adjusted_close", "split_adjusted_close", "high_52w", "low_52w", "volatility_52w"
            ).last(),
            pl.col("dividend_amount", "volume").sum(),
            pl.col("split_coefficient").product(),
            split_inside=(pl.col("split_coefficient").slice(1) != 1).any(),
            highest=(pl.col("high") * in_shares_of_today).max(),
            lowest=(pl.col("low") * in_shares_of_today).min(),
        )
        .with_columns(simple_return=pl.col("adjusted_close") / pl.col("adjusted_close").shift(1).over("symbol") - 1)
    )
    weekly = prices.filter(pl.col("interval") == "weekly")
    joined = weekly.join(days, on=["symbol", "monday"], suffix="_daily", validate="1:1")
    assert len(joined) == len(weekly) == len(days) == 679 * 3 + 446 + 42
    return joined.with_columns(
        highest_weekly=pl.col("high") * in_shares_of_today, lowest_weekly=pl.col("low") * in_shares_of_today
    )


def equal(frame: pl.DataFrame, name: str, tolerance: float, other: str = "") -> None:
    np.testing.assert_allclose(
        frame[name].to_numpy(), frame[other or f"{name}_daily"].to_numpy(), rtol=tolerance, atol=1e-12, equal_nan=True
    )


def test_closes_dividends_and_splits(weeks: pl.DataFrame) -> None:
    assert weeks["price_date"].to_list() == weeks["price_date_daily"].to_list()
    for name in ("close", "split_adjusted_close", "dividend_amount", "volume"):
        equal(weeks, name, 1e-9)
    equal(weeks, "split_coefficient", 1e-4)
    equal(weeks, "adjusted_close", PRINTED)


def test_returns(weeks: pl.DataFrame) -> None:
    np.testing.assert_allclose(
        weeks["simple_return"].to_numpy(), weeks["simple_return_daily"].to_numpy(), atol=2.1 * PRINTED
    )


def test_highs_and_lows_of_weeks(weeks: pl.DataFrame) -> None:
    """Of a week with a split inside, high and low are in two kinds of shares."""
    whole = weeks.filter(~pl.col("split_inside"))
    equal(whole, "highest_weekly", 1e-9, "highest")
    equal(whole, "lowest_weekly", 1e-9, "lowest")
    assert weeks.filter("split_inside").select("symbol", "monday").rows() == [("AAPL", date(2000, 6, 19))]


def test_extremes_of_52_weeks(weeks: pl.DataFrame) -> None:
    """Where a week ends before its Friday, 364 days reach into a week that the weekly window leaves out."""
    inside = weeks.filter("split_inside")["price_date"][0]
    touched = (pl.col("symbol") == "AAPL") & pl.col("price_date").is_between(inside, inside + timedelta(weeks=52))
    fridays = weeks.filter((pl.col("price_date").dt.weekday() == 5) & ~touched)
    assert len(fridays) > 0.9 * len(weeks)
    equal(fridays, "high_52w", 1e-9)
    equal(fridays, "low_52w", 1e-9)
    # The highest and the lowest that are sure lie within what was.
    for row in weeks.filter(touched).iter_rows(named=True):
        assert (
            row["low_52w_daily"] * (1 - 1e-9) <= row["low_52w"] <= row["high_52w"] <= row["high_52w_daily"] * (1 + 1e-9)
        )


def test_the_weeks_of_gold_stay_those_of_the_days(both: Any) -> None:
    intervals = query(both, "select distinct from_interval from {schema}.fact_weekly_prices")
    assert intervals["from_interval"].to_list() == ["daily"]
    summary = query(both, "select distinct interval, is_week_over from {schema}.mart_stock_summary")
    assert summary.rows() == [("daily", True)]


def test_weekly_volume_across_a_split_is_of_one_share_basis(both: Any) -> None:
    week = "symbol = 'AAPL' and price_date between '2000-06-19' and '2000-06-23'"
    days = query(
        both, f"select price_date, volume from {{schema}}.fact_adjusted_prices where {week} and interval = 'daily'"
    )
    expected = sum(volume * (2 if day < date(2000, 6, 21) else 1) for day, volume in days.rows())
    assert query(both, f"select volume from {{schema}}.fact_weekly_prices where {week}").item() == expected


def test_where_daily_bars_end_gold_goes_on_with_weekly_ones(both: Any) -> None:
    """Apple's daily bars end before its dividend of 2012-11-07, and don't know of it; nor of the days after."""
    weekly = "select week_ending, adjusted_close, weekly_return from {schema}.fact_weekly_prices where symbol = 'AAPL'"
    before = query(both, weekly + " order by 1")
    with psycopg.connect(both.dsn) as connection:
        connection.execute(
            """
            delete from silver.price_bar where symbol = 'AAPL' and interval = 'daily' and price_date > '2012-10-31';
            update silver.price_bar as bar
            set adjusted_close = bar.adjusted_close / (last.adjusted_close / last.close)
            from silver.price_bar as last
            where bar.symbol = 'AAPL' and bar.interval = 'daily'
                and last.symbol = 'AAPL' and last.interval = 'daily' and last.price_date = '2012-10-31';
            insert into ops.bronze_object
                (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_withdrawn, changed_from)
            values ('ended', 'AAPL', 'daily', 'sample', 'DAILY', '2013-03-02Z', 'loaded', 1, '2000-03-01');
            """
        )
    built = both.dbt("build").items()
    assert {node for node, (status, _) in built if status not in ("success", "pass", "warn", "no-op")} == set()
    after = query(both, weekly + " order by 1")
    assert after["week_ending"].to_list() == before["week_ending"].to_list()
    for name in ("adjusted_close", "weekly_return"):
        np.testing.assert_allclose(after[name].to_numpy(), before[name].to_numpy(), rtol=PRINTED, atol=2.1 * PRINTED)
    kinds = query(
        both,
        """
        select from_interval, min(price_date), max(price_date) from {schema}.fact_weekly_prices
        where symbol = 'AAPL' group by 1 order by 1
        """,
    )
    assert kinds.rows() == [
        ("daily", date(2000, 3, 3), date(2012, 10, 26)),
        ("weekly", date(2012, 11, 2), date(2013, 3, 1)),
    ]
    summary = query(
        both, "select interval, last_date, is_week_over from {schema}.mart_stock_summary where symbol = 'AAPL'"
    )
    assert summary.rows() == [("weekly", date(2013, 3, 1), True)]


def test_gold_judges_weekly_factors_too(both: Any) -> None:
    """A cent is more than printing costs, in a week without dividend."""
    with psycopg.connect(both.dsn) as connection:
        connection.execute(
            """
            update silver.price_bar set adjusted_close = adjusted_close + 0.01
            where symbol = 'MSFT' and interval = 'weekly' and price_date = '2013-03-01';
            insert into ops.bronze_object
                (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_restated, changed_from)
            values ('torn', 'MSFT', 'weekly', 'sample', 'WEEKLY', '2013-03-02Z', 'loaded', 1, '2013-03-01');
            """
        )
    both.dbt("run", "--select", "series_source", "fact_adjusted_prices")
    rule = "assert_adjustment_factors_are_explained"
    assert both.dbt("test", "--select", rule) == {rule: ("fail", 1)}
