"""When an exchange holds a session and when that session is over, from dbt's seeds exchange and exchange_holiday.

A provider's dates are the exchange's local dates. A session's prices are settled `SETTLEMENT` after the
close; until then a bar of that day is provisional.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from stocks.universe import companies, read_seed

SETTLEMENT = timedelta(minutes=90)
_DAY = timedelta(days=1)
_DEFAULT_EXCHANGE = "NYSE"


@dataclass(frozen=True)
class TradingCalendar:
    """Sessions of one exchange.

    Args:
        name: ISO 10383 code of the market (XNYS).
        timezone: Its time zone.
        closes_at: Local time at which a usual session ends.
        holidays: Weekdays without a session.
        early_closes: Local time at which a shortened session ends.
    """

    name: str
    timezone: ZoneInfo
    closes_at: time
    holidays: frozenset[date]
    early_closes: dict[date, time]

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that day. Before and after the seed's years: on every weekday."""
        return day.weekday() < 5 and day not in self.holidays

    def settled_at(self, day: date) -> datetime:
        """The moment from which the prices of that session are final (aware)."""
        close = datetime.combine(day, self.early_closes.get(day, self.closes_at), self.timezone)
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
        friday = day + timedelta(days=4 - day.weekday())
        return day if day == self.last_session(friday) else self.last_session(friday - timedelta(days=7))

    def sessions(self, first: date, last: date) -> Iterable[date]:
        """Every session from first to last, both included."""
        for offset in range((last - first).days + 1):
            if self.is_session(day := first + offset * _DAY):
                yield day


@cache
def _calendars() -> dict[str, TradingCalendar]:
    """The calendar of each exchange, by the exchange's name."""
    holidays = read_seed("exchange_holiday")
    found = {}
    for row in read_seed("exchange"):
        own = [h for h in holidays if h["calendar"] == row["calendar"]]
        found[row["exchange"]] = TradingCalendar(
            name=row["calendar"],
            timezone=ZoneInfo(row["timezone"]),
            closes_at=time.fromisoformat(row["closes_at"]),
            holidays=frozenset(date.fromisoformat(h["holiday_date"]) for h in own if not h["closes_at"]),
            early_closes={
                date.fromisoformat(h["holiday_date"]): time.fromisoformat(h["closes_at"]) for h in own if h["closes_at"]
            },
        )
    return found


@cache
def calendar_of(symbol: str) -> TradingCalendar:
    """The calendar of the exchange that lists a symbol: by the universe, else by its suffix, else New York's."""
    if company := companies().get(symbol):
        return _calendars()[company.exchange]
    return _calendars()[_suffixes().get(exchange_suffix(symbol), _DEFAULT_EXCHANGE)]


def exchange_suffix(symbol: str) -> str:
    """What a symbol ends with where it is of an exchange that has a suffix (.LON); empty in the United States."""
    return next((suffix for suffix in _suffixes() if symbol.endswith(suffix)), "")


@cache
def _suffixes() -> dict[str, str]:
    """The exchange of each suffix."""
    return {row["symbol_suffix"]: row["exchange"] for row in read_seed("exchange") if row["symbol_suffix"]}
