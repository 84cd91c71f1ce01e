"""An exchange's sessions for columns of days: whether a day is one, and how many are between two days."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import polars as pl

from stocks.trading_calendar import TradingCalendar

_FIRST, _LAST = date(1899, 12, 31), date(2100, 12, 31)  # before the first day that is a bar's, and after the last


def is_session(day: pl.Expr, calendar: TradingCalendar) -> pl.Expr:
    """`TradingCalendar.is_session` for a column of days from 1900 on; null for those after 2100."""
    return sessions_until(day, calendar) > sessions_until(day.dt.offset_by("-1d"), calendar)


def sessions_until(day: pl.Expr, calendar: TradingCalendar) -> pl.Expr:
    """How many sessions there were from 1900 to each day, Int32; the difference of two counts those between them."""
    place = day.to_physical() - (_FIRST - date(1970, 1, 1)).days
    return pl.lit(_counted(calendar)).gather(place, null_on_oob=True)


@lru_cache(maxsize=64)
def _counted(calendar: TradingCalendar) -> pl.Series:
    """For each day the number of sessions up to it: one look-up a bar, where lists of holidays are searched."""
    days = pl.select(day=pl.date_range(_FIRST, _LAST)).lazy()
    day = pl.col("day")
    holidays, special = (
        pl.Series(sorted(known), dtype=pl.Date) for known in (calendar.holidays, calendar.special_closes)
    )
    are_sessions = ((day.dt.weekday() <= 5) & ~day.is_in(holidays.implode())) | day.is_in(special.implode())
    return days.select(are_sessions.cum_sum().cast(pl.Int32)).collect().to_series()
