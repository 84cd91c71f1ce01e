"""A decoded series -> the bars that can be trusted, the rows that can't, and whether to apply it at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from stocks.errors import MalformedPayload
from stocks.providers.frame import FIELDS, Decoded
from stocks.providers.provider import Adjustment, Interval
from stocks.silver.adjustment import Continuity, check_continuity
from stocks.silver.rules import (
    DUPLICATE_WEEK,
    FACTOR_DISCONTINUITY,
    NOT_A_SERIES,
    TOO_MANY_REJECTS,
    TWO_BASES,
    Setting,
    broken_rule,
    is_session,
    reason,
)
from stocks.trading_calendar import TradingCalendar

_REJECTS = dict.fromkeys(("price_date", "rule", "reason", "raw"), pl.String)

# More rejects than both, and it is the payload that is wrong, not some of its bars.
_REJECTS_AT_MOST = 5
_REJECTED_SHARE_AT_MOST = 0.1


@dataclass(frozen=True, kw_only=True)
class ParsedSeries:
    """What a series answer says. Each of its rows is in `bars` or in `rejects`, once."""

    bars: pl.DataFrame
    """price_date Date; open, high, low, close, adjusted_close Float64; volume Int64; dividend_amount,
    split_coefficient Float64; is_final Boolean. By price_date, which is unique. A weekly bar is dated by a session,
    and a reverse split's coefficient is 1/n where the prices tell which n was printed (0.0667: 1/15)."""
    rejects: pl.DataFrame
    """price_date (as received), rule, reason, raw (the row as JSON text): String. In the payload's order."""
    refused: str
    """Why the payload must not be applied, as a sentence; empty where it may."""
    rule: str = ""
    """Which of `rules.ANSWER_RULES` it breaks then."""

    @classmethod
    def refusal(cls, why: str) -> ParsedSeries:
        """A payload that gives no bars at all."""
        return cls(bars=pl.DataFrame(), rejects=pl.DataFrame(schema=_REJECTS), refused=why, rule=NOT_A_SERIES)


def judge_series(
    decoded: Decoded,
    *,
    symbol: str,
    interval: Interval,
    observed_at: datetime,
    calendar: TradingCalendar,
    adjustment: Adjustment,
) -> ParsedSeries:
    """Judges every row of an answer by the rules of `rules.RULES`, and marks the provisional bars.

    Args:
        decoded: The answer.
        symbol: Whose series it must be.
        interval: Of its bars.
        observed_at: When the answer was given (aware).
        calendar: Of the exchange where the symbol is listed.
        adjustment: The convention of its adjusted closes.

    Raises:
        MalformedPayload: The answer holds another symbol's series, or a row nested too deep.
    """
    if decoded.symbol is not None and decoded.symbol.upper() != symbol.upper():
        raise MalformedPayload(f"The answer for {symbol} holds the series of {decoded.symbol!r}.")
    weekly = interval == "weekly"
    setting = Setting(today=observed_at.astimezone(calendar.timezone).date(), calendar=calendar)
    told = _date(pl.col("date_text"))
    judged = decoded.rows.with_columns(
        told_date=told, price_date=_week_date(told, calendar) if weekly else told
    ).with_columns(rule=broken_rule(setting))
    broken = judged.filter(pl.col("rule").is_not_null()).select("row", "rule", reason=reason())
    candidates = judged.filter(pl.col("rule").is_null()).sort("told_date")
    shift = ""
    if weekly:
        unfit = _partial_weeks(candidates)
    else:
        found = check_continuity(candidates, _blind(judged, calendar), adjustment)
        unfit, shift = _discontinuities(candidates, found), found.shift
        candidates = candidates.with_columns(split_coefficient=found.splits)
    rejected = pl.concat([broken, unfit]).sort("row")
    bars = candidates.join(unfit, on="row", how="anti", maintain_order="left").select(
        "price_date",
        *FIELDS[:5],
        pl.col("volume").cast(pl.Int64),
        *FIELDS[6:],
        is_final=(_final_week if weekly else _final_day)(observed_at, calendar),
    )
    rule, refused = _refusal(shift, bars=len(bars), rejects=len(rejected))
    return ParsedSeries(bars=bars, rejects=_with_raw(rejected, decoded), refused=refused, rule=rule)


def _date(text: pl.Expr) -> pl.Expr:
    """The date of a text; null where it is none, or before 1900. The parser alone would take "2021-1-5" too."""
    is_whole = text.str.contains(r"^(?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}$")
    return pl.when(is_whole).then(text).str.to_date("%Y-%m-%d", strict=False)


