"""The benchmarks measure good data, and what they compare is equal."""

import math

import polars as pl
import psycopg
import pytest
from tools.bench import factors
from tools.bench.provider import MadeUp, bars_of, symbol_of
from tools.bench.table import Line, printed

from stocks.providers import PROVIDERS
from stocks.providers.alphavantage.answers import DAILY
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import calendar_of
from stocks.warehouse import Warehouse

BARS = 400


def judged(provider: MadeUp, number: int, *, full: bool = True) -> ParsedSeries:
    alpha_vantage = PROVIDERS["alphavantage"]
    return judge_series(
        alpha_vantage.read(provider.body(symbol_of(number), full=full), DAILY),
        symbol=symbol_of(number),
        interval="daily",
        observed_at=provider.now,
        calendar=calendar_of("IBM"),
        adjustment=alpha_vantage.adjustment,
    )


@pytest.mark.parametrize("day", [0, 1, 2])
def test_the_made_up_provider_tells_series_that_silver_takes_whole(day: int) -> None:
    for number in range(12):
        found = judged(MadeUp(bars=BARS, day=day), number)
        assert (found.bars.height, found.rejects.height, dict(found.faults)) == (BARS + day, 0, {})
        assert found.bars["is_final"].all()


def test_a_day_adds_a_bar_and_a_dividend_restates_all_before_it() -> None:
    first, following, restated = (judged(MadeUp(bars=BARS, day=day), 1).bars for day in range(3))
    assert following.head(BARS).equals(first)
    assert (restated["adjusted_close"].head(BARS) != first["adjusted_close"]).all()


def test_a_compact_answer_is_the_end_of_the_whole_one() -> None:
    provider = MadeUp(bars=BARS, day=1)
    whole, tail = (judged(provider, 2, full=full).bars for full in (True, False))
    assert tail.equals(whole.tail(100))


def test_the_query_and_polars_give_the_same_factors(warehouse: Warehouse) -> None:
    frames = []
    for number in range(3):
        bars = bars_of(number, 150, quiet=120)
        frames.append(
            pl.DataFrame(
                {
                    "symbol": symbol_of(number),
                    "interval": "daily",
                    "price_date": bars.days[-150:],
                    "open": bars.opens,
                    "high": bars.highs,
                    "low": bars.lows,
                    "close": bars.closes,
                    "adjusted_close": bars.adjusted(150),
                    "split_adjusted_close": bars.closes,
                    "volume": bars.volumes,
                }
            )
        )
    facts = pl.concat(frames)
    with psycopg.connect(warehouse.url) as connection:
        connection.execute(
            """
            create table gold.fact_adjusted_prices (
                symbol text, interval text, price_date date, open float8, high float8, low float8, close float8,
                adjusted_close float8, split_adjusted_close float8, volume bigint
            )
            """
        )
        with connection.cursor().copy("copy gold.fact_adjusted_prices from stdin (format csv)") as copy:
            copy.write(facts.write_csv(include_header=False))
        prices = pl.DataFrame(
            connection.execute(factors.PRICES).fetchall(), schema=list("ab") + list("ohlcv"), orient="row"
        )
        asked = connection.execute(f"select * from ({factors.QUERY}) as made order by symbol, price_date").fetchall()
    made = factors.in_polars(prices.rename({"a": "symbol", "b": "price_date"}))
    assert made.columns[2:] == list(factors.FACTORS)
    for by_query, by_polars in zip(asked, made.iter_rows(), strict=True):
        assert by_query[:2] == by_polars[:2]
        for name, one, other in zip(factors.FACTORS, by_query[2:], by_polars[2:], strict=True):
            if one is not None and other is not None and not math.isnan(other):
                assert one == pytest.approx(other, rel=1e-6, abs=1e-6), name


def test_the_table_tells_ratios_beside_goals() -> None:
    text = printed(
        [Line("decode", "json.loads", {"seconds": 3.0}, {"seconds": 4.0}, 0.7), Line("size", "MiB", 5, 1, None)]
    )
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]] == [
        ["decode", "json.loads", "0.75", "0.7"],
        ["size", "MiB", "5", ""],
    ]
