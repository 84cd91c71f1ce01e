"""What each source last said of a symbol, refused or not: the witnesses that `silver.reconcile` compares."""

from __future__ import annotations

import itertools
from typing import LiteralString

import polars as pl

from stocks.bronze import Bronze, ObjectKey
from stocks.errors import ConfigError
from stocks.providers import PROVIDERS
from stocks.silver import ParsedSeries
from stocks.silver.reconcile import Difference, Witness, reconcile
from stocks.warehouse.connection import Role, Warehouse
from stocks.warehouse.normalize import parse

_BARS: LiteralString = """
select price_date, close, adjusted_close, volume, dividend_amount, split_coefficient
from silver.price_bar
where symbol = %s and source = %s and interval = %s and is_final
order by price_date
"""
_COLUMNS = {
    "price_date": pl.Date,
    "close": pl.Float64,
    "adjusted_close": pl.Float64,
    "volume": pl.Int64,
    "dividend_amount": pl.Float64,
    "split_coefficient": pl.Float64,
}


def compare_sources(bronze: Bronze, warehouse: Warehouse, symbol: str) -> dict[tuple[str, str], list[Difference]]:
    """Compares the newest daily answers of every two sources for a symbol.

    Args:
        bronze: Holds the answers; one that silver refused, too.
        warehouse: Holds what was told before, and the weekly bars.
        symbol: Whose bars.

    Returns:
        What differs, by the names of the two.

    Raises:
        ConfigError: There are daily bars of fewer than two sources.
        DataError: An answer can't be read.
    """
    # The keys come oldest first.
    newest = {key.source: key for key in bronze.objects(symbol) if _is_daily(key) and not key.is_tail}
    answers = {source: one for source, key in newest.items() if len((one := parse(bronze, key).series).bars)}
    if len(answers) < 2:
        raise ConfigError(
            f"There are daily bars of {symbol} from {', '.join(answers) or 'no source'}: nothing to compare.",
            hint="Set STOCKS_SOURCE to two sources that have daily bars, as in docs/providers.md, and run.",
        )
    witnesses = [_witness(warehouse, symbol, source, series) for source, series in sorted(answers.items())]
    return {(one.source, other.source): reconcile(one, other) for one, other in itertools.combinations(witnesses, 2)}


def _is_daily(key: ObjectKey) -> bool:
    return key.source in PROVIDERS and PROVIDERS[key.source].endpoint(key.endpoint).interval == "daily"


def _witness(warehouse: Warehouse, symbol: str, source: str, series: ParsedSeries) -> Witness:
    with warehouse.connect(Role.READER) as connection:
        before, weekly = (
            pl.DataFrame(
                connection.execute(_BARS, [symbol, source, interval]).fetchall(), schema=_COLUMNS, orient="row"
            )
            for interval in ("daily", "weekly")
        )
    days = series.rejects.select(pl.col("price_date").str.to_date(strict=False), "rule").drop_nulls()
    return Witness(
        source=source,
        bars=series.bars.filter("is_final").select(*_COLUMNS),
        weekly=weekly if len(weekly) else None,
        before=before if series.faults and len(before) else None,
        rejected=dict(days.iter_rows()),
    )
