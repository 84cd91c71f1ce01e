"""Whether a daily series' adjusted closes are on one basis from its first bar to its last.

With factor = adjusted close / close, dividend D, close C and split coefficient S of the later bar t, by the
provider's convention (`provider.Adjustment`):

    reinvest_ex_close    factor(t-1) / factor(t) = C_t / (C_t + D_t) / S_t
    previous_close       factor(t-1) / factor(t) = 1 / S_t - D_t / C_(t-1)

A link between neighbouring bars that breaks this is a fault of these bars where the rest agrees without them, and
else a shift of level: then the two parts of the series are on different bases, returns across the shift are
wrong, and no part of it can be trusted. dbt's test assert_adjustment_factors_are_explained has the same rule in SQL:
what it would refuse must not leave silver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from stocks.providers.provider import Adjustment
from stocks.silver.rules import WITHIN

# Actions are printed with four decimals, adjusted closes at times: they are known to half of the last.
_HALF_DECIMAL = 0.5e-4
_NEARLY_WHOLE = 1e-3  # times ten thousand, a double is this near to a whole number up to prices of 100 million
_RUN_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """What the links between bars say."""

    splits: pl.Series
    """Float64, for each bar: its split coefficient; 1/n where that is printed so and the prices tell which n."""
    faults: dict[int, str] = field(default_factory=dict)
    """Why a bar is to be rejected, by its place in the series."""
    shift: str = ""
    """Where the level shifts; empty where it doesn't."""


def check_continuity(bars: pl.DataFrame, blind: pl.Series, adjustment: Adjustment) -> Continuity:
    """Checks every link of a daily series.

    Up to five neighbouring bars are at fault where both sides agree without them, and so are the oldest bar and
    the newest. Any other broken link is a shift.

    Args:
        bars: price_date, close, adjusted_close, dividend_amount and split_coefficient of the bars that broke
            no other rule, by date.
        blind: Boolean, for each bar: between it and the bar before is a session that may have had an action,
            so that nothing can be expected of this link.
        adjustment: The convention of the adjusted closes.
    """
    links = _links(bars, adjustment).with_columns(blind=blind)
    broken = links.select(~pl.col("agrees") & ~pl.col("blind")).to_series().fill_null(value=False)
    newest = len(bars) - 1
    faults: dict[int, str] = {}
    told_until = 0
    for place in broken.arg_true():
        if place <= told_until:  # the way back from a run, or within it
            continue
        why = _tell(links, place)
        if length := _run(links, broken, place):
            faults |= dict.fromkeys(range(place, place + length), why)
            told_until = place + length
        elif place == newest:
            faults[place] = why
        elif place == 1:  # the oldest bar alone is off
            faults[0] = why
        else:
            return Continuity(splits=links["exact_split"], faults=faults | {place: why}, shift=why)
    return Continuity(splits=links["exact_split"], faults=faults)


def _links(bars: pl.DataFrame, adjustment: Adjustment) -> pl.DataFrame:
    """For each bar the link from the bar before it.

    Returns:
        price_date; `factor`; `got` and `expected` Float64: factor(t-1) / factor(t); `agrees` Boolean: whether these
        do, but for what printing costs; `printed` and `action` Float64: how much that may be of a bar's adjusted close
        and of its link, relative; `exact_split`.
    """
    close, dividend, split = pl.col("close"), pl.col("dividend_amount"), pl.col("split_coefficient")
    last_decimals = pl.col("adjusted_close") * 1e4
    is_rounded = (last_decimals - last_decimals.round()).abs() < _NEARLY_WHOLE
    factor, got, printed = pl.col("factor"), pl.col("got"), pl.col("printed")
    # What the link leaves for the split to tell (1 / S), what it expects, and what half a decimal of dividend is in it.
    if adjustment == "reinvest_ex_close":
        left, expected, of_dividend = got * (close + dividend) / close, close / (close + dividend) / split, got / close
    else:
        paid = dividend / close.shift(1)
        left, expected, of_dividend = got + paid, 1 / split - paid, 1 / close.shift(1)
    dividend_off = pl.when(dividend > 0).then(_HALF_DECIMAL * of_dividend).otherwise(0.0)
    split_off = pl.when(split != 1).then(_HALF_DECIMAL / split).otherwise(0.0)
    off = left * (printed.shift(1) + printed) + dividend_off
    one_for = left.round()
    return (
        bars.with_columns(
            factor=pl.col("adjusted_close") / close,
            printed=pl.when(is_rounded).then(_HALF_DECIMAL / pl.col("adjusted_close")).otherwise(0.0),
        )
        .with_columns(got=factor.shift(1) / factor)
        .with_columns(
            expected=expected,
            agrees=_agree(left, 1 / split, off, split_off),
            action=dividend_off / expected + split_off,
            is_exact=_agree(left, one_for, off) & ((1 / one_for - split).abs() <= _HALF_DECIMAL),
            one_for=one_for,
        )
        .with_columns(exact_split=pl.when("is_exact").then(1 / pl.col("one_for")).otherwise(split))
    )


def _agree(one: pl.Expr, other: pl.Expr, off: pl.Expr, relative: pl.Expr | float = 0.0) -> pl.Expr:
    # Of the larger: a coefficient printed as 0.0001 is anything up to twice or half as much.
    return (one - other).abs() <= pl.max_horizontal(one, other) * (WITHIN + relative) + off


def _run(links: pl.DataFrame, broken: pl.Series, place: int) -> int:
    """How many bars from a place on are off alike, so that both sides agree without them; 0 where they don't."""
    for after in range(place + 1, min(place + _RUN_AT_MOST + 1, len(links))):
        if broken[after] or links["blind"][after]:
            got = links["factor"][place - 1] / links["factor"][after]
            expected = math.prod(links["expected"][place : after + 1])
            off = WITHIN + links["printed"][place - 1] + links["printed"][after]
            off += links["action"][place : after + 1].sum()
            if abs(got - expected) <= max(got, expected) * off:
                return after - place
    return 0


def _tell(links: pl.DataFrame, place: int) -> str:
    before: date = links["price_date"][place - 1]
    day: date = links["price_date"][place]
    return (
        f"adjusted close over close on {before} is {links['got'][place]:.9g} times that on {day}; "
        f"by the actions told it should be {links['expected'][place]:.9g} times"
    )
