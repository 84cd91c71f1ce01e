"""Daily series as a provider tells them: clean ones, made by chance, and what can be done to them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, islice
from typing import Any

from stocks.providers import PROVIDERS
from stocks.providers.alphavantage.answers import DAILY
from stocks.providers.frame import Decoded, frame
from stocks.providers.provider import Interval
from stocks.providers.sample.actions import Actions, adjusted_closes
from stocks.providers.sample.data import Sample
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import calendar_of

CALENDAR = calendar_of("IBM")
_FIRST = date(1999, 11, 1)
_SPLITS = (2.0, 2.0, 2.0, 3.0, 1.5, 7.0, 4.0)
_COLUMNS = {
    "opens": "open",
    "highs": "high",
    "lows": "low",
    "closes": "close",
    "adjusted": "adjusted_close",
    "volumes": "volume",
    "dividends": "dividend_amount",
    "splits": "split_coefficient",
}
"""What a series has of each bar, and the column of the frame that holds it."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Bars, oldest first; every column has one value a bar, as a provider prints it."""

    days: Sequence[date]
    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]
    adjusted: Sequence[float]
    volumes: Sequence[int]
    dividends: Sequence[float]
    splits: Sequence[float]
    decimals: int = 12
    """Of the adjusted closes."""
    interval: Interval = "daily"

    def __len__(self) -> int:
        return len(self.days)

    def until(self, count: int) -> Series:
        """The first bars as they were told then: adjusted by their own actions alone."""
        cut = {name: getattr(self, name)[:count] for name in ("days", *_COLUMNS)}
        return readjusted(replace(self, **cut))

    def judged(self, *, symbol: str = "IBM", observed_at: datetime | None = None) -> ParsedSeries:
        """What silver says of it as an answer, given on the evening of its last day unless told otherwise."""
        columns = {column: list(map(float, getattr(self, name))) for name, column in _COLUMNS.items()}
        texts = [day.isoformat() for day in self.days]
        decoded = Decoded(symbol=symbol, rows=frame(texts, columns), raw=lambda: [(text, None) for text in texts])
        return judge_series(
            decoded,
            symbol=symbol,
            interval=self.interval,
            observed_at=observed_at or evening(self.days[-1]),
            calendar=CALENDAR,
            adjustment="reinvest_ex_close",
        )


def from_answer(sample: Sample, symbol: str) -> Series:
    """The sample's daily series."""
    body = sample.answer({"function": DAILY.name, "symbol": symbol, "outputsize": "full"})
    rows = PROVIDERS["sample"].read(body, DAILY).rows.sort("date_text")
    told: dict[str, Any] = {name: rows[column].to_list() for name, column in _COLUMNS.items()}
    days = [date.fromisoformat(day) for day in rows["date_text"]]
    return Series(days=days, **told | {"volumes": list(map(round, rows["volume"]))})


def evening(day: date) -> datetime:
    """When a day's bar is final."""
    return datetime.combine(day + timedelta(days=1), time(6), UTC)


def readjusted(series: Series) -> Series:
    """The series with adjusted closes that agree with its own actions."""
    exact = adjusted_closes(series.closes, Actions(series.dividends, series.splits))
    return replace(series, adjusted=[round(price, series.decimals) for price in exact])


