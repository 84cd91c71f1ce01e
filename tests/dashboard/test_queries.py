"""Numbers of the dashboard against the same computed here from the facts, and what reduction keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import connectorx
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.dashboard.conftest import Copy

from stocks_dashboard import queries
from stocks_dashboard.literals import Symbol, Value, render

FIRST, LAST = date(2000, 3, 1), date(2013, 3, 1)
Read = Callable[..., pl.DataFrame]


@pytest.fixture
def read(gold_url: str) -> Read:
    def rows(statement: str, **parameters: Value) -> pl.DataFrame:
        return connectorx.read_sql(gold_url, render(statement, parameters), return_type="polars")

    return rows


@pytest.fixture
def facts(read: Read) -> Callable[[str], pl.DataFrame]:
    return lambda symbol: read(
        "select * from gold.fact_adjusted_prices where symbol = ${symbol} order by price_date", symbol=symbol
    )


def test_compare_is_a_hundred_on_the_first_common_day(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    choice = {"symbols": [Symbol("FB"), Symbol("IBM")], "first": FIRST, "last": LAST}
    points = read(queries.INDEXED, **choice)
    start = points.group_by("series").agg(pl.all().sort_by("price_date").first()).sort("series")
    assert start.rows() == [("FB", date(2012, 5, 18), 100.0), ("IBM", date(2012, 5, 18), 100.0)]
    ibm = facts("IBM").filter(pl.col("price_date") >= date(2012, 5, 18))["adjusted_close"]
    shown = points.filter(pl.col("series") == "IBM")["value"]
    assert shown[-1] == pytest.approx(100 * ibm[-1] / ibm[0], rel=1e-12)


def test_relative_and_lead_follow_from_the_indexes(read: Read) -> None:
    choice = {"symbols": [Symbol("FB"), Symbol("IBM")], "first": FIRST, "last": LAST}
    index = read(queries.INDEXED, **choice).pivot("series", index="price_date", values="value").drop_nulls()
    against = read(queries.AGAINST_BENCHMARK, **choice, benchmark="IBM").join(index, on="price_date")
    relative = against.filter(pl.col("series") == "ratio FB")
    lead = against.filter(pl.col("series") == "lead FB")
    assert against.height == relative.height + lead.height
    assert relative.height > 100
    assert relative.select((pl.col("value") - 100 * pl.col("FB") / pl.col("IBM")).abs().max()).item() < 1e-9
    assert lead.select((pl.col("value") - pl.col("FB") + pl.col("IBM")).abs().max()).item() < 1e-9


def test_comparison_in_numbers(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    shown = read(queries.COMPARISON, symbols=["IBM"], first=FIRST, last=LAST).row(0, named=True)
    ibm = facts("IBM")
    closes = ibm["adjusted_close"]
    assert shown["total_return"] == pytest.approx(100 * (closes[-1] / closes[0] - 1))
    assert shown["yearly_return"] == pytest.approx(
        100 * ((closes[-1] / closes[0]) ** (365.25 / (LAST - FIRST).days) - 1)
    )
    assert shown["volatility"] == pytest.approx(100 * ibm["log_return"].std() * 252**0.5)
    fall = closes / closes.cum_max() - 1
    assert shown["max_drawdown"] == pytest.approx(100 * fall.min())
    assert shown["trough_date"] == ibm["price_date"][fall.arg_min()]


@pytest.mark.parametrize(
    ("basis", "column"), [("raw", "close"), ("split", "split_adjusted_close"), ("total", "adjusted_close")]
)
def test_monthly_candles_and_averages(
    read: Read, facts: Callable[[str], pl.DataFrame], basis: str, column: str
) -> None:
    shown = read(queries.CANDLES, symbol="AAPL", first=FIRST, last=LAST, basis=basis, candle="month")
    factor = pl.col(column) / pl.col("close")
    shares = pl.col("volume") * (1 if basis == "raw" else pl.col("close") / pl.col("split_adjusted_close"))
    expected = (
        facts("AAPL")
        .with_columns(
            pl.col("open") * factor,
            pl.col("high") * factor,
            pl.col("low") * factor,
            close=pl.col(column),
            volume=shares.cast(pl.Float64),
            **{f"average_{n}": pl.col(column).rolling_mean(n) for n in (20, 50, 200)},
        )
        .group_by(pl.col("price_date").dt.truncate("1mo").alias("month"), maintain_order=True)
        .agg(
            pl.col("price_date").last(),
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
            *(pl.col(f"average_{n}").last() for n in (20, 50, 200)),
        )
        .drop("month")
    )
    assert shown.height == 157
    assert_frame_equal(shown, expected, rel_tol=1e-9)


def test_averages_look_back_beyond_the_range(read: Read) -> None:
    shown = read(queries.CANDLES, symbol="IBM", first=date(2013, 2, 1), last=LAST, basis="split", candle="day")
    assert shown["average_200"].null_count() == 0


def test_a_split_is_a_fall_only_as_traded(read: Read) -> None:
    around = {"symbol": "AAPL", "first": date(2005, 2, 25), "last": date(2005, 2, 28), "candle": "day"}
    before, after = read(queries.CANDLES, **around, basis="raw")["close"]
    assert after / before == pytest.approx(0.5, abs=0.02)
    before, after = read(queries.CANDLES, **around, basis="split")["close"]
    assert after / before == pytest.approx(1, abs=0.02)
    assert read(queries.ACTIONS, symbol="AAPL", first=around["first"], last=around["last"]).rows() == [
        (date(2005, 2, 28), "Split", 2.0)
    ]


def test_drawdowns_have_their_days(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    worst = read(queries.DRAWDOWNS, symbol="IBM", first=FIRST, last=LAST).row(0, named=True)
    ibm = facts("IBM")
    trough = ibm.row(ibm["drawdown"].arg_min(), named=True)
    assert worst["trough_date"] == trough["price_date"]
    assert worst["depth"] == pytest.approx(100 * trough["drawdown"])
    before = ibm.filter(pl.col("price_date") <= trough["price_date"])
    assert worst["peak_date"] == before["price_date"][before["adjusted_close"].arg_max()]
    after = ibm.filter((pl.col("price_date") > trough["price_date"]) & (pl.col("drawdown") == 0))
    assert worst["recovery_date"] == after["price_date"][0]


def test_a_fall_that_goes_on_has_no_recovery(read: Read) -> None:
    falls = read(queries.DRAWDOWNS, symbol="FB", first=FIRST, last=LAST)
    assert falls["recovery_date"][0] is None


def test_the_histogram_counts_every_return_once(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    bins = read(queries.RETURNS, symbol="GOOG", first=FIRST, last=LAST)
    returns = facts("GOOG")["simple_return"].drop_nulls() * 100
    assert bins["bars"].sum() == len(returns)
    assert 20 < bins.height <= 75
    crash = bins.filter((pl.col("bin_start") <= returns.min()) & (returns.min() < pl.col("bin_end")))
    assert crash["bars"].sum() >= 1


def test_unusual_returns_are_those_beyond_the_threshold(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    shown = read(queries.UNUSUAL, symbol="AAPL", first=FIRST, last=LAST, threshold=4.0)
    expected = facts("AAPL").filter(pl.col("return_zscore").abs() >= 4)
    assert shown["price_date"].sort().to_list() == expected["price_date"].to_list()
    assert date(2000, 9, 29) in shown["price_date"]  # the profit warning: half the price in a day


def test_correlation_is_over_common_days(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    pairs = read(queries.CORRELATION, sector="", symbols=["FB", "IBM"], first=FIRST, last=LAST)
    both = facts("FB").join(facts("IBM"), on="price_date").drop_nulls(["simple_return", "simple_return_right"])
    expected = both.select(pl.corr("simple_return", "simple_return_right")).item()
    assert pairs.select("symbol", "other", "sessions").rows() == [("FB", "IBM", both.height)]
    assert pairs["correlation"][0] == pytest.approx(expected)


def test_volatility_that_is_not_known_yet_is_null(read: Read) -> None:
    shown = read(queries.SUMMARY, search="facebook", sector="", order="symbol")
    assert shown.select("symbol", "volatility_52w").rows() == [("FB", None)]


def test_traded_values_are_ranked_within_their_currency(gold_copy: Copy) -> None:
    """Tesco's pence, taken for dollars, would make it the most traded of all."""
    gold_copy.change(
        "update gold.mart_stock_summary set traded_value = 9e12, traded_value_currency = 'GBP' where symbol = 'IBM'",
        "update gold.mart_stock_summary set traded_value = 8e12, traded_value_currency = null where symbol = 'FB'",
    )
    values = connectorx.read_sql(
        gold_copy.reader,
        render(queries.SUMMARY, {"search": "", "sector": "", "order": "value"}),
        return_type="polars",
    ).select("symbol", "traded_value")
    assert values["symbol"].to_list()[3:] == ["IBM", "FB"]
    assert values["traded_value"].to_list()[:3] == values["traded_value"].sort(descending=True).to_list()[2:]


