"""How many answers bear out what silver holds of a series, and how many what contradicts it.

A first answer may be wrong in a way that nothing tells: it is not to be defended for ever against right ones. So an
answer that is whole in itself, and contradicts what is held, is refused only while fewer answers in a row told so than
told what is held. A series that was told once is healed by the next good answer; one that was told thirty times is not
turned by a single bad one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, LiteralString, NamedTuple

import polars as pl

from stocks.bronze import ObjectKey
from stocks.silver.held import beside, compare
from stocks.warehouse.bars import BARS
from stocks.warehouse.connection import Connection

# Nothing is loaded that is older than what was, so that loads are in the order of their answers. What had been told
# before one of them rewrote the series is held no more.
_TOLD_WHAT_IS_HELD: LiteralString = """
select coalesce(sum(witnesses), 0)
from ops.bronze_object
where symbol = %(symbol)s and interval = %(interval)s and source = %(source)s and status = 'loaded'
  and load_id >= (
      select coalesce(max(load_id), 0)
      from ops.bronze_object
      where symbol = %(symbol)s and interval = %(interval)s and source = %(source)s
        and status = 'loaded' and rule <> ''
  )
"""

_CONTESTANT: LiteralString = """
select answer.witnesses, answer.observed_at > %(observed_at)s
from silver.contested_bar as bar
inner join ops.bronze_object as answer using (bronze_key)
where bar.symbol = %(symbol)s and bar.interval = %(interval)s and bar.source = %(source)s
limit 1
"""

_COLUMNS = pl.Schema({name: kind for name, kind in BARS.items() if name not in ("open", "high", "low")})
_CONTESTED: LiteralString = """
select price_date, close, adjusted_close, volume, dividend_amount, split_coefficient, is_final
from silver.contested_bar
where symbol = %(symbol)s and interval = %(interval)s and source = %(source)s
"""

_FORGET: LiteralString = """
delete from silver.contested_bar as bar
using unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) as loaded (symbol, interval, source, observed_at)
where bar.symbol = loaded.symbol and bar.interval = loaded.interval and bar.source = loaded.source
  and not exists (
      select 1 from ops.bronze_object where bronze_key = bar.bronze_key and observed_at > loaded.observed_at
  )
"""

_KEEP: LiteralString = """
copy silver.contested_bar (
    symbol, interval, source, bronze_key, price_date, close, adjusted_close, volume, dividend_amount,
    split_coefficient, is_final
) from stdin (format csv)
"""


class Witnesses(NamedTuple):
    """How many answers told what."""

    contrary: int
    """What the answer tells: itself, and those refused before it, in a row, that it agrees with."""
    held: int
    """What is held."""

    def __str__(self) -> str:
        """A sentence."""
        answers = "1 answer tells" if self.contrary == 1 else f"{self.contrary:,} answers in a row tell"
        return f"{answers} so, {self.held:,} told what is held."


def weigh(
    connection: Connection, key: ObjectKey, interval: str, bars: pl.DataFrame, rejected: Collection[str]
) -> Witnesses:
    """Counts who tells what, where an answer contradicts what silver holds of its series.

    Args:
        connection: In the transaction of the load.
        key: Of the answer.
        interval: Of its bars.
        bars: `ParsedSeries.bars`.
        rejected: The dates, as received, that it has, but in rows that break a rule.
    """
    values: dict[str, Any] = {
        "symbol": key.symbol,
        "interval": interval,
        "source": key.source,
        "observed_at": key.observed_at,
    }
    [held] = connection.execute(_TOLD_WHAT_IS_HELD, values).fetchone() or (0,)
    witnesses, is_newer = connection.execute(_CONTESTANT, values).fetchone() or (0, False)
    if is_newer:  # one that comes in late bears nothing out
        return Witnesses(contrary=1, held=held)
    own = bars.select(*_COLUMNS).cast(_COLUMNS)
    if witnesses:
        contested = pl.DataFrame(connection.execute(_CONTESTED, values).fetchall(), schema=_COLUMNS, orient="row")
        if compare(beside(own, contested), rejected).faults:
            witnesses = 0
    forget(connection, [(key, interval)])
    named = own.select(
        pl.lit(key.symbol).alias("symbol"),
        pl.lit(interval).alias("interval"),
        pl.lit(key.source).alias("source"),
        pl.lit(str(key)).alias("bronze_key"),
        *_COLUMNS,
    )
    with connection.cursor().copy(_KEEP) as copy:
        copy.write(named.write_csv(include_header=False).encode())
    return Witnesses(contrary=witnesses + 1, held=held)


def forget(connection: Connection, loaded: Iterable[tuple[ObjectKey, str]]) -> None:
    """Answers were loaded: those that were refused before them speak no more.

    Args:
        connection: In the transaction of the load.
        loaded: Their keys, and the intervals of their bars.
    """
    series = [(key.symbol, interval, key.source, key.observed_at) for key, interval in loaded]
    if series:
        connection.execute(_FORGET, list(map(list, zip(*series, strict=True))))
