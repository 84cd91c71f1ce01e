"""Real prices in the provider's format, for a machine without a key or without internet.

The package bokeh-sampledata ships daily bars of five companies from the Quandl WIKI set, which its publisher
put into the public domain: open, high, low, close and volume as traded, and closes adjusted by all actions up
to long after the set's end. The sample is Alpha Vantage as of a day: it knows the bars and the actions up to
that day, and adjusts by these alone. So a split restates all earlier adjusted closes, as for real users.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from itertools import groupby
from zoneinfo import ZoneInfo

import httpx
import msgspec

from stocks.errors import ConfigError
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW, SERIES_KEYS, WEEKLY
from stocks.providers.alphavantage.catalogue import CATALOGUE
from stocks.providers.sample.actions import Actions, adjusted_closes, recover_actions
from stocks.universe import companies

FIRST_BARS = {
    "AAPL": date(2000, 3, 1),
    "FB": date(2012, 5, 18),
    "GOOG": date(2004, 8, 19),
    "IBM": date(2000, 3, 1),
    "MSFT": date(2000, 3, 1),
}
"""The day of each symbol's first bar: known without loading the data."""
LAST_DAY = date(2013, 3, 1)
"""The day of every symbol's last bar."""

_FIRST_DAY = min(FIRST_BARS.values())
_EVENING = time(18, tzinfo=ZoneInfo("America/New_York"))  # the day's prices are settled
_COMPACT = 100
_DECIMALS = 12  # of adjusted closes, as the provider gives them

# The start of the provider's answer to OVERVIEW; it goes on with figures that the sample does not know.
_OVERVIEW_KEYS = (
    *("Symbol", "AssetType", "Name", "Description", "CIK", "Exchange", "Currency", "Country", "Sector"),
    *("Industry", "Address", "OfficialSite", "FiscalYearEnd", "LatestQuarter", "MarketCapitalization"),
)

Row = dict[str, str]


@dataclass(frozen=True)
class _History:
    """Bars of a symbol, oldest first, and its actions; every sequence has one value a bar."""

    days: Sequence[str]
    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]
    volumes: Sequence[int]
    dividends: Sequence[float]
    splits: Sequence[float]

    def until(self, day: date) -> _History:
        """What of it was known on a day."""
        n = bisect_right(self.days, day.isoformat())
        return _History(**{name: column[:n] for name, column in vars(self).items()})

    def adjusted(self) -> list[float]:
        """Adjusted closes by the actions on these bars, those of the newest bar on its own basis."""
        return adjusted_closes(self.closes, Actions(self.dividends, self.splits))


@cache
def _history(symbol: str) -> _History:
    """All bars of a symbol of the sample.

    Raises:
        ConfigError: The data are not installed.
    """
    try:
        # Half a second and an optional dependency: only where the sample is asked.
        from bokeh_sampledata import stocks as data
    except ImportError:
        raise ConfigError(
            "The sample's prices are not installed.",
            hint="Install the package with its extra: stocks[sample].",
        ) from None
    series = getattr(data, symbol)
    actions = recover_actions(series["close"], series["adj_close"])
    prices = {f"{name}s": series[name] for name in ("open", "high", "low", "close", "volume")}
    return _History(days=series["date"], **prices, dividends=actions.dividends, splits=actions.splits)


class Sample:
    """The provider as of a day.

    Args:
        as_of: The day; the last one of the data where None.

    Raises:
        ConfigError: The day lies outside the data.
    """

    def __init__(self, as_of: date | None = None) -> None:
        self.as_of = as_of or LAST_DAY
        if not _FIRST_DAY <= self.as_of <= LAST_DAY:
            raise ConfigError(
                f"The sample has no prices as of {self.as_of}.",
                hint=f"Set STOCKS_SAMPLE_AS_OF to a day from {_FIRST_DAY} to {LAST_DAY}.",
            )

    def now(self) -> datetime:
        """The evening of the day in New York, aware."""
        return datetime.combine(self.as_of, _EVENING)

    def symbols(self) -> list[str]:
        """The symbols that have a bar by the day."""
        return [symbol for symbol, first in FIRST_BARS.items() if first <= self.as_of]

    def preload(self) -> None:
        """Loads the data, so that the first answer is as fast as the others.

        Raises:
            ConfigError: The data are not installed.
        """
        for symbol in FIRST_BARS:
            _history(symbol)

    def answer(self, query: Mapping[str, str]) -> bytes:
        """The body that answers a query, whatever it holds; the API key is not looked at."""
        function, symbol = query.get("function", ""), query.get("symbol", "")
        known = symbol.upper() in self.symbols()
        match function:
            case OVERVIEW.name:
                return _json(_overview(symbol.upper()) if known else {})
            case DAILY.name | WEEKLY.name if not known:
                return CATALOGUE["bad-symbol"].body(function)
            case DAILY.name:
                full = query.get("outputsize") == "full"
                return _json(_daily(symbol, _history(symbol.upper()).until(self.as_of), full=full))
            case WEEKLY.name:
                return _json(_weekly(symbol, _history(symbol.upper()).until(self.as_of)))
            case _:
                return CATALOGUE["bad-function"].body(function)


