"""Whether a series' adjusted closes are on one basis from its first bar to its last.

With factor = adjusted close / close, dividend D, close C and split coefficient S of the later bar t, by the
provider's convention (`provider.Adjustment`):

    reinvest_ex_close    factor(t-1) / factor(t) = X / (X + D) / S,   X = C_t
    previous_close       factor(t-1) / factor(t) = 1 / S - D / X,     X = C_(t-1)

A link between neighbouring bars that breaks this is a fault of these bars where the rest agrees without them, and
else a shift of level: then the two parts of the series are on different bases, returns across the shift are
wrong, and no part of it can be trusted. dbt's test assert_adjustment_factors_are_explained has the same rule in SQL:
what it would refuse must not leave silver.

A weekly bar doesn't tell its ex-date, so that X is any price of its week (in previous_close, or the close before it):
between them the dividend's part differs by D / low - D / high, a dividend of 1 % in a week that moves by 5 % by
five parts in ten thousand. That much more is allowed to a week with a dividend, and nothing to one without.

Nor does it tell its split. A link that neither the dividend nor a few wrong bars explain is a split where the
adjusted closes leave one simple ratio for it and the prices moved by it; where they didn't, it is a shift. A spin-off's
ratio is none that is simple. Daily answers tell it as a split; weekly ones don't, and would be held for as long as
they have that week. So where the earlier adjusted closes are the lower ones, and the prices can have fallen by as much,
its ratio is taken, too, and warned of. A part that was cached before a dividend or a split has the higher ones.
Stock dividends of 5, 10 and 25 % have no simple ratios, but usual ones: a link that leaves one of these is a split's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import polars as pl

from stocks.providers.provider import Adjustment
from stocks.silver.rules import WITHIN

# Actions are printed with four decimals, adjusted closes at times: they are known to half of the last.
_HALF_DECIMAL = 0.5e-4
_NEARLY_WHOLE = 1e-3  # times ten thousand, a double is this near to a whole number up to prices of 100 million
_RUN_AT_MOST = 5
# About n x m ratios are as simple as n:m, so by chance an arbitrary link meets one within w with a probability of
# about w x n x m / 2: the ratios that are taken for splits keep this at one in a hundred.
_BY_CHANCE = 0.02
# A week with a dividend leaves more room for what it doesn't tell; a spin-off is rarer beside one: one in forty.
_BY_CHANCE_BESIDE_DIVIDEND = 0.05
# A spin-off of a fiftieth to a fifth of the price meets one of these within w with a probability of about 15 w. Each is
# taken as if ten were as simple: for three spin-offs in a hundred at most; it costs the warning, and 0.2 %.
_STOCK_DIVIDENDS = (Fraction(20, 21), Fraction(10, 11), Fraction(4, 5))
_AS_SIMPLE = 10
_MOVES_BESIDE = 3  # usual ones, by which the market may move in a spin-off's week
_LEAST_SPIN_OFF = 0.02  # of the price; what is less looks like a dividend that is not told


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """What the links between bars say."""

    splits: pl.Series
    """Float64, for each bar: its split coefficient; 1/n where that is printed so and the prices tell which n; of a
    weekly bar the one that was recovered."""
    faults: dict[int, str] = field(default_factory=dict)
    """Why a bar is to be rejected, by its place in the series."""
    shift: str = ""
    """Where the level shifts; empty where it doesn't."""
    spin_offs: dict[int, str] = field(default_factory=dict)
    """Why a weekly bar is taken for one of an action that it doesn't tell and that is no split, by its place."""


def check_continuity(bars: pl.DataFrame, adjustment: Adjustment, *, weekly: bool) -> Continuity:
    """Checks every link of a series.

    Up to five neighbouring bars are at fault where both sides agree without them, and so are the oldest bar and
    the newest. Any other broken link is a shift.

    Args:
        bars: price_date, high, low, close, adjusted_close, dividend_amount and split_coefficient of the bars that
            broke no other rule, by date; is_blind Boolean: between a bar and the bar before is a session that may have
            had an action, so that nothing can be expected of this link.
        adjustment: The convention of the adjusted closes.
        weekly: Whether it is a weekly series, whose splits are to be recovered.
    """
    links = _links(bars, adjustment, weekly=weekly)
    unexplained = (~links["agrees"]).fill_null(value=False)
    broken = unexplained & ~links["is_blind"]
    asked = (unexplained if weekly else broken).arg_true().to_list()
    return _explained(_measured(links), asked, broken, weekly=weekly) if asked else Continuity(splits=links["split"])


