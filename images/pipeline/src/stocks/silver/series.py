"""A decoded series -> the bars that can be trusted, the rows that can't, and whether to apply it at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from stocks.errors import MalformedPayload
from stocks.providers.frame import FIELDS, Decoded
from stocks.providers.provider import Adjustment, Interval
from stocks.silver.adjustment import check_continuity
from stocks.silver.moves import check_moves
from stocks.silver.rules import (
    BREAKS,
    DUPLICATE_WEEK,
    FACTOR_DISCONTINUITY,
    FIRST_BROKEN,
    NOT_A_SERIES,
    PRICE_SPIKE,
    REASON,
    TOO_MANY_REJECTS,
    TWO_BASES,
    UNTOLD_SPIN_OFF,
)
from stocks.silver.sessions import is_session, sessions_until
from stocks.trading_calendar import TradingCalendar

_REJECTS = dict.fromkeys(("price_date", "rule", "reason", "raw"), pl.String)
_SUSPECTS = {"price_date": pl.Date, "rule": pl.String, "reason": pl.String}

BAR = ("price_date", *FIELDS[:5], pl.col("volume").cast(pl.Int64), *FIELDS[6:])
"""The columns of `ParsedSeries.bars`, but for is_final, from a frame with a price_date beside FIELDS."""

# More rejects than both, and it is the payload that is wrong, not some of its bars.
_REJECTS_AT_MOST = 5
_REJECTED_SHARE_AT_MOST = 0.1


@dataclass(frozen=True, kw_only=True)
class ParsedSeries:
    """What a series answer says. Each of its rows is in `bars` or in `rejects`, once."""

    bars: pl.DataFrame
    """price_date Date; open, high, low, close, adjusted_close Float64; volume Int64; dividend_amount,
    split_coefficient Float64; is_final Boolean. By price_date, which is unique. A weekly bar is dated by a session,
    and has the split coefficient that its prices tell, where the answer tells none; a reverse split's is 1/n where the
    prices tell which n was printed (0.0667: 1/15)."""
    rejects: pl.DataFrame
    """price_date (as received), rule, reason, raw (the row as JSON text): String. In the payload's order."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why the payload must not be applied, a sentence by rule of `rules.ANSWER_RULES`; empty where it may."""
    suspects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SUSPECTS))
    """price_date Date; rule (of `rules.SUSPECT_RULES`), reason: bars that are odd, but can be right."""

    @property
    def refused(self) -> str:
        """The first fault's sentence; empty where there is none."""
        return next(iter(self.faults.values()), "")

    @property
    def is_clean(self) -> bool:
        """Whether every row is a bar, and there is nothing to say of any."""
        return not self.faults and self.rejects.is_empty() and self.suspects.is_empty()

    @classmethod
    def quiet(cls, bars: pl.DataFrame) -> ParsedSeries:
        """Bars of which there is nothing to say."""
        return cls(bars=bars, rejects=pl.DataFrame(schema=_REJECTS))

    @classmethod
    def refusal(cls, why: str) -> ParsedSeries:
        """A payload that gives no bars at all."""
        return cls(bars=pl.DataFrame(), rejects=pl.DataFrame(schema=_REJECTS), faults={NOT_A_SERIES: why})


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
    told, day = pl.col("told_date"), pl.col("price_date")
    judged = (
        decoded.rows.with_columns(told_date=_date(pl.col("date_text")))
        .with_columns(price_date=_week_date(told, calendar) if weekly else told)
        .with_columns(
            is_session=is_session(day, calendar), today=pl.lit(observed_at.astimezone(calendar.timezone).date())
        )
        .with_columns(**BREAKS)
        .with_columns(is_bar=~pl.any_horizontal(*BREAKS))
    )
    off_rules = judged.filter(~pl.col("is_bar"))
    rejected = [off_rules.select("row", rule=FIRST_BROKEN, reason=REASON)]
    candidates = judged.filter("is_bar").select("row", "told_date", "price_date", *FIELDS).sort("told_date")
    if weekly:
        rejected.append(partial := _partial_weeks(candidates))
        candidates = candidates.join(partial, on="row", how="anti", maintain_order="left")
    blind = _blind_weeks(calendar) if weekly else _blind(off_rules, calendar)
    candidates = candidates.with_columns(is_blind=blind.fill_null(value=False))
    found = check_continuity(candidates, adjustment, weekly=weekly)
    candidates = candidates.with_columns(split_coefficient=found.splits)
    moves = check_moves(candidates, weekly=weekly)
    off = {place: (PRICE_SPIKE, why) for place, why in moves.spikes.items()}
    off |= {place: (FACTOR_DISCONTINUITY, why) for place, why in found.faults.items()}
    bars = candidates
    if off:
        rejected.append(unfit := _unfit(candidates, off))
        bars = bars.join(unfit, on="row", how="anti", maintain_order="left")
    rejects = _with_raw(pl.concat(rejected).sort("row"), decoded)
    return ParsedSeries(
        bars=bars.select(*BAR, is_final=(final_week if weekly else final_day)(observed_at, calendar)),
        rejects=rejects,
        faults=_faults(found.shift, bars=len(bars), rejects=len(rejects)) | moves.faults,
        suspects=_suspects(
            candidates, [*moves.suspects, *((place, UNTOLD_SPIN_OFF, why) for place, why in found.spin_offs.items())]
        ),
    )


