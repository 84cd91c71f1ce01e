"""A provider of made-up prices: from one seed the same bytes on every machine, so that versions of the code compare.

It answers as Alpha Vantage does, in the process, as of any of its sessions; what an answer costs it to make is counted,
and is no time of ours.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from time import perf_counter

import httpx
import numpy as np

from stocks.trading_calendar import calendar_of

SEED = 20_180_314
_LAST_DAY = date(2025, 10, 31)
_COMPACT = 100
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
_ROW = (
    '\n        "%s": {\n            "1. open": "%.4f",\n            "2. high": "%.4f",\n            "3. low": "%.4f",\n'
    '            "4. close": "%.4f",\n            "5. adjusted close": "%.12f",\n            "6. volume": "%d",\n'
    '            "7. dividend amount": "%.4f",\n            "8. split coefficient": "%s"\n        }'
)
_HEAD = (
    '{\n    "Meta Data": {\n        "1. Information": "Daily Time Series with Splits and Dividend Events",\n'
    '        "2. Symbol": "%s",\n        "3. Last Refreshed": "%s",\n        "4. Output Size": "%s",\n'
    '        "5. Time Zone": "US/Eastern"\n    },\n    "Time Series (Daily)": {'
)


def symbol_of(number: int) -> str:
    """The name of a made-up company."""
    return f"B{number:04d}"


@lru_cache(maxsize=4)
def sessions(count: int) -> list[date]:
    """The last sessions of New York up to a day on which this was written."""
    days = list(calendar_of("IBM").sessions(_LAST_DAY - timedelta(days=math.ceil(count * 1.5)), _LAST_DAY))
    return days[-count:]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A company's whole history, oldest bar first; every array has a value a bar."""

    days: list[date]
    opens: np.ndarray
    highs: np.ndarray
    lows: np.ndarray
    closes: np.ndarray
    volumes: np.ndarray
    dividends: np.ndarray
    splits: np.ndarray

    def adjusted(self, count: int) -> np.ndarray:
        """Adjusted closes of the first bars, by the actions among these: factor(t-1) / factor(t) = C / (C + D) / S."""
        closes, dividends, splits = self.closes[:count], self.dividends[:count], self.splits[:count]
        steps = closes / (closes + dividends) / splits
        later = np.append(np.cumprod(steps[::-1])[::-1][1:], 1.0)
        adjusted: np.ndarray = closes * later
        return adjusted


def bars_of(number: int, count: int, quiet: int) -> Bars:
    """Fat-tailed returns, quarterly dividends of two companies in three, up to two splits; none in the last bars.

    Args:
        number: Of the company.
        count: How many bars.
        quiet: The last bars, without actions but for the very last one, which pays a dividend.
    """
    random = np.random.default_rng([SEED, number])
    returns = np.clip(random.standard_t(4, count) * random.uniform(0.006, 0.016) + 0.0002, -0.15, 0.15)
    splits, dividends = np.ones(count), np.zeros(count)
    for place in random.choice(np.arange(20, count - 120), size=random.integers(0, 3), replace=False):
        splits[place] = random.choice([1.5, 2.0, 3.0])
    shares = np.cumprod(splits)
    value = random.uniform(15, 120) * np.exp(np.cumsum(returns - returns.mean() + 0.0002))
    closes = np.maximum(np.round(value * shares[-1] / shares, 4), 0.5)
    if number % 3:
        places = np.arange(30 + number % 40, count - quiet, 63)
        dividends[places[splits[places] == 1]] = np.round(
            closes[places[splits[places] == 1]] * random.uniform(0.002, 0.01), 4
        )
    dividends[-1] = round(closes[-1] * 0.005, 4)
    opens = np.round(closes * (1 + random.normal(0, 0.006, count)), 4)
    highs = np.round(np.maximum(opens, closes) * (1 + np.abs(random.normal(0, 0.005, count))), 4)
    lows = np.round(np.minimum(opens, closes) * (1 - np.abs(random.normal(0, 0.005, count))), 4)
    volumes = np.exp(random.normal(random.uniform(12, 17), 0.4, count) + 8 * np.abs(returns)).astype(np.int64)
    return Bars(
        days=sessions(count),
        opens=opens,
        highs=highs,
        lows=lows,
        closes=closes,
        volumes=volumes,
        dividends=dividends,
        splits=splits,
    )


def overview(symbol: str) -> bytes:
    """What there is to know of a made-up company."""
    sector = SECTORS[int(symbol[1:]) % len(SECTORS)]
    told = {"Symbol": symbol, "AssetType": "Common Stock", "Name": f"Benchmark Company {symbol[1:]}"}
    return json.dumps({**told, "Exchange": "NYSE", "Currency": "USD", "Country": "USA", "Sector": sector}).encode()


@dataclass(kw_only=True)
class MadeUp(httpx.BaseTransport):
    """Answers an httpx client as of a session.

    Args:
        bars: Of each company, up to the day before the three that follow.
        day: 0: all these bars; 1: one session more; 2: another, on which every company pays a dividend.
    """

    bars: int
    day: int = 0
    seconds: float = field(default=0.0, init=False)
    """How long it took to make answers."""
    served: int = field(default=0, init=False)
    """Bytes of answers."""

    @property
    def now(self) -> datetime:
        """When the session's bar is final."""
        return datetime.combine(sessions(self.bars + 2)[self.bars - 1 + self.day] + timedelta(days=1), time(6), UTC)

    def body(self, symbol: str, *, full: bool) -> bytes:
        """The answer for one of the made-up companies."""
        whole, count = bars_of(int(symbol[1:]), self.bars + 2, quiet=_COMPACT + 20), self.bars + self.day
        adjusted = whole.adjusted(count)
        rows = [
            _ROW
            % (
                whole.days[t],
                whole.opens[t],
                whole.highs[t],
                whole.lows[t],
                whole.closes[t],
                adjusted[t],
                whole.volumes[t],
                whole.dividends[t],
                whole.splits[t],
            )
            for t in range(count - 1, -1 if full else max(count - 1 - _COMPACT, -1), -1)
        ]
        head = _HEAD % (symbol, whole.days[count - 1], "Full size" if full else "Compact")
        return f"{head}{','.join(rows)}\n    }}\n}}".encode()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        began = perf_counter()
        query = request.url.params
        if query["function"] == "OVERVIEW":
            body = overview(query["symbol"])
        else:
            body = self.body(query["symbol"], full=query.get("outputsize") == "full")
        self.seconds += perf_counter() - began
        self.served += len(body)
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=body)
