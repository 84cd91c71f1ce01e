"""Gold's metrics over the whole sample, against empyrical, numpy and the exchanges' calendars.

The fixture `sample_warehouse` has the sample in gold: `dsn` (psycopg), `schema` (where gold was built).
"""

from __future__ import annotations

import itertools
import warnings
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

from stocks.trading_calendar import calendar_of

SYMBOLS = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
YEAR, BEFORE = 252, 60
WEEKS_52 = timedelta(weeks=52)
_MEASURES = [
    "high",
    "low",
    "close",
    "adjusted_close",
    "split_coefficient",
    "split_adjusted_close",
    "simple_return",
    "log_return",
    "return_zscore",
    "volatility_52w",
    "high_52w",
    "low_52w",
    "drawdown",
]


def query(warehouse: Any, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a statement over gold's schema."""
    with psycopg.connect(warehouse.dsn) as connection:
        connection.execute(sql.SQL("set search_path to {}").format(sql.Identifier(warehouse.schema)))
        return connection.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module", params=SYMBOLS)
def bars(request: pytest.FixtureRequest, sample_warehouse: Any) -> dict[str, np.ndarray]:
    """A symbol's daily series by column, in the order of its dates; null is NaN."""
    rows = query(
        sample_warehouse,
        f"""
        select price_date, {", ".join(_MEASURES)} from fact_adjusted_prices
        where symbol = '{request.param}' and interval = 'daily' order by price_date
        """,
    )
    assert len(rows) == {"FB": 196, "GOOG": 2148}.get(request.param, 3270)
    return {
        name: np.array(column, dtype=object if name == "price_date" else float)
        for name, column in zip(["price_date", *_MEASURES], zip(*rows, strict=True), strict=True)
    }


def assert_equal(got: np.ndarray, expected: np.ndarray, tolerance: float = 1e-9) -> None:
    """Compares to a relative tolerance; null must meet null."""
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=1e-15, equal_nan=True)


def rolling(values: np.ndarray, width: int) -> np.ndarray:
    """The windows of a width, as rows; none where there are fewer values."""
    if len(values) < width:
        return np.empty((0, width))
    return np.lib.stride_tricks.sliding_window_view(values, width)


def padded(values: np.ndarray, length: int) -> np.ndarray:
    """The values at the end of a series that is null before them."""
    return np.concatenate([np.full(length - len(values), np.nan), values])


def test_returns_are_empyricals(bars: dict[str, np.ndarray]) -> None:
    import empyrical

    adjusted = bars["adjusted_close"]
    assert_equal(bars["simple_return"], padded(empyrical.simple_returns(adjusted), len(adjusted)))
    assert_equal(bars["log_return"], padded(np.log(adjusted[1:] / adjusted[:-1]), len(adjusted)))


def test_volatility_is_empyricals(bars: dict[str, np.ndarray]) -> None:
    import empyrical

    log_returns = bars["log_return"][1:]
    expected = (
        empyrical.roll_annual_volatility(log_returns, YEAR, annualization=YEAR)
        if len(log_returns) >= YEAR
        else np.array([])
    )
    assert_equal(bars["volatility_52w"], padded(expected, len(log_returns) + 1))


def test_drawdown_is_empyricals(bars: dict[str, np.ndarray]) -> None:
    import empyrical

    adjusted = bars["adjusted_close"]
    assert bars["drawdown"].min() == pytest.approx(empyrical.max_drawdown(bars["simple_return"][1:]), rel=1e-9)
    assert_equal(bars["drawdown"], adjusted / np.maximum.accumulate(adjusted) - 1)


def test_zscore_leaves_its_own_bar_out(bars: dict[str, np.ndarray]) -> None:
    returns = bars["simple_return"][1:]
    before = rolling(returns, BEFORE)[:-1]
    expected = (returns[BEFORE:] - before.mean(axis=1)) / before.std(axis=1, ddof=1)
    assert_equal(bars["return_zscore"], padded(expected, len(returns) + 1))


def test_split_adjusted_prices_and_their_extremes(bars: dict[str, np.ndarray]) -> None:
    later_splits = np.append(np.cumprod(bars["split_coefficient"][::-1])[::-1][1:], 1.0)
    assert_equal(bars["split_adjusted_close"], bars["close"] / later_splits, tolerance=1e-12)
    high, low = bars["high"] / later_splits, bars["low"] / later_splits
    for i, day in enumerate(bars["price_date"]):
        window = slice(np.searchsorted(bars["price_date"], day - WEEKS_52, side="right"), i + 1)
        assert bars["high_52w"][i] == pytest.approx(high[window].max(), rel=1e-12)
        assert bars["low_52w"][i] == pytest.approx(low[window].min(), rel=1e-12)


