"""The newest bars of a series alone: whether they go on with what silver holds, and what they say.

A tail is taken where its overlap is what silver holds, bar for bar, and its new bars tell no action: then the whole
series would say the same. An action restates all adjusted closes before it, so that the whole is asked for; so it is
where any row asks for a closer look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise

import polars as pl

from stocks.providers.frame import FIELDS, Decoded
from stocks.providers.provider import Adjustment, Interval
from stocks.silver.rules import WITHIN
from stocks.silver.series import BAR, ParsedSeries, final_day, judge_series
from stocks.trading_calendar import TradingCalendar

Values = tuple[float, ...]
"""A bar's FIELDS; of an answer, None where there is no number."""

CONTEXT = 75
"""Bars before a new one by which rules judge it: with these it is judged as in the whole series."""

# A bar within these keeps every rule, whatever they measure it by; most bars do.
_QUIET_RANGE = 1.1
_QUIET_MOVE = 1.1
_CENT, _DEAR, _MANY = 0.01, 1e9, 1e15
_LEVEL, _LEVEL_APART = 10, 4.0


def told(decoded: Decoded) -> dict[str, Values]:
    """The rows of an answer by their dates as received; fewer than rows where a date stands twice."""
    columns = (decoded.rows[name].to_list() for name in ("date_text", *FIELDS))
    return {row[0]: row[1:] for row in zip(*columns, strict=True)}


def goes_on(rows: Mapping[str, Values], held: Mapping[str, tuple[Values, bool]], overlap: int) -> bool:
    """Whether rows agree with all bars that silver holds since the first of them, and tell no action after these.

    Args:
        rows: `told`.
        held: FIELDS and is_final of the newest bars held, by their dates; at least as many as the overlap.
        overlap: How many final bars both must have.
    """
    first, until = min(rows), max((day for day, (_, is_final) in held.items() if is_final), default="")
    final = {day: values for day, (values, is_final) in held.items() if is_final and day >= first}
    if len(final) < overlap or any(rows.get(day) != values for day, values in final.items()):
        return False
    earliest = min(held)
    if any(earliest <= day < until and day not in final for day in rows):  # rejected, or withdrawn, or new
        return False
    return all(values[-2:] == (0, 1) for day, values in rows.items() if day > until)


def judge_tail(
    decoded: Decoded,
    until: date,
    *,
    symbol: str,
    interval: Interval,
    observed_at: datetime,
    calendar: TradingCalendar,
    adjustment: Adjustment,
) -> ParsedSeries:
    """As `judge_series`, of a tail whose rows up to a day are bars that silver holds.

    Args:
        decoded: The answer.
        until: The day.
        symbol: Whose series it must be.
        interval: Of its bars.
        observed_at: When the answer was given (aware).
        calendar: Of the exchange where the symbol is listed.
        adjustment: The convention of its adjusted closes.
    """
    if is_quiet(decoded, until, symbol=symbol, interval=interval, observed_at=observed_at, calendar=calendar):
        days = decoded.rows.lazy().with_columns(price_date=pl.col("date_text").str.to_date("%Y-%m-%d"))
        bars = days.select(*BAR, is_final=final_day(observed_at, calendar)).sort("price_date")
        return ParsedSeries.quiet(bars.collect())
    return judge_series(
        decoded,
        symbol=symbol,
        interval=interval,
        observed_at=observed_at,
        calendar=calendar,
        adjustment=adjustment,
    )


def is_quiet(
    decoded: Decoded, until: date, *, symbol: str, interval: Interval, observed_at: datetime, calendar: TradingCalendar
) -> bool:
    """Whether a glance tells that a tail has nothing but clean bars, as most have; the arguments are `judge_tail`'s."""
    is_right = decoded.symbol is None or decoded.symbol.upper() == symbol.upper()
    today = observed_at.astimezone(calendar.timezone).date()
    rows = sorted(told(decoded).items())
    return (
        is_right and interval == "daily" and len(rows) == len(decoded.rows) and _are_quiet(rows, until, today, calendar)
    )


def _are_quiet(rows: Sequence[tuple[str, Values]], until: date, today: date, calendar: TradingCalendar) -> bool:
    """Whether rows after a day can't break a rule, and those before it are enough to say so."""
    known = sum(day <= until.isoformat() for day, _ in rows)
    try:
        days = [date.fromisoformat(day) for day, _ in rows]
    except ValueError:
        return False
    if known < CONTEXT or any(len(day) != len("2000-01-01") for day, _ in rows) or days[-1] > today:
        return False
    numbers = [values for _, values in rows]
    return (
        not any(number is None for values in numbers for number in values)
        and all(map(calendar.is_session, days[known:]))
        and all(map(_is_plain, numbers[known:]))
        and all(_moves_little(*two) for two in pairwise(numbers[known - 1 :]))
        and not _steps(numbers[known - 2 * _LEVEL :])
    )


def _is_plain(values: Values) -> bool:
    opened, high, low, close, adjusted, volume, dividend, split = values
    return (
        _CENT < low <= min(opened, close) <= max(opened, close) <= high < _QUIET_RANGE * low
        and _CENT < adjusted < _DEAR
        and high < _DEAR
        and 0 <= volume < _MANY
        and volume == int(volume)
        and dividend == 0
        and split == 1
    )


def _moves_little(before: Values, after: Values) -> bool:
    factor = (after[4] / after[3]) / (before[4] / before[3])
    moves = (after[0] / before[3], after[3] / before[3])
    return abs(factor - 1) < WITHIN / 2 and all(1 / _QUIET_MOVE < move < _QUIET_MOVE for move in moves)


def _steps(bars: Sequence[Values]) -> bool:
    """Whether the volumes around a day may be on another level from then on."""
    volumes = [values[5] for values in bars]
    for place in range(_LEVEL, len(volumes) - _LEVEL + 1):
        before, after = volumes[place - _LEVEL : place], volumes[place : place + _LEVEL]
        if min(before) > _LEVEL_APART * max(after) or min(after) > _LEVEL_APART * max(before):
            return True
    return any(values[7] != 1 for values in bars)