def clean(chance: random.Random, sessions: int = 6_300) -> Series:
    """A geometric random walk with fat tails (Student's t, four degrees of freedom) and what companies do.

    A fifth are penny stocks. A great move comes with as much traded as in the sample's real ones: 0.65 times its
    standard deviations. Dividends come quarterly, now and then a special one; splits where a price grows out of hand
    or falls to cents.
    """
    is_penny = chance.random() < 0.2
    size = chance.uniform(0.03, 0.06) if is_penny else chance.uniform(0.008, 0.03)
    price = chance.uniform(0.3, 3) if is_penny else math.exp(chance.uniform(math.log(8), math.log(150)))
    share = 0.0 if is_penny or chance.random() < 0.4 else chance.uniform(0.001, 0.015)
    shares_a_day = math.exp(chance.uniform(math.log(5e4), math.log(2e7)))
    rows = []
    for place in range(sessions):
        split = dividend = 0.0
        if price > 250 and chance.random() < 0.02:
            split = chance.choice(_SPLITS)
        elif price < 0.2:
            split = chance.choice((0.1, 0.05, 1 / 15, 0.2))
        elif chance.random() < 0.0003:
            split = chance.choice((1.05, 1.1, 1.25))
        if place == 0:
            split = 0.0
        if place % 63 == 30:
            dividend = share * price / (split or 1)
        elif share and chance.random() < 0.0002:
            dividend = chance.uniform(0.03, 0.6) * price / (split or 1)
        dividend = round(dividend, 4)
        before = price / (split or 1) - dividend
        shares_a_day *= split or 1
        overnight, within = 0.45 * size * _fat(chance), 0.85 * size * _fat(chance)
        first = _tick(before * math.exp(overnight))
        last = _tick(first * math.exp(within))
        high = _tick(max(first, last) * math.exp(abs(chance.gauss(0, size / 2))))
        low = min(_tick(min(first, last) * math.exp(-abs(chance.gauss(0, size / 2)))), first, last)
        activity = max(1.0, 0.65 * abs(overnight + within) / size) * math.exp(chance.gauss(0, 0.4))
        rows.append((first, max(high, first, last), low, last, round(shares_a_day * activity), dividend, split or 1.0))
        price = last
        # Companies neither grow nor shrink without end.
        price *= math.exp(0.0002 - size * size / 4)
    series = _unadjusted(rows, decimals=chance.choice((4, 12)))
    # Ratios of shares are printed with four decimals; adjusted closes know them exactly.
    printed = [round(split, 4) for split in series.splits]
    return replace(readjusted(series), splits=printed)


def by_week(series: Series) -> Series:
    """What the provider tells of it by weeks: no splits, and the last day's adjusted close."""
    weeks = [list(days) for _, days in groupby(range(len(series)), lambda place: series.days[place].isocalendar()[:2])]
    lasts = [days[-1] for days in weeks]
    return replace(
        series,
        days=[series.days[last] for last in lasts],
        opens=[series.opens[days[0]] for days in weeks],
        highs=[max(series.highs[day] for day in days) for days in weeks],
        lows=[min(series.lows[day] for day in days) for days in weeks],
        closes=[series.closes[last] for last in lasts],
        adjusted=[series.adjusted[last] for last in lasts],
        volumes=[sum(series.volumes[day] for day in days) for days in weeks],
        dividends=[round(sum(series.dividends[day] for day in days), 4) for days in weeks],
        splits=[1.0] * len(weeks),
        interval="weekly",
    )


def calm(chance: random.Random, sessions: int = 400) -> Series:
    """A series without actions whose price moves by one or two per cent a day: what is done to it alone can be odd."""
    price, rows = 50.0, []
    for _ in range(sessions):
        first = round(price * (1 + chance.gauss(0, 0.006)), 2)
        price = round(first * (1 + chance.gauss(0, 0.01)), 2)
        top, bottom = round(max(first, price) * 1.005, 2), round(min(first, price) * 0.995, 2)
        rows.append((first, top, bottom, price, round(1e6 * chance.lognormvariate(0, 0.3)), 0.0, 1.0))
    return _unadjusted(rows)


def _unadjusted(rows: Sequence[tuple[Any, ...]], decimals: int = 12) -> Series:
    """Bars on the sessions from _FIRST on; a row has the values of _COLUMNS, without the adjusted close."""
    days = islice(CALENDAR.sessions(_FIRST, _FIRST + timedelta(days=2 * len(rows) + 10)), len(rows))
    told: dict[str, Any] = dict(
        zip((name for name in _COLUMNS if name != "adjusted"), zip(*rows, strict=True), strict=True)
    )
    return Series(days=list(days), adjusted=told["closes"], decimals=decimals, **told)


def _fat(chance: random.Random) -> float:
    """Student's t with four degrees of freedom, of variance 1."""
    return chance.gauss(0, 1) / math.sqrt(chance.gammavariate(2, 0.5)) / math.sqrt(2)


def _tick(price: float) -> float:
    return max(round(price, 2 if price >= 1 else 4), 0.0001)