def test_weeks_are_those_of_the_iso_calendar(sample_warehouse: Any) -> None:
    closes: dict[str, dict[tuple[int, int], tuple[date, float, int]]] = defaultdict(dict)
    for symbol, day, adjusted in query(
        sample_warehouse,
        "select symbol, price_date, adjusted_close from fact_adjusted_prices where interval = 'daily' order by 1, 2",
    ):
        week = (day.isocalendar().year, day.isocalendar().week)
        closes[symbol][week] = (day, adjusted, closes[symbol].get(week, (day, 0.0, 0))[2] + 1)
    expected = []
    for symbol, weeks in closes.items():
        previous = None
        for (year, week), (day, adjusted, sessions) in weeks.items():
            friday = date.fromisocalendar(year, week, 5)
            expected.append((symbol, year, week, friday, day, sessions, previous and adjusted / previous - 1))
            previous = adjusted
    got = query(
        sample_warehouse,
        """
        select symbol, iso_year, iso_week, week_ending, price_date, sessions, weekly_return
        from fact_weekly_prices order by symbol, price_date
        """,
    )
    assert [row[:-1] for row in got] == [row[:-1] for row in expected]
    assert_equal(np.array([row[-1] for row in got], dtype=float), np.array([row[-1] for row in expected], dtype=float))


def test_new_yorks_trading_days_are_exchange_calendars(sample_warehouse: Any) -> None:
    with warnings.catch_warnings():
        # exchange_calendars leans on what pandas is about to change.
        warnings.simplefilter("ignore")
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start="1999-01-01", end="2026-12-31")
        expected = [session.date() for session in calendar.sessions]
        early = {session.date() for session in calendar.early_closes}
    rows = query(
        sample_warehouse,
        """
        select date_day, is_early_close, session_number from dim_date
        where is_trading_day and date_day <= '2026-12-31' order by 1
        """,
    )
    assert [row[0] for row in rows] == expected
    assert {row[0] for row in rows if row[1]} == early
    assert [row[2] for row in rows] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("symbol", ["IBM", "TSCO.LON", "SHOP.TRT"])
def test_sessions_are_those_of_the_pipeline(sample_warehouse: Any, symbol: str) -> None:
    calendar = calendar_of(symbol)
    rows = query(
        sample_warehouse,
        f"""
        select session_date, settled_at, is_last_of_week from exchange_sessions
        where calendar = '{calendar.name}' order by 1
        """,
    )
    sessions = list(calendar.sessions(date(1999, 1, 1), date(2028, 12, 31)))
    assert [row[0] for row in rows] == sessions
    assert [row[1] for row in rows] == [calendar.settled_at(day) for day in sessions]
    weeks = itertools.groupby(sessions, key=lambda day: day - timedelta(days=day.weekday()))
    assert [row[0] for row in rows if row[2]] == [list(days)[-1] for _, days in weeks]


def test_keys_are_those_of_dbt_utils(sample_warehouse: Any) -> None:
    """The vector of dbt_utils for one field, as it stands in the table."""
    assert query(sample_warehouse, "select stock_key from dim_stock where symbol = 'AAPL'") == [
        ("8b10e4ae9eeb5684921a9ab27e4d87aa",)
    ]


def test_moving_averages_are_numpys(sample_warehouse: Any) -> None:
    for symbol in SYMBOLS:
        rows = query(
            sample_warehouse,
            f"""
            select facts.close, facts.adjusted_close, averages.close_20, averages.adjusted_close_200
            from fact_adjusted_prices as facts
            inner join moving_averages as averages using (symbol, interval, price_date)
            where symbol = '{symbol}' and interval = 'daily' order by price_date
            """,
        )
        close, adjusted, close_20, adjusted_200 = (np.array(each, dtype=float) for each in zip(*rows, strict=True))
        assert_equal(close_20, padded(rolling(close, 20).mean(axis=1), len(close)))
        assert_equal(adjusted_200, padded(rolling(adjusted, 200).mean(axis=1), len(close)))


def test_months_multiply_to_the_years(sample_warehouse: Any) -> None:
    rows = query(
        sample_warehouse,
        """
        select symbol, year, monthly_return, year_to_date_return, trailing_returns.total_return
        from monthly_returns inner join trailing_returns using (symbol, interval)
        where horizon = 'YTD' and year_to_date_return is not null order by symbol, year, month
        """,
    )
    for (_, year), of_year in itertools.groupby(rows, key=lambda row: row[:2]):
        *_, (_, _, _, total, to_date) = months = list(of_year)
        assert np.prod([1 + month[2] for month in months]) == pytest.approx(1 + total)
        if year == 2013:
            assert total == pytest.approx(to_date)


def test_every_column_of_gold_bears_its_description(sample_warehouse: Any) -> None:
    found = query(
        sample_warehouse,
        f"""
        select relname || '.' || attname
        from pg_class inner join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where relnamespace = '{sample_warehouse.schema}'::regnamespace and relkind in ('r', 'v')
            and col_description(pg_class.oid, attnum) is null
            and relname not in ('universe', 'exchange', 'exchange_holiday', 'exchange_calendar')
        """,
    )
    assert found == []
