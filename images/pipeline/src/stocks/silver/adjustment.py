"""Whether a daily series' adjusted closes are on one basis from its first bar to its last.

With factor = adjusted close / close, dividend D, close C and split coefficient S of the later bar t, by the
provider's convention (`provider.Adjustment`):

    reinvest_ex_close    factor(t-1) / factor(t) = C_t / (C_t + D_t) / S_t
    previous_close       factor(t-1) / factor(t) = 1 / S_t - D_t / C_(t-1)

A link between neighbouring bars that breaks this is a fault of one bar where the rest agrees without it, and
else a shift of level: then the two parts of the series are on different bases, returns across the shift are
wrong, and no part of it can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from stocks.providers.provider import Adjustment
from stocks.silver.rules import WITHIN

# Actions are printed with four decimals, adjusted closes at times: they are known to half of the last.
_HALF_DECIMAL = 0.5e-4
_NEARLY_WHOLE = 1e-3  # times ten thousand, a double is this near to a whole number up to prices of 100 million


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """What the links between bars say."""

    faults: dict[int, str] = field(default_factory=dict)
    """Why a bar is to be rejected, by its place in the series."""
    shift: str = ""
    """Where the level shifts; empty where it doesn't."""


def check_continuity(bars: pl.DataFrame, blind: pl.Series, adjustment: Adjustment) -> Continuity:
    """Checks every link of a daily series.

    Args:
        bars: price_date, close, adjusted_close, dividend_amount and split_coefficient of the bars that broke
            no other rule, by date.
        blind: Boolean, for each bar: between it and the bar before, a row was rejected that has an action or
            hides whether it has one, so that nothing can be expected of this link.
        adjustment: The convention of the adjusted closes.
    """
    links = _links(bars, blind, adjustment)
    broken = dict.fromkeys(links["broken"].arg_true().to_list())
    newest = len(bars) - 1
    faults: dict[int, str] = {}
    for place in broken:
        if place - 1 in faults:  # the way back from a spike
            continue
        is_spike = place + 1 in broken and links["holds_without"][place]
        if is_spike or place == newest:
            faults[place] = _tell(links, place)
        elif place == 1:  # the oldest bar alone is off
            faults[0] = _tell(links, place)
        else:
            return Continuity(faults=faults | {place: _tell(links, place)}, shift=_tell(links, place))
    return Continuity(faults=faults)


def _links(bars: pl.DataFrame, blind: pl.Series, adjustment: Adjustment) -> pl.DataFrame:
    """For each bar the link from the bar before it.

    Returns:
        price_date; `got` and `expected` Float64: factor(t-1) / factor(t); `broken` Boolean;
        `holds_without` Boolean: whether the bars on both sides of this one agree when it is left out.
    """
    last_decimals = bars["adjusted_close"] * 1e4
    is_rounded = bool(((last_decimals - last_decimals.round()).abs() < _NEARLY_WHOLE).all())
    close, dividend, split = pl.col("close"), pl.col("dividend_amount"), pl.col("split_coefficient")
    factor, expected = pl.col("factor"), pl.col("expected")
    printed, action = pl.col("printed"), pl.col("action")
    got = factor.shift(1) / factor
    expected_links: dict[Adjustment, pl.Expr] = {
        "reinvest_ex_close": close / (close + dividend) / split,
        "previous_close": 1 / split - dividend / close.shift(1),
    }
    return (
        bars.select(
            "price_date",
            factor=pl.col("adjusted_close") / close,
            expected=expected_links[adjustment],
            # How far off, relative, the printed decimals may put the adjusted close and the action.
            printed=(_HALF_DECIMAL if is_rounded else 0.0) / pl.col("adjusted_close"),
            action=pl.when(dividend > 0).then(_HALF_DECIMAL / close).otherwise(0.0)
            + pl.when(split != 1).then(_HALF_DECIMAL / split).otherwise(0.0),
        )
        .with_columns(
            got=got,
            agrees=_agree(got, expected, printed.shift(1) + printed + action),
            holds_without=_agree(
                factor.shift(1) / factor.shift(-1),
                expected * expected.shift(-1),
                printed.shift(1) + printed.shift(-1) + action + action.shift(-1),
            ),
        )
        .with_columns(broken=~pl.col("agrees").fill_null(value=True) & ~blind)
    )


def _agree(got: pl.Expr, expected: pl.Expr, allowance: pl.Expr) -> pl.Expr:
    return (got - expected).abs() <= expected * (WITHIN + allowance)


def _tell(links: pl.DataFrame, place: int) -> str:
    before: date = links["price_date"][place - 1]
    day: date = links["price_date"][place]
    return (
        f"adjusted close over close on {before} is {links['got'][place]:.9g} times that on {day}; "
        f"by the actions told it should be {links['expected'][place]:.9g} times"
    )
