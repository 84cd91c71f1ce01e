"""Numbers of the dashboard against the same computed here from the facts, and what reduction keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import connectorx
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.dashboard.conftest import Copy

import stocks_dashboard
from stocks_dashboard import catalogue, queries
from stocks_dashboard.literals import Symbol, Value, render
from stocks_dashboard.views.compare import beside_benchmark

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
    points = read(queries.INDEXED, **choice, candle="day")
    start = points.group_by("series").agg(pl.all().sort_by("price_date").first()).sort("series")
    assert start.rows() == [("FB", date(2012, 5, 18), 100.0), ("IBM", date(2012, 5, 18), 100.0)]
    ibm = facts("IBM").filter(pl.col("price_date") >= date(2012, 5, 18))["adjusted_close"]
    shown = points.filter(pl.col("series") == "IBM")["value"]
    assert shown[-1] == pytest.approx(100 * ibm[-1] / ibm[0], rel=1e-12)


def test_weeks_of_lines_end_as_their_days_do_and_begin_with_a_hundred(read: Read) -> None:
    choice = {"symbols": [Symbol("FB"), Symbol("IBM")], "first": FIRST, "last": LAST}
    days = read(queries.INDEXED, **choice, candle="day")
    weeks = read(queries.INDEXED, **choice, candle="week")
    assert weeks.join(days, on=["series", "price_date"], how="anti").is_empty()
    monday = pl.col("price_date").dt.truncate("1w")
    ends = days.group_by("series", monday.alias("week")).agg(pl.col("price_date").max())
    start = days["price_date"].min()
    assert set(weeks["price_date"]) == {start, *ends["price_date"]}
    assert set(weeks.filter(pl.col("price_date") == start)["value"]) == {100.0}


def test_sessions_of_two_exchanges_share_their_weeks(gold_copy: Copy) -> None:
    """Where one exchange's week ends on Thursday and the other's on Friday, both stand at one session."""
    gold_copy.change("delete from gold.fact_adjusted_prices where symbol = 'FB' and price_date = '2013-02-22'")
    choice = {"symbols": ["FB", "IBM"], "first": date(2013, 2, 4), "last": LAST, "candle": "week"}
    weeks = connectorx.read_sql(gold_copy.reader, render(queries.INDEXED, choice), return_type="polars")
    assert weeks.filter(pl.col("price_date") == date(2013, 2, 22))["series"].to_list() == ["FB", "IBM"]
    assert date(2013, 2, 21) not in weeks["price_date"]


def test_relative_and_lead_follow_from_the_indexes(read: Read) -> None:
    choice = {"symbols": [Symbol("FB"), Symbol("IBM")], "first": FIRST, "last": LAST, "candle": "day"}
    index = read(queries.INDEXED, **choice).pivot("series", index="price_date", values="value").sort("price_date")
    against = beside_benchmark(index, "IBM")
    assert against.columns == ["price_date", "FB", "IBM", "ratio FB", "lead FB"]
    assert against.select((pl.col("ratio FB") - 100 * pl.col("FB") / pl.col("IBM")).abs().max()).item() < 1e-9
    assert against.select((pl.col("lead FB") - pl.col("FB") + pl.col("IBM")).abs().max()).item() < 1e-9
    assert beside_benchmark(index, "").columns == index.columns


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
    shown = read(queries.CANDLES, symbol="AAPL", basis=basis, candle="month")
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
            **{name: 100 * pl.col(name) for name in ("drawdown", "volatility_52w", "simple_return")},
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
            pl.col("drawdown").min(),
            pl.col("volatility_52w").last().alias("volatility"),
            pl.max_horizontal(pl.col("simple_return").max(), 0).alias("best_return"),
            pl.min_horizontal(pl.col("simple_return").min(), 0).alias("worst_return"),
            pl.col("dividend_amount").sum(),
            pl.col("split_coefficient").product(),
        )
        .drop("month")
    )
    assert shown.height == 157
    assert_frame_equal(shown, expected, rel_tol=1e-9)


def test_a_split_is_a_fall_only_as_traded(read: Read) -> None:
    def around(basis: str) -> pl.DataFrame:
        days = pl.col("price_date").is_between(date(2005, 2, 25), date(2005, 2, 28))
        return read(queries.CANDLES, symbol="AAPL", basis=basis, candle="day").filter(days)

    before, after = around("raw")["close"]
    assert after / before == pytest.approx(0.5, abs=0.02)
    before, after = around("split")["close"]
    assert after / before == pytest.approx(1, abs=0.02)
    assert around("raw")["split_coefficient"].to_list() == [1, 2]


def test_candles_hold_the_worst_day_of_a_series(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    shown, aapl = read(queries.CANDLES, symbol="AAPL", basis="split", candle="month"), facts("AAPL")
    assert shown["drawdown"].min() == pytest.approx(100 * aapl["drawdown"].min())
    assert shown["worst_return"].min() == pytest.approx(100 * aapl["simple_return"].min())
    assert shown["best_return"].max() == pytest.approx(100 * aapl["simple_return"].max())
    assert shown["price_date"][-1] == LAST


def test_drawdowns_have_their_days(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    worst = read(queries.DRAWDOWNS, symbol="IBM", first=FIRST, last=LAST).row(0, named=True)
    ibm = facts("IBM")
    trough = ibm.row(ibm["drawdown"].arg_min(), named=True)
    assert worst["trough_date"] == trough["price_date"]
    assert worst["symbol"] == "IBM"
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
    crash = bins.filter((pl.col("return_from") <= returns.min()) & (returns.min() < pl.col("return_to")))
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


def test_the_screen_has_what_the_summary_and_the_horizons_say(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    screen = read(queries.SCREEN)
    assert screen["symbol"].to_list() == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert screen.row(1, named=True)["volatility_52w"] is None
    for symbol in ("FB", "IBM"):
        row = screen.row(by_predicate=pl.col("symbol") == symbol, named=True)
        closes = facts(symbol).select("price_date", "adjusted_close")
        starts = {"1m": date(2013, 2, 1), "6m": date(2012, 9, 1), "ytd": date(2012, 12, 31), "5y": date(2008, 3, 1)}
        for horizon, day in starts.items():
            before = closes.filter(pl.col("price_date") <= day)["adjusted_close"]
            expected = (
                None if before.is_empty() else pytest.approx(100 * (closes["adjusted_close"][-1] / before[-1] - 1))
            )
            assert row[f"return_{horizon}"] == expected, (symbol, horizon)
        of_all = closes["adjusted_close"]
        assert row["return_max"] == pytest.approx(100 * (of_all[-1] / of_all[0] - 1))


def test_peers_are_the_mean_of_the_others(read: Read, facts: Callable[[str], pl.DataFrame]) -> None:
    choice = {"first": date(2012, 3, 1), "last": LAST}
    returns = {
        symbol: facts(symbol).filter(pl.col("price_date").is_between(*choice.values()))["simple_return"].to_numpy()
        for symbol in ("AAPL", "IBM", "MSFT")
    }
    peers = (returns["AAPL"] + returns["MSFT"]) / 2
    shown = read(queries.AGAINST_PEERS, symbols=["IBM"], peers=["AAPL", "IBM", "MSFT"], **choice).row(0, named=True)
    lead = returns["IBM"] - peers
    assert shown["beta"] == pytest.approx(np.cov(returns["IBM"], peers)[0, 1] / peers.var(ddof=1))
    assert shown["tracking_error"] == pytest.approx(100 * lead.std(ddof=1) * 252**0.5)
    assert shown["information_ratio"] == pytest.approx(lead.mean() / lead.std(ddof=1) * 252**0.5)
    of_ibm = returns["IBM"].mean() / returns["IBM"].std(ddof=1) * 252**0.5
    assert shown["sharpe_ratio"] == pytest.approx(of_ibm)
    against = read(queries.AGAINST_PEERS, symbols=["IBM", "MSFT"], peers=["MSFT"], **choice)
    assert against["symbol"].to_list() == ["IBM"]  # nothing is measured against itself
    assert against["correlation"][0] == pytest.approx(np.corrcoef(returns["IBM"], returns["MSFT"])[0, 1])


def test_every_column_that_gold_describes_is_described(read: Read) -> None:
    described = set(read(queries.DESCRIPTIONS)["name"])
    told_by = {column.told_by for column in catalogue.COLUMNS.values() if column.told_by}
    assert told_by <= described


def test_files_say_units_and_whose_rows_they_are(read: Read) -> None:
    choice = {"symbol": Symbol("IBM"), "first": date(2013, 2, 1), "last": LAST}
    bars, falls = read(queries.BARS, **choice, limit=1), read(queries.DRAWDOWNS, **{**choice, "first": FIRST})
    header, row = catalogue.file(bars).splitlines()
    assert header == (
        "symbol,currency,price_date,open,high,low,close,split_adjusted_close,adjusted_close,volume_shares,dividend_amount,"
        "split_coefficient,simple_return_percent,return_zscore_deviations,volatility_52w_percent_a_year,drawdown_percent"
    )
    assert row.startswith("IBM,USD,2013-03-01,")
    assert float(row.split(",")[-1]) == pytest.approx(bars["drawdown"][0])
    assert falls["depth"][0] == pytest.approx(-58.3139, abs=1e-4)
    assert catalogue.file(falls).startswith("symbol,peak_date,trough_date,depth_percent,recovery_date,days_down\nIBM,")


def test_every_column_of_an_export_is_in_the_catalogue(read: Read) -> None:
    choice = {"symbol": Symbol("IBM"), "first": FIRST, "last": LAST}
    several = {"symbols": ["IBM", "AAPL"], "first": FIRST, "last": LAST}
    frames = [
        read(queries.SCREEN).rename({"last_date": "latest_date"}),
        read(queries.COMPARISON, **several),
        read(queries.AGAINST_PEERS, **several, peers=["MSFT"]),
        read(queries.CORRELATION, **several, sector=""),
        read(queries.UNUSUAL, **choice, threshold=4.0).rename({"change": "simple_return"}),
        *(read(statement, symbol=Symbol("IBM")) for statement in (queries.TRAILING, queries.MONTHS)),
        read(queries.CORPORATE_ACTIONS, **choice),
        *(read(each) for each in (queries.BY_SECTOR, queries.RUNS)),
        read(queries.FINDINGS).drop("build_id", "examples"),  # shown as rows of their own
        read(queries.SECTOR_RETURNS).drop("place"),
        *(read(each) for each in (queries.HELD, queries.SUSPECT, queries.REJECTED, queries.RESTATED, queries.BUDGET)),
        read(queries.LATE).rename({"last_date": "latest_date"}),
    ]
    for frame in frames:
        assert {name for name in frame.columns if name not in catalogue.COLUMNS} == set()


def test_a_query_reads_no_column_that_nothing_uses(gold_url: str) -> None:
    """Each is named by a page, by a chart or where its label stands."""
    package = Path(stocks_dashboard.__path__[0])
    code = "\n".join(path.read_text() for path in package.rglob("*.py") if path.name != "queries.py")
    code += "\n".join(queries.HORIZONS.values())  # pages name them all by that
    places = {
        "symbols": ["AAPL", "IBM"],
        "peers": ["MSFT"],
        "first": FIRST,
        "last": LAST,
        "limit": 1,
        "threshold": 4.0,
        "candle": "month",
        "basis": "raw",
        "order": "symbol",
        "symbol": "IBM",
    }
    unused = {}
    for name, statement in statements().items():
        if name == "PULSE":
            continue
        given = {place: places.get(place, "") for place in re.findall(r"\$\{(\w+)\}", statement)}
        columns = connectorx.read_sql(gold_url, render(statement, given), return_type="polars").columns
        if dead := [each for each in columns if not re.search(rf"\b{each.rstrip('0123456789')}", code)]:
            unused[name] = dead
    assert unused == {}


def statements() -> dict[str, str]:
    return {
        name: text
        for name, text in vars(queries).items()
        if name[0] != "_" and isinstance(text, str) and "select" in text
    }


def test_queries_read_gold_alone() -> None:
    assert len(statements()) > 20
    for name, text in statements().items():
        assert not any(schema in text for schema in ("silver.", "ops.", "public.", "gold_next.")), name
