"""When an exchange holds a session and when that session is over, from dbt's seeds exchange and exchange_*.

A provider's dates are the exchange's local dates. A session's prices are settled `SETTLEMENT` after the
close; until then a bar of that day is provisional.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from stocks.errors import ConfigError
from stocks.universe import companies, read_seed

SETTLEMENT = timedelta(minutes=90)
_DAY = timedelta(days=1)
_DEFAULT_EXCHANGE = "NYSE"
_UNKNOWN_EXCHANGE = "Unknown"
# Share classes (BRK.B) have one letter; warrants, rights and preferred shares are New York's, too. As in dim_stock.
_UNKNOWN_SUFFIX = re.compile(r"\.(?!WS$|RT$|PR)[A-Z0-9]{2,}$")


@dataclass(frozen=True, eq=False)
class TradingCalendar:
    """Sessions of one exchange. There is one of each, so that what is made of it can be kept.

    Args:
        name: ISO 10383 code of the market (XNYS).
        timezone: Its time zone.
        closes_at: Local time at which a usual session ends.
        holidays: Weekdays without a session.
        special_closes: Local time at which a session ends that is shortened, or held on a weekend or a holiday.
        known_to: The last day whose holidays are known; None where none ever were.
    """

    name: str
    timezone: ZoneInfo
    closes_at: time
    holidays: frozenset[date]
    special_closes: dict[date, time]
    known_to: date | None = None

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that day. Where no holiday is known: on every weekday."""
        return day in self.special_closes or (day.weekday() < 5 and day not in self.holidays)

    def settled_at(self, day: date) -> datetime:
        """The moment from which the prices of that session are final (aware)."""
        close = datetime.combine(day, self.special_closes.get(day, self.closes_at), self.timezone)
        return close + SETTLEMENT

    def last_session(self, day: date) -> date:
        """The last session on or before a day."""
        while not self.is_session(day):
            day -= _DAY
        return day

    def last_settled(self, moment: datetime) -> date:
        """The last session whose prices are final at a moment (aware)."""
        day = self.last_session(moment.astimezone(self.timezone).date())
        return day if self.settled_at(day) <= moment else self.last_session(day - _DAY)

    def last_settled_week(self, moment: datetime) -> date:
        """The last session of the last ISO week whose prices are final at a moment (aware)."""
        day = self.last_settled(moment)
        sunday = day + timedelta(days=6 - day.weekday())
        return day if day == self.last_session(sunday) else self.last_session(sunday - timedelta(days=7))

    def sessions(self, first: date, last: date) -> Iterable[date]:
        """Every session from first to last, both included."""
        for offset in range((last - first).days + 1):
            if self.is_session(day := first + offset * _DAY):
                yield day


@cache
def _calendars() -> dict[str, TradingCalendar]:
    """The calendar of each exchange, by the exchange's name."""
    holidays = defaultdict(set)
    special_closes: dict[str, dict[date, time]] = defaultdict(dict)
    for row in read_seed("exchange_holiday"):
        day = date.fromisoformat(row["holiday_date"])
        if row["closes_at"]:
            special_closes[row["calendar"]][day] = time.fromisoformat(row["closes_at"])
        else:
            holidays[row["calendar"]].add(day)
    known_to = {row["calendar"]: date.fromisoformat(row["known_to"]) for row in read_seed("exchange_calendar")}
    return {
        row["exchange"]: TradingCalendar(
            name=(name := row["calendar"]),
            timezone=ZoneInfo(row["timezone"]),
            closes_at=time.fromisoformat(row["closes_at"]),
            holidays=frozenset(holidays[name]),
            special_closes=special_closes[name],
            known_to=known_to.get(name),
        )
        for row in read_seed("exchange")
    }


@cache
def calendar_of(symbol: str) -> TradingCalendar:
    """The calendar of the exchange that lists a symbol: by the universe, else by its suffix, else New York's.

    Nothing is assumed of an exchange whose suffix nobody knows: its calendar is WEEKDAYS, which has no holidays and
    settles late enough for any exchange.
    """
    if company := companies().get(symbol):
        return _calendars()[company.exchange]
    if suffix := exchange_suffix(symbol):
        return _calendars()[_suffixes()[suffix]]
    return _calendars()[_UNKNOWN_EXCHANGE if _UNKNOWN_SUFFIX.search(symbol) else _DEFAULT_EXCHANGE]


def calendar_of_exchange(exchange: str) -> TradingCalendar:
    """The calendar of an exchange by its name.

    Raises:
        ConfigError: The seed has no such exchange.
    """
    try:
        return _calendars()[exchange]
    except KeyError:
        raise ConfigError(
            f"There is no exchange {exchange!r}.", hint=f"Choose one of {', '.join(sorted(_calendars()))}."
        ) from None


def exchange_suffix(symbol: str) -> str:
    """What a symbol ends with where it is of an exchange that has a suffix (.LON); empty in the United States."""
    return next((suffix for suffix in _suffixes() if symbol.endswith(suffix)), "")


@cache
def _suffixes() -> dict[str, str]:
    """The exchange of each suffix."""
    return {row["symbol_suffix"]: row["exchange"] for row in read_seed("exchange") if row["symbol_suffix"]}