def _explained(links: pl.DataFrame, asked: Sequence[int], broken: pl.Series, *, weekly: bool) -> Continuity:
    """What the links say that the actions told don't explain.

    Args:
        links: `_measured`.
        asked: Their places.
        broken: Boolean, for each link: whether it is one of which something can be expected.
        weekly: Whether splits are to be recovered.
    """
    newest = len(links) - 1
    faults: dict[int, str] = {}
    splits: dict[int, float] = {}
    spin_offs: dict[int, str] = {}
    told_until = 0
    for place in asked:
        if place <= told_until:  # the way back from a run, or within it
            continue
        why = _tell(links, place)
        if length := _run(links, broken, place) if broken[place] else 0:
            faults |= dict.fromkeys(range(place, place + length), why)
            told_until = place + length
        elif weekly and (split := _recovered(links.row(place, named=True))):
            splits[place] = split
        elif not broken[place]:
            continue
        elif place == newest:
            faults[place] = why
        elif place == 1:  # the oldest bar alone is off
            faults[0] = why
        elif weekly and (split := _spin_off(links.row(place, named=True))):
            splits[place] = split
            spin_offs[place] = f"{why}: taken for a spin-off, as a split of {split:.4g}"
        else:
            return Continuity(splits=links["split"], faults=faults | {place: why}, shift=why)
    exact = links["split"].scatter(list(splits), list(splits.values()))
    return Continuity(splits=exact, faults=faults, spin_offs=spin_offs)


def _links(bars: pl.DataFrame, adjustment: Adjustment, *, weekly: bool) -> pl.DataFrame:
    """For each bar the link from the bar before it.

    Returns:
        The bars; `close_before`; `factor`; `got` Float64: factor(t-1) / factor(t); `lowest` and `highest` that it may
        be by the actions told; `at_least` and `at_most`: what dividend and printing leave for 1 / S; `agrees` Boolean:
        whether that holds the split as told; `printed`, `dividend_off` and `split_off` Float64: how much a bar's
        adjusted close, its dividend and its split may be off, relative; `split`, exact.
    """
    close, dividend, split = pl.col("close"), pl.col("dividend_amount"), pl.col("split_coefficient")
    last_decimals = pl.col("adjusted_close") * 1e4
    is_rounded = (last_decimals - last_decimals.round()).abs() < _NEARLY_WHOLE
    factor, got, printed = pl.col("factor"), pl.col("got"), pl.col("printed")
    # Of X, the price at which the dividend is taken, the least and the most that it may be.
    if adjustment == "reinvest_ex_close":
        prices, weight = (pl.col("low"), pl.col("high")) if weekly else (close, close), got
        expected = [price / (price + dividend) / split for price in prices]
    else:
        before, weight = pl.col("close_before"), pl.lit(1.0)
        extremes = pl.min_horizontal(before, "low"), pl.max_horizontal(before, "high")
        prices = extremes if weekly else (before, before)
        expected = [1 / split - dividend / price for price in prices]
    lowest, highest = prices
    most, off, one_for = pl.col("most"), pl.col("off"), pl.col("one_for")
    # Of the larger: a coefficient printed as 0.0001 is anything up to twice or half as much.
    room = pl.max_horizontal(most, 1 / split) * (WITHIN + pl.col("split_off")) + off
    return (
        bars.with_columns(
            factor=pl.col("adjusted_close") / close,
            printed=pl.when(is_rounded).then(_HALF_DECIMAL / pl.col("adjusted_close")).otherwise(0.0),
            close_before=close.shift(1),
        )
        .with_columns(got=factor.shift(1) / factor)
        .with_columns(
            lowest=expected[0],
            highest=expected[1],
            least=got + weight * dividend / highest,
            most=got + weight * dividend / lowest,
            dividend_off=pl.when(dividend > 0).then(_HALF_DECIMAL * weight / lowest).otherwise(0.0),
            split_off=pl.when(split != 1).then(_HALF_DECIMAL / split).otherwise(0.0),
        )
        .with_columns(off=most * (printed.shift(1) + printed) + pl.col("dividend_off"), one_for=most.round())
        .with_columns(at_least=pl.col("least") - room, at_most=most + room)
        .with_columns(
            agrees=(1 / split).is_between("at_least", "at_most"),
            split=pl.when(
                (most - one_for).abs() <= pl.max_horizontal(most, one_for) * WITHIN + off,
                (1 / one_for - split).abs() <= _HALF_DECIMAL,
            )
            .then(1 / one_for)
            .otherwise(split),
        )
    )