@pytest.mark.parametrize("order", ["day", "week", "volatility", "drawdown", "range", "value", "symbol"])
def test_every_order_puts_unknown_values_last(read: Read, order: str) -> None:
    shown = read(queries.SUMMARY, search="", sector="", order=order)
    assert shown.height == 5
    if order == "volatility":
        assert shown["symbol"].to_list() == ["AAPL", "GOOG", "MSFT", "IBM", "FB"]


def test_lines_keep_the_worst_day_of_a_series(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    points = read(queries.RISK, symbol="AAPL", first=FIRST, last=LAST)
    aapl = facts("AAPL")
    for series, column in (("drawdown", "drawdown"), ("volatility", "volatility_52w"), ("return", "simple_return")):
        shown = points.filter(pl.col("series") == series)
        assert shown.height <= queries.POINTS_A_LINE // 2
        assert shown["value"].min() == pytest.approx(100 * aapl[column].min())
        assert shown["value"].max() == pytest.approx(100 * aapl[column].max())
        assert shown["price_date"][-1] == LAST


@given(values=st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=1_500))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_reduction_keeps_ends_and_extremes_of_any_line(gold_url: str, values: list[float]) -> None:
    days = [date(1999, 1, 4) + timedelta(place) for place in range(len(values))]
    statement = f"""
    with points as (
        select 'X' as series, price_date, value
        from unnest(%s::date[], %s::double precision[]) as t (price_date, value)
    ), {queries._reduced("points")}
    """
    with psycopg.connect(gold_url) as connection:
        kept = [(row[1], row[2]) for row in connection.execute(statement.encode(), [days, values])]
    there = list(zip(days, values, strict=True))
    assert len(kept) <= queries.POINTS_A_LINE
    assert set(kept) <= set(there)
    assert kept[0] == there[0]
    assert kept[-1] == there[-1]
    assert min(value for _, value in kept) == min(values)
    assert max(value for _, value in kept) == max(values)
    if len(values) <= queries.POINTS_A_LINE // 4:
        assert kept == there


def test_queries_read_gold_alone() -> None:
    statements = {name: text for name, text in vars(queries).items() if name.isupper() and isinstance(text, str)}
    assert len(statements) > 20
    for name, text in statements.items():
        assert not any(schema in text for schema in ("silver.", "ops.", "public.", "gold_next.")), name
