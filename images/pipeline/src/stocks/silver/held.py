"""An answer beside the bars that silver holds of its series: what was told before must still hold.

Closes and volumes as traded and actions are facts of their day; only adjusted closes may change, and by actions alone.
A few corrections are told and taken. More of them are another series: other days, another company, another currency.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from stocks.silver.rules import (
    ACTIONS_WITHDRAWN,
    BARS_MISSING,
    BASIS_REVISED,
    CLOSE_REVISED,
    CLOSES_REWRITTEN,
    DIVIDEND_REVISED,
    VOLUMES_REWRITTEN,
    WITHIN,
)

HELD = "_held"
"""What the names of columns of bars told before end with."""

_FEW = 5
_LACKING_SHARE = 0.01
_REVISED = 0.005  # of a price or dividend: more than rounding and late trades do
_TWICE = 1.95  # of a volume
_HALF_DECIMAL = 0.5e-4  # adjusted closes are printed with four decimals at times


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What an answer says of the bars told before."""

    rebased: bool = False
    """Whether adjusted closes are on another basis than before."""
    faults: dict[str, str] = field(default_factory=dict)
    """Why it must not be applied, by rule of `rules.ANSWER_RULES`."""
    suspects: list[tuple[date, str, str]] = field(default_factory=list)
    """Day, rule of `rules.SUSPECT_RULES` and reason of bars that are odd, but can be right."""


def beside(bars: pl.DataFrame, held: pl.DataFrame, *series: str) -> pl.DataFrame:
    """The bars of answers beside those held, a row a day that either has; by series and day.

    Args:
        bars: price_date, is_final and other columns of `ParsedSeries.bars`, by series and day.
        held: The same of what was told before.
        series: The columns, of both, that tell series apart.

    Returns:
        `series`, price_date; the others of both, those of `held` with names that end with HELD; null where a side
        lacks the day.
    """
    keys = [*series, "price_date"]
    if held.is_empty():  # a first answer is worth no join
        return bars.with_columns(
            pl.lit(None, kind).alias(f"{name}{HELD}") for name, kind in held.schema.items() if name not in keys
        )
    return bars.join(held, on=keys, how="full", coalesce=True, suffix=HELD).sort(keys)


def compare(both: pl.DataFrame, rejected: Collection[str]) -> Compared:
    """Judges an answer by what was told before.

    Args:
        both: `beside` of one series: close, adjusted_close, volume, dividend_amount, split_coefficient.
        rejected: Dates, as received, that the answer has, but in rows that break a rule.
    """
    factor, factor_held = (pl.col(f"adjusted_close{of}") / pl.col(f"close{of}") for of in ("", HELD))
    is_lacking, volumes = pl.col("is_final").is_null(), (pl.col("volume"), pl.col(f"volume{HELD}"))
    final = both.filter(f"is_final{HELD}").with_columns(
        lacks=is_lacking & ~pl.col("price_date").dt.to_string("%Y-%m-%d").is_in(list(rejected)),
        has_other_close=(pl.col("close") / pl.col(f"close{HELD}") - 1).abs() > _REVISED,
        has_other_volume=(pl.max_horizontal(volumes) >= _TWICE * pl.min_horizontal(volumes))
        & (pl.min_horizontal(volumes) > 0),
        has_other_paid=(pl.col(f"dividend_amount{HELD}") > 0)
        & ((pl.col("dividend_amount") / pl.col(f"dividend_amount{HELD}") - 1).abs() > _REVISED),
    )
    # An answer that ends before a split was kept from before it; one that goes on may lack the split's bar.
    ends_before = pl.col("lacks") & (pl.col("price_date") > both.filter(~is_lacking)["price_date"].max())
    is_split_held = pl.col(f"split_coefficient{HELD}") != 1
    final = final.with_columns(lacks_split=is_split_held & ((pl.col("split_coefficient") == 1) | ends_before))
    common = final.filter(~is_lacking)
    rebased = both.select(((factor / factor_held - 1).abs() > WITHIN).any()).item()
    return Compared(
        rebased=bool(rebased),
        faults=dict(_faults(both, final, common)),
        suspects=list(_suspects(common)),
    )


def _faults(both: pl.DataFrame, final: pl.DataFrame, common: pl.DataFrame) -> Iterator[tuple[str, str]]:
    lacking = final.filter("lacks")["price_date"].to_list()
    if len(lacking) > max(_FEW, _LACKING_SHARE * len(final)):
        yield (
            BARS_MISSING,
            f"It lacks {len(lacking):,} of the {len(final):,} final bars told before, from {lacking[0]} to "
            f"{lacking[-1]}.",
        )
    closes = common.filter("has_other_close")
    if len(closes) > _FEW:
        first, last = closes.row(0, named=True), closes["price_date"][-1]
        yield (
            CLOSES_REWRITTEN,
            f"{len(closes):,} of {len(common):,} final bars have another close as traded than was told before, "
            f"from {first['price_date']} ({first['close']:g}, was {first[f'close{HELD}']:g}) to {last}.",
        )
    volumes = common.filter("has_other_volume")
    if len(volumes) > _FEW:
        times = volumes.select((pl.col("volume") / pl.col(f"volume{HELD}")).median()).item()
        days = volumes["price_date"]
        yield (
            VOLUMES_REWRITTEN,
            f"{len(volumes):,} of {len(common):,} final bars have {times:.3g} times the volume "
            f"told before, from {days[0]} to {days[-1]}.",
        )
    if len(common) > _FEW and (why := _basis(both)):
        yield BASIS_REVISED, why
    splits = final.filter("lacks_split")["price_date"].to_list()
    dividends = len(common.filter("has_other_paid", pl.col("dividend_amount") == 0))
    if len(common) > _FEW and (splits or dividends > _FEW):
        lost = [f"the split of {day}" for day in splits] + [f"{dividends} dividends"] * (dividends > _FEW)
        yield ACTIONS_WITHDRAWN, f"It tells no more what was told before: {', '.join(lost)}."


def _basis(both: pl.DataFrame) -> str:
    """Newest bar beside newest bar: actions since then are in the answer, and so in neither."""
    (adjusted, close), (was_adjusted, was_close) = (
        both.select(f"adjusted_close{of}", f"close{of}").drop_nulls().row(-1) for of in ("", HELD)
    )
    change = (adjusted / close) / (was_adjusted / was_close)
    printed = sum(_HALF_DECIMAL / price for price in (was_adjusted, adjusted))
    if abs(change - 1) <= WITHIN + printed:
        return ""
    return f"Adjusted closes are {100 * (change - 1):+.3g} % off from those told before, and no action since tells why."


def _suspects(common: pl.DataFrame) -> Iterator[tuple[date, str, str]]:
    closes = common.filter("has_other_close")
    if len(closes) <= _FEW:
        for day, now, was in closes.select("price_date", "close", f"close{HELD}").iter_rows():
            yield day, CLOSE_REVISED, f"close {now:g}, was told as {was:g}"
    paid = common.filter("has_other_paid").select("price_date", "dividend_amount", f"dividend_amount{HELD}")
    for day, now, was in paid.iter_rows():
        yield day, DIVIDEND_REVISED, f"dividend {now:g}, was told as {was:g}"
