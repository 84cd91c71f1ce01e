"""A warehouse of 500 symbols x 25 years of daily bars (3.2 million), from a seed, for benchmarks to read.

    python tests/benchmarks/big_warehouse.py STATE_DIR [SYMBOLS] [SESSIONS]

Bars go straight into silver, as `stocks normalize` would leave them; then `stocks gold` builds and tests gold. The
same numbers make the same rows on every machine, so figures of two versions of the code compare.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

from stocks.cli.running import open_warehouse
from stocks.settings import Settings
from stocks.trading_calendar import calendar_of
from stocks.warehouse import Role

SYMBOLS = 500
SESSIONS = 6_400  # 25 years and some months
LAST_DAY = date(2025, 10, 31)
SEED = 20_180_314
SOURCE = "sample"
SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
_BARS = (
    "symbol, interval, price_date, open, high, low, close, adjusted_close, volume, dividend_amount, "
    "split_coefficient, is_final, source, bronze_key, observed_at"
)


def sessions(count: int) -> list[date]:
    """The last sessions of New York up to LAST_DAY."""
    days = list(calendar_of("IBM").sessions(date(1999, 11, 1), LAST_DAY))
    assert len(days) >= count, f"The calendar has {len(days)} sessions."
    return days[-count:]


def series(count: int, days: list[date]) -> Iterator[pl.DataFrame]:
    """Each symbol's bars: fat-tailed returns that share a market and a sector, dividends, splits, two crashes.

    Adjusted closes follow the provider's rule: factor(t-1) / factor(t) = C / (C + D) at a dividend D.
    """
    random = np.random.default_rng(SEED)
    n = len(days)
    market = random.standard_t(4, n) * 0.006 + 0.0003
    market[n // 3] = -0.09
    market[2 * n // 3] = -0.12
    of_sector = random.standard_t(4, (len(SECTORS), n)) * 0.004
    for number in range(count):
        own = random.standard_t(4, n) * random.uniform(0.006, 0.016)
        returns = np.clip(random.uniform(0.6, 1.4) * market + of_sector[number % len(SECTORS)] + own, -0.2, 0.2)
        split = np.ones(n)
        for place in random.choice(np.arange(20, n - 20), size=random.integers(0, 3), replace=False):
            split[place] = random.choice([1.5, 2.0, 3.0])
        later_splits = split.prod() / split.cumprod()
        close = np.round(
            random.uniform(15, 120) * np.exp(np.cumsum(returns - returns.mean() + 0.0002)) * later_splits, 4
        )
        dividend = np.zeros(n)
        if number % 3:
            quarter = np.arange(30 + number % 40, n, 63)
            dividend[quarter] = np.round(close[quarter] * random.uniform(0.002, 0.01), 4)
        growth = (close + dividend) / close  # of a holder who buys more with the dividend
        adjusted = close / later_splits * growth.cumprod() / growth.prod()
        opens = np.round(close * (1 + random.normal(0, 0.006, n)), 4)
        high = np.round(np.maximum(opens, close) * (1 + np.abs(random.normal(0, 0.005, n))), 4)
        low = np.round(np.minimum(opens, close) * (1 - np.abs(random.normal(0, 0.005, n))), 4)
        volume = np.exp(random.normal(random.uniform(12, 17), 0.4, n) + 8 * np.abs(returns)).astype(np.int64)
        yield pl.DataFrame(
            {
                "symbol": f"S{number:03d}",
                "interval": "daily",
                "price_date": days,
                "open": opens,
                "high": high,
                "low": low,
                "close": close,
                "adjusted_close": adjusted,
                "volume": volume,
                "dividend_amount": dividend,
                "split_coefficient": split,
                "is_final": True,
                "source": SOURCE,
                "bronze_key": f"benchmark/S{number:03d}",
                "observed_at": datetime.combine(LAST_DAY, time(23), UTC),
            }
        )


def fill(state: Path, count: int = SYMBOLS, length: int = SESSIONS) -> int:
    """Fills silver of an embedded warehouse that has none of these symbols; gives the number of bars."""
    bars = 0
    settings = Settings(_env_file=None, stocks_state_dir=state)
    with open_warehouse(settings) as warehouse, warehouse.connect(Role.WRITER) as connection:
        for number, frame in enumerate(series(count, sessions(length))):
            symbol, sector = frame["symbol"][0], SECTORS[number % len(SECTORS)]
            observed_at, key = frame["observed_at"][0], frame["bronze_key"][0]
            with connection.transaction():
                with connection.cursor().copy(f"copy silver.price_bar ({_BARS}) from stdin (format csv)") as copy:
                    copy.write(frame.write_csv(include_header=False))
                connection.execute(
                    """
                    insert into ops.bronze_object
                        (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_inserted)
                    values (%s, %s, 'daily', %s, 'TIME_SERIES_DAILY_ADJUSTED', %s, 'loaded', %s)
                    """,
                    [key, symbol, SOURCE, observed_at, frame.height],
                )
                connection.execute(
                    "insert into silver.company values (%s, %s, 'Common Stock', 'NYSE', 'USD', 'USA', %s, 'Benchmarks',"
                    " 'December', %s, %s)",
                    [symbol, f"Benchmark Company {number:03d}", sector, observed_at, key],
                )
            bars += frame.height
        connection.execute("analyze silver.price_bar")
    return bars


def main() -> int:
    """Fills silver, builds gold, prints how long each took."""
    state = Path(sys.argv[1])
    began = perf_counter()
    bars = fill(state, *map(int, sys.argv[2:4]))
    print(f"silver: {bars:,} bars in {perf_counter() - began:.1f} s")
    began = perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "stocks", "gold", "--output", "text"],
        env={"PATH": "/usr/bin:/bin", "STOCKS_STATE_DIR": str(state)},
        check=False,
    )
    print(f"gold: {perf_counter() - began:.1f} s")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
