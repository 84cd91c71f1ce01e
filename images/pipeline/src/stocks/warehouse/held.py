"""An answer beside the bars that silver holds of its series: what was told before must still hold.

Closes and volumes as traded and actions are facts of their day; only adjusted closes may change, and by actions alone.
A few corrections are told and taken. More of them are another series: other days, another company, another currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

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
from stocks.warehouse.connection import Connection

_FEW = 5
_LACKING_SHARE = 0.01
_REVISED = 0.005  # of a price or dividend: more than rounding and late trades do
_TWICE = 1.95  # of a volume
_HALF_DECIMAL = 0.5e-4  # adjusted closes are printed with four decimals at times

_COMPARED: LiteralString = """
with both_told as (
    select
        bar.price_date,
        bar.is_final,
        incoming is null as is_lacking,
        bar.close,
        bar.adjusted_close,
        bar.volume,
        bar.dividend_amount,
        bar.split_coefficient,
        incoming.close as new_close,
        incoming.adjusted_close as new_adjusted_close,
        incoming.volume as new_volume,
        incoming.dividend_amount as new_dividend,
        incoming.split_coefficient as new_split
    from {bars} as bar
    left join incoming using (price_date)
    where bar.symbol = %(symbol)s and bar.interval = %(interval)s and bar.source = %(source)s
),
judged as (
    select
        *,
        is_final and is_lacking and to_char(price_date, 'YYYY-MM-DD') <> all(%(rejected)s) as lacks,
        is_final and abs(new_close / close - 1) > %(revised)s as has_other_close,
        is_final and greatest(new_volume, volume) >= %(twice)s * least(new_volume, volume)
            and least(new_volume, volume) > 0 as has_other_volume,
        is_final and dividend_amount > 0 and abs(new_dividend / dividend_amount - 1) > %(revised)s as has_other_paid,
        is_final and split_coefficient <> 1 and new_split = 1 as lacks_split
    from both_told
)
select
    count(*) filter (where is_final) as held,
    count(*) filter (where is_final and not is_lacking) as common,
    coalesce(
        bool_or(abs(new_adjusted_close / new_close / (adjusted_close / close) - 1) > %(within)s), false
    ) as rebased,
    count(*) filter (where lacks) as lacking,
    min(price_date) filter (where lacks) as lacking_from,
    max(price_date) filter (where lacks) as lacking_to,
    count(*) filter (where has_other_close) as other_closes,
    min(price_date) filter (where has_other_close) as closes_from,
    max(price_date) filter (where has_other_close) as closes_to,
    count(*) filter (where has_other_volume) as other_volumes,
    min(price_date) filter (where has_other_volume) as volumes_from,
    max(price_date) filter (where has_other_volume) as volumes_to,
    percentile_cont(0.5) within group (order by new_volume::double precision / nullif(volume, 0))
        filter (where has_other_volume) as times_volume,
    count(*) filter (where has_other_paid and new_dividend = 0) as lacking_dividends,
    array_agg(price_date order by price_date) filter (where lacks_split) as lacking_splits,
    (array_agg(array[close, new_close] order by price_date) filter (where has_other_close))[1:%(few)s] as revised,
    (array_agg(price_date order by price_date) filter (where has_other_close))[1:%(few)s] as days_of_closes,
    array_agg(array[dividend_amount, new_dividend] order by price_date) filter (where has_other_paid)
        as revised_dividends,
    array_agg(price_date order by price_date) filter (where has_other_paid) as days_of_dividends,
    (array_agg(array[adjusted_close, close] order by price_date desc))[1:1] as newest_held,
    (select array[array[adjusted_close, close]] from incoming order by price_date desc limit 1) as newest
from judged
"""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What an answer says of the bars told before."""

    rebased: bool
    """Whether adjusted closes are on another basis than before."""
    faults: dict[str, str] = field(default_factory=dict)
    """Why it must not be applied, by rule of `rules.ANSWER_RULES`."""
    suspects: list[tuple[date, str, str]] = field(default_factory=list)
    """Day, rule of `rules.SUSPECT_RULES` and reason of bars that are odd, but can be right."""


def compare(connection: Connection, values: Mapping[str, Any], *, bars: str = "price_bar") -> Compared:
    """Compares the table `incoming` with what silver holds of the series.

    Args:
        connection: In the transaction of the load.
        values: symbol, interval and source of the series; rejected: dates, as received, that the answer has, but in
            rows that break a rule.
        bars: The table of silver that has what was told before.
    """
    statement = sql.SQL(_COMPARED).format(bars=sql.Identifier("silver", bars))
    constants = {"revised": _REVISED, "twice": _TWICE, "few": _FEW, "within": WITHIN}
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement, {**values, **constants}).fetchone()
    assert found is not None
    return Compared(rebased=found["rebased"], faults=dict(_faults(found)), suspects=list(_suspects(found)))


def _faults(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    held, common = found["held"], found["common"]
    if found["lacking"] > max(_FEW, _LACKING_SHARE * held):
        yield (
            BARS_MISSING,
            f"It lacks {found['lacking']:,} of the {held:,} final bars told before, from {found['lacking_from']} to "
            f"{found['lacking_to']}.",
        )
    if found["other_closes"] > _FEW:
        (was, now), day = found["revised"][0], found["closes_from"]
        yield (
            CLOSES_REWRITTEN,
            f"{found['other_closes']:,} of {common:,} final bars have another close as traded than was told before, "
            f"from {day} ({now:g}, was {was:g}) to {found['closes_to']}.",
        )
    if found["other_volumes"] > _FEW:
        yield (
            VOLUMES_REWRITTEN,
            f"{found['other_volumes']:,} of {common:,} final bars have {found['times_volume']:.3g} times the volume "
            f"told before, from {found['volumes_from']} to {found['volumes_to']}.",
        )
    if common > _FEW and (why := _basis(found)):
        yield BASIS_REVISED, why
    splits, dividends = found["lacking_splits"] or [], found["lacking_dividends"]
    if common > _FEW and (splits or dividends > _FEW):
        lost = [f"the split of {day}" for day in splits] + [f"{dividends} dividends"] * (dividends > _FEW)
        yield ACTIONS_WITHDRAWN, f"It tells no more what was told before: {', '.join(lost)}."


def _basis(found: dict[str, Any]) -> str:
    """Newest bar beside newest bar: actions since then are in the answer, and so in neither."""
    [(was_adjusted, was_close)], [(adjusted, close)] = found["newest_held"], found["newest"]
    change = (adjusted / close) / (was_adjusted / was_close)
    printed = sum(_HALF_DECIMAL / price for price in (was_adjusted, adjusted))
    if abs(change - 1) <= WITHIN + printed:
        return ""
    return f"Adjusted closes are {100 * (change - 1):+.3g} % off from those told before, and no action since tells why."


def _suspects(found: dict[str, Any]) -> Iterator[tuple[date, str, str]]:
    if found["other_closes"] <= _FEW:
        for day, (was, now) in zip(found["days_of_closes"] or (), found["revised"] or (), strict=True):
            yield day, CLOSE_REVISED, f"close {now:g}, was told as {was:g}"
    for day, (was, now) in zip(found["days_of_dividends"] or (), found["revised_dividends"] or (), strict=True):
        yield day, DIVIDEND_REVISED, f"dividend {now:g}, was told as {was:g}"
