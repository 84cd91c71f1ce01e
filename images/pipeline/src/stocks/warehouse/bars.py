"""Rows of silver.bar, in and out of frames."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import LiteralString

import polars as pl

from stocks.warehouse.connection import Connection

_NUMBERS = ("open", "high", "low", "close", "adjusted_close")
BARS = pl.Schema(
    {
        "price_date": pl.Date(),
        **dict.fromkeys(_NUMBERS, pl.Float64()),
        "volume": pl.Int64(),
        "dividend_amount": pl.Float64(),
        "split_coefficient": pl.Float64(),
        "is_final": pl.Boolean(),
    }
)
"""The columns of a bar, as in `ParsedSeries.bars`."""

# All in one row: psycopg takes microseconds for each, whatever it holds.
_HELD: LiteralString = """
select
    array_agg(asked.place), array_agg(price_date - date '1970-01-01'), array_agg(open), array_agg(high), array_agg(low),
    array_agg(close), array_agg(adjusted_close), array_agg(volume), array_agg(dividend_amount),
    array_agg(split_coefficient), array_agg(is_final)
from unnest(%s::integer[], %s::integer[], %s::date[]) as asked (place, series_id, first)
inner join silver.bar on bar.series_id = asked.series_id and bar.price_date >= asked.first
"""
_IN: LiteralString = """
copy silver.bar (
    open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient, series_id, price_date, load_id,
    is_final
) from stdin (format csv)
"""
_DELETE: LiteralString = """
delete from silver.bar
using unnest(%s::integer[], %s::date[], %s::date[]) as gone (series_id, first, last)
where bar.series_id = gone.series_id and bar.price_date between gone.first and gone.last
"""


def held_bars(connection: Connection, series: Mapping[int, tuple[int, date]]) -> pl.DataFrame:
    """What silver holds of some series.

    Args:
        connection: To the warehouse.
        series: Their numbers in silver.series and the first days, by the number that `place` shall have.

    Returns:
        place Int32, and the columns of BARS.
    """
    schema = pl.Schema({"place": pl.Int32(), **BARS})
    if not series:
        return pl.DataFrame(schema=schema)
    numbers, days = map(list, zip(*series.values(), strict=True))
    columns = connection.execute(_HELD, [list(series), numbers, days], binary=True).fetchone() or ()
    found = {name: column or [] for name, column in zip(schema, columns, strict=True)}
    return pl.DataFrame(found, schema=schema | {"price_date": pl.Int32()}).with_columns(
        pl.col("price_date").cast(pl.Date)
    )


def copy_bars(connection: Connection, bars: pl.DataFrame) -> None:
    """Adds bars that silver does not hold.

    Args:
        connection: Of a writer.
        bars: series_id and load_id Int32, and the columns of BARS; by series and day, as they are read.
    """
    values = [name for name in BARS if name not in ("price_date", "is_final")]
    rows = bars.select(*values, "series_id", "price_date", "load_id", "is_final")
    with connection.cursor().copy(_IN) as copy:
        copy.write(rows.write_csv(include_header=False).encode())


def delete_bars(connection: Connection, spans: pl.DataFrame) -> None:
    """Removes bars.

    Args:
        connection: Of a writer.
        spans: series_id; first and last, the days between which all bars go.
    """
    connection.execute(_DELETE, [spans[name].to_list() for name in ("series_id", "first", "last")])