def _measured(links: pl.DataFrame) -> pl.DataFrame:
    """What explaining a link takes beside `_links`.

    Returns:
        The links; `expected` Float64: factor(t-1) / factor(t) by the actions told; `action`: how much that may be off,
        relative; `usual_move`, a logarithm, the same for all.
    """
    lowest, highest = pl.col("lowest"), pl.col("highest")
    return links.with_columns(
        expected=(lowest + highest) / 2,
        usual_move=(pl.col("close") / pl.col("close_before")).log().abs().median().fill_null(0.0),
    ).with_columns(
        action=((highest - lowest) / 2 + pl.col("dividend_off")) / pl.col("expected") + pl.col("split_off"),
    )


def _recovered(link: dict[str, float]) -> float | None:
    """The split that a link of `_measured` leaves, of a bar that doesn't tell it; None where it is none."""
    least, most = link["at_least"], link["at_most"]
    if least <= 0:
        return None
    ratio = _simplest(least, most)
    terms, room = ratio.numerator * ratio.denominator, 1.0
    if ratio in _STOCK_DIVIDENDS:  # the market moves as much within a week
        terms, room = min(terms, _AS_SIMPLE), _room(link)
    if (most / least - 1) * terms > (_BY_CHANCE_BESIDE_DIVIDEND if link["dividend_amount"] else _BY_CHANCE):
        return None
    return float(1 / ratio) if _is_moved(link, float(ratio), room) else None


def _spin_off(link: dict[str, float]) -> float | None:
    """The split coefficient that a spin-off has in the link of a bar that doesn't tell it; None where it is none."""
    ratio = (link["at_least"] + link["at_most"]) / 2
    return 1 / ratio if 0 < ratio <= 1 - _LEAST_SPIN_OFF and _is_moved(link, ratio, _room(link)) else None


def _room(link: dict[str, float]) -> float:
    """By how much the market may move beside an action, as a factor."""
    return math.exp(_MOVES_BESIDE * link["usual_move"])


def _is_moved(link: dict[str, float], ratio: float, room: float) -> bool:
    """Whether prices moved by a ratio in a week: where they stood still and the adjusted closes moved, it is a shift.

    Which day it was isn't told: some price of the week is nearer to the close before in new shares than in old ones,
    or would be, had the market moved by `room` the other way.
    """
    nearer = math.sqrt(max(ratio, 1 / ratio)) * room
    return link["low"] / nearer <= link["close_before"] * ratio <= link["high"] * nearer


def _simplest(least: float, most: float) -> Fraction:
    """The fraction from `least` (positive) to `most` with the smallest terms."""
    whole = math.ceil(least)
    if whole <= most:
        return Fraction(whole)
    return whole - 1 + 1 / _simplest(1 / (most - whole + 1), 1 / (least - whole + 1))


def _run(links: pl.DataFrame, broken: pl.Series, place: int) -> int:
    """How many bars from a place on are off alike, so that both sides agree without them; 0 where they don't."""
    for after in range(place + 1, min(place + _RUN_AT_MOST + 1, len(links))):
        if broken[after] or links["is_blind"][after]:
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