class SampleTransport(httpx.BaseTransport):
    """Answers an httpx client from the sample, without a network.

    Args:
        sample: Answers the requests.
    """

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        body = self._sample.answer(request.url.params)
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=body)


def _json(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=4)


def _daily(symbol: str, bars: _History, *, full: bool) -> dict[str, Row | dict[str, Row]]:
    adjusted = bars.adjusted()
    count = len(bars.days) if full else min(_COMPACT, len(bars.days))
    return {
        "Meta Data": {
            "1. Information": "Daily Time Series with Splits and Dividend Events",
            "2. Symbol": symbol,
            "3. Last Refreshed": bars.days[-1],
            "4. Output Size": "Full size" if full else "Compact",
            "5. Time Zone": "US/Eastern",
        },
        SERIES_KEYS[DAILY]: {
            bars.days[t]: {
                "1. open": f"{bars.opens[t]:.4f}",
                "2. high": f"{bars.highs[t]:.4f}",
                "3. low": f"{bars.lows[t]:.4f}",
                "4. close": f"{bars.closes[t]:.4f}",
                "5. adjusted close": repr(round(adjusted[t], _DECIMALS)),
                "6. volume": str(bars.volumes[t]),
                "7. dividend amount": f"{bars.dividends[t]:.4f}",
                "8. split coefficient": repr(bars.splits[t]),
            }
            for t in reversed(range(len(bars.days) - count, len(bars.days)))
        },
    }


def _weekly(symbol: str, bars: _History) -> dict[str, Row | dict[str, Row]]:
    """Weeks as the provider makes them: prices as traded, also across a split; dated by the last session."""
    adjusted = bars.adjusted()
    weeks = [
        list(sessions)
        for _, sessions in groupby(
            range(len(bars.days)), key=lambda t: date.fromisoformat(bars.days[t]).isocalendar()[:2]
        )
    ]
    return {
        "Meta Data": {
            "1. Information": "Weekly Adjusted Prices and Volumes",
            "2. Symbol": symbol,
            "3. Last Refreshed": bars.days[-1],
            "4. Time Zone": "US/Eastern",
        },
        SERIES_KEYS[WEEKLY]: {
            bars.days[week[-1]]: {
                "1. open": f"{bars.opens[week[0]]:.4f}",
                "2. high": f"{max(bars.highs[t] for t in week):.4f}",
                "3. low": f"{min(bars.lows[t] for t in week):.4f}",
                "4. close": f"{bars.closes[week[-1]]:.4f}",
                "5. adjusted close": f"{adjusted[week[-1]]:.4f}",
                "6. volume": str(sum(bars.volumes[t] for t in week)),
                "7. dividend amount": f"{sum(bars.dividends[t] for t in week):.4f}",
            }
            for week in reversed(weeks)
        },
    }


def _overview(symbol: str) -> Row:
    """What the universe tells of a company, in the provider's way: in capitals, and None as a text."""
    company = companies().get(symbol)
    if company is None:
        return {}
    known = {
        "Symbol": symbol,
        "AssetType": "Common Stock",
        "Name": company.company_name,
        "Exchange": company.exchange,
        "Currency": company.currency,
        "Sector": company.sector.upper(),
        "Industry": company.industry.upper(),
    }
    return {key: known.get(key, "None") for key in _OVERVIEW_KEYS}
