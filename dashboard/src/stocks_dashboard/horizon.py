"""Which days a chart shows, and how coarse its candles are."""

from __future__ import annotations

import calendar
from datetime import date
from enum import StrEnum

CANDLES = 600
"""Candles that a chart shows at a time, at most: more are narrower than a pixel or two."""
POINTS = 1_500
"""Points of a line, as many as a wide screen has pixels."""

_SESSIONS_A_YEAR = 252


class Horizon(StrEnum):
    """How far back a chart goes from its last bar."""

    MONTH = "1M"
    QUARTER = "3M"
    HALF_YEAR = "6M"
    YEAR_TO_DATE = "YTD"
    YEAR = "1Y"
    FIVE_YEARS = "5Y"
    MAX = "Max"
    CUSTOM = "Custom"


_MONTHS = {Horizon.MONTH: 1, Horizon.QUARTER: 3, Horizon.HALF_YEAR: 6, Horizon.YEAR: 12, Horizon.FIVE_YEARS: 60}


def first_day(horizon: Horizon, first: date, last: date) -> date:
    """The first day that a horizon shows, of data from `first` to `last`.

    The year to date begins with the last day of the year before: its close is what the year is measured from.
    """
    if horizon is Horizon.YEAR_TO_DATE:
        return max(first, date(last.year - 1, 12, 31))
    if horizon in _MONTHS:
        return max(first, months_before(last, _MONTHS[horizon]))
    return first


def months_before(day: date, months: int) -> date:
    """The same day some months earlier, or that month's last day where it is shorter."""
    month = day.year * 12 + day.month - 1 - months
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Candle(StrEnum):
    """What one candle stands for; a value is also a field of PostgreSQL's date_trunc."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def candle(first: date, last: date, most: int = CANDLES) -> Candle:
    """The finest candle of which no more than `most` are needed."""
    days = (last - first).days + 1
    if days * _SESSIONS_A_YEAR / 365 <= most:
        return Candle.DAY
    return Candle.WEEK if days / 7 <= most else Candle.MONTH