def _final_day(observed_at: datetime, calendar: TradingCalendar) -> pl.Expr:
    return pl.col("price_date") <= calendar.last_settled(observed_at)


def _final_week(observed_at: datetime, calendar: TradingCalendar) -> pl.Expr:
    """A week's bar is final when its last session is settled and the bar is dated by it.

    The provider may be late: an earlier date in the newest week says that the bar tells of a part of it.
    Once another week is over, that was the symbol's last trade in its week.
    """
    last_session = calendar.last_settled_week(observed_at)
    monday = last_session - timedelta(days=last_session.weekday())
    return (pl.col("price_date") < monday) | (pl.col("price_date") == last_session)


def _week_date(told: pl.Expr, calendar: TradingCalendar) -> pl.Expr:
    """The date of a week's bar: the last session of its ISO week by the day that was told; that day where none is.

    A provider may date a week by its Saturday, or by a holiday.
    """
    days = [told - timedelta(days=back) for back in range(7)]
    monday = told.dt.truncate("1w")
    return pl.coalesce([*(pl.when(is_session(day, calendar) & (day >= monday)).then(day) for day in days), told])


def _partial_weeks(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars of weeks that have a later one: row, rule, reason."""
    latest = pl.col("told_date").max().over(pl.col("told_date").dt.truncate("1w"))
    return (
        bars.with_columns(latest=latest)
        .filter(pl.col("told_date") < pl.col("latest"))
        .select(
            "row",
            rule=pl.lit(DUPLICATE_WEEK),
            reason=pl.format("{} is of the same week", pl.col("latest").dt.to_string("%Y-%m-%d")),
        )
    )


def _blind(judged: pl.DataFrame, calendar: TradingCalendar) -> pl.Series:
    """For each bar by date, whether between it and the bar before is a session that may have had an action.

    So may one that wasn't told at all, and one whose row was rejected and has an action, or hides whether it has.
    """
    is_bar = pl.col("rule").is_null()
    has_none = ((pl.col("dividend_amount") == 0) & (pl.col("split_coefficient") == 1)).fill_null(value=False)
    before = pl.col("price_date").shift(1)
    weekends = [day for day in calendar.special_closes if day.weekday() >= 5]
    sessions = pl.sum_horizontal(
        pl.business_day_count(before, "price_date", holidays=calendar.holidays),
        *((before <= day) & (day < pl.col("price_date")) for day in weekends),
    )
    return (
        judged.filter(is_session(pl.col("price_date"), calendar))
        .group_by("price_date")
        .agg(is_bar=is_bar.any(), is_known=(is_bar | has_none).all())
        .filter("is_known")
        .sort("price_date")
        .with_columns(gaps=(sessions > 1).fill_null(value=False).cum_sum().cast(pl.Int64))
        .filter("is_bar")
        .select((pl.col("gaps").diff() > 0).fill_null(value=False))
        .to_series()
    )


def _discontinuities(bars: pl.DataFrame, found: Continuity) -> pl.DataFrame:
    """The bars whose adjustment doesn't fit: row, rule, reason."""
    faults = pl.DataFrame(
        {"place": list(found.faults), "reason": list(found.faults.values())},
        schema={"place": pl.Int64, "reason": pl.String},
    )
    rows = bars["row"].gather(faults["place"])
    return faults.select(rows, rule=pl.lit(FACTOR_DISCONTINUITY), reason="reason")


def _with_raw(rejected: pl.DataFrame, decoded: Decoded) -> pl.DataFrame:
    """The rejects with their raw rows."""
    days, rows = decoded.raw_texts(rejected["row"].to_list())
    return rejected.select(
        pl.Series("price_date", days, dtype=pl.String), "rule", "reason", pl.Series("raw", rows, dtype=pl.String)
    )


def _refusal(shift: str, *, bars: int, rejects: int) -> tuple[str, str]:
    """The rule that the answer as a whole breaks, and why; empty where it breaks none."""
    if shift:
        return TWO_BASES, f"The series is on two bases: {shift}."
    if not bars or rejects > max(_REJECTS_AT_MOST, _REJECTED_SHARE_AT_MOST * (bars + rejects)):
        return TOO_MANY_REJECTS if bars else NOT_A_SERIES, f"{rejects} of {bars + rejects} rows break a rule."
    return "", ""
