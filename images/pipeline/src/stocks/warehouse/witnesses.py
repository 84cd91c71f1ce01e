"""How many answers bear out what silver holds of a series, and how many what contradicts it.

A first answer may be wrong in a way that nothing tells: it is not to be defended for ever against right ones. So an
answer that is whole in itself, and contradicts what is held, is refused only while fewer answers in a row told so than
told what is held. A series that was told once is healed by the next good answer; one that was told thirty times is not
turned by a single bad one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString, NamedTuple

from stocks.warehouse.connection import Connection
from stocks.warehouse.held import compare

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

_FORGET: LiteralString = """
delete from silver.contested_bar as bar
where symbol = %(symbol)s and interval = %(interval)s and source = %(source)s
  and not exists (
      select 1 from ops.bronze_object where bronze_key = bar.bronze_key and observed_at > %(observed_at)s
  )
"""

_KEEP: LiteralString = """
insert into silver.contested_bar (
    symbol, interval, price_date, close, adjusted_close, volume, dividend_amount, split_coefficient, is_final, source,
    bronze_key
)
select
    %(symbol)s, %(interval)s, price_date, close, adjusted_close, volume, dividend_amount, split_coefficient, is_final,
    %(source)s, %(bronze_key)s
from incoming
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


def weigh(connection: Connection, values: Mapping[str, Any]) -> Witnesses:
    """Counts who tells what, where the table `incoming` contradicts what silver holds of its series.

    Args:
        connection: In the transaction of the load.
        values: symbol, interval, source, bronze_key and observed_at of the answer; rejected: the dates, as received,
            that it has, but in rows that break a rule.
    """
    [held] = connection.execute(_TOLD_WHAT_IS_HELD, values).fetchone() or (0,)
    witnesses, is_newer = connection.execute(_CONTESTANT, values).fetchone() or (0, False)
    if is_newer:  # one that comes in late bears nothing out
        return Witnesses(contrary=1, held=held)
    if witnesses and compare(connection, values, bars="contested_bar").faults:
        witnesses = 0
    forget(connection, values)
    connection.execute(_KEEP, values)
    return Witnesses(contrary=witnesses + 1, held=held)


def forget(connection: Connection, values: Mapping[str, Any]) -> None:
    """An answer was loaded: those that were refused before it speak no more.

    Args:
        connection: In the transaction of the load.
        values: symbol, interval, source and observed_at of the answer.
    """
    connection.execute(_FORGET, values)
