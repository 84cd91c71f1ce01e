"""Rows of silver.bar, in and out by COPY."""

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

_HELD: LiteralString = """
copy (
    select
        asked.place, price_date, open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient,
        is_final::integer
    from unnest(%s::integer[], %s::integer[], %s::date[]) as asked (place, series_id, first)
    inner join silver.bar on bar.series_id = asked.series_id and bar.price_date >= asked.first
) to stdout (format csv)
"""
_IN: LiteralString = """
copy silver.bar (
    open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient, series_id, price_date, load_id,
    is_final
) from stdin (format csv)
"""
_DELETE: LiteralString = """
delete from silver.bar
using unnest(%s::integer[], %s::date[]) as gone (series_id, price_date)
where bar.series_id = gone.series_id and bar.price_date = gone.price_date
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
    with connection.cursor().copy(_HELD, [list(series), numbers, days]) as copy:
        told = b"".join(copy)
    if not told:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(told, has_header=False, schema={**schema, "is_final": pl.Int8()}).cast(schema)


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


def delete_bars(connection: Connection, bars: pl.DataFrame) -> None:
    """Removes bars.

    Args:
        connection: Of a writer.
        bars: series_id and price_date.
    """
    connection.execute(_DELETE, [bars["series_id"].to_list(), bars["price_date"].to_list()])