def _date(text: pl.Expr) -> pl.Expr:
    """The date of a text; null where it is none, or before 1900. The parser alone would take "2021-1-5" too."""
    is_whole = text.str.contains(r"^(?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}$")
    return pl.when(is_whole).then(text).str.to_date("%Y-%m-%d", strict=False)


def final_day(observed_at: datetime, calendar: TradingCalendar) -> pl.Expr:
    """A day's bar is final when its session was over, and settled, at the time of the answer."""
    return pl.col("price_date") <= calendar.last_settled(observed_at)


def final_week(observed_at: datetime, calendar: TradingCalendar) -> pl.Expr:
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


def _blind(broken: pl.DataFrame, calendar: TradingCalendar) -> pl.Expr:
    """For each bar by date, whether between it and the bar before is a session that may have had an action.

    So may one that wasn't told at all, and one whose rows were rejected and have an action, or hide whether they have.

    Args:
        broken: The rejected rows: price_date, is_session, dividend_amount and split_coefficient.
        calendar: Of the exchange.
    """
    has_none = ((pl.col("dividend_amount") == 0) & (pl.col("split_coefficient") == 1)).fill_null(value=False)
    told = broken.filter("is_session").select("price_date", has_none).rows()
    known = {day for day, _ in told} - {day for day, is_known in told if not is_known}
    day, days = pl.col("price_date"), pl.lit(pl.Series(sorted(known), dtype=pl.Date))
    return (sessions_until(day, calendar) - days.search_sorted(day).cast(pl.Int32)).diff() > 1


def _blind_weeks(calendar: TradingCalendar) -> pl.Expr:
    """For each weekly bar by date, whether between its week and that of the bar before is a session."""
    monday = pl.col("price_date").dt.truncate("1w")
    until = (sessions_until(day.dt.offset_by("-1d"), calendar) for day in (monday, monday.shift(1).dt.offset_by("1w")))
    return next(until) > next(until)


def _unfit(bars: pl.DataFrame, off: Mapping[int, tuple[str, str]]) -> pl.DataFrame:
    """The bars that don't fit to those beside them, from rule and reason by place: row, rule, reason."""
    rules, reasons = ([told[part] for told in off.values()] for part in (0, 1))
    places = pl.Series(list(off), dtype=pl.Int64)
    return pl.DataFrame(
        {"row": bars["row"].gather(places), "rule": rules, "reason": reasons},
        schema_overrides={"rule": pl.String, "reason": pl.String},
    )


def _suspects(bars: pl.DataFrame, found: Sequence[tuple[int, str, str]]) -> pl.DataFrame:
    rows = [(bars["price_date"][place], rule, reason) for place, rule, reason in found]
    return pl.DataFrame(rows, schema=_SUSPECTS, orient="row").sort("price_date")


def _with_raw(rejected: pl.DataFrame, decoded: Decoded) -> pl.DataFrame:
    """The rejects with their raw rows."""
    days, rows = decoded.raw_texts(rejected["row"].to_list())
    return rejected.select(
        pl.Series("price_date", days, dtype=pl.String), "rule", "reason", pl.Series("raw", rows, dtype=pl.String)
    )


def _faults(shift: str, *, bars: int, rejects: int) -> dict[str, str]:
    """What is wrong with the answer as a whole, by rule."""
    found = {TWO_BASES: f"The series is on two bases: {shift}."} if shift else {}
    if not bars or rejects > max(_REJECTS_AT_MOST, _REJECTED_SHARE_AT_MOST * (bars + rejects)):
        found[TOO_MANY_REJECTS if bars else NOT_A_SERIES] = f"{rejects} of {bars + rejects} rows break a rule."
    return found
