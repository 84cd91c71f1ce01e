"""Which symbols are shown, and in which order: by what is looked for, a sector, a watch list and bounds of numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

Bounds = Mapping[str, tuple[float | None, float | None]]
"""By column the least and the most; None where there is no bound."""


def matching(
    screen: pl.DataFrame, *, search: str, sector: str, watched: Collection[str] | None, bounds: Bounds
) -> pl.DataFrame:
    """The symbols that are shown; what is not known is within no bounds.

    Args:
        screen: Rows of `queries.SCREEN`.
        search: A part of the symbol or of the company's name, in any case.
        sector: Empty for all.
        watched: Those symbols alone; None for all.
        bounds: Of numbers.
    """
    text = search.strip().lower()
    found = [
        pl.col("symbol").str.to_lowercase().str.contains(text, literal=True)
        | pl.col("company_name").str.to_lowercase().str.contains(text, literal=True)
    ]
    if sector:
        found.append(pl.col("sector") == sector)
    if watched is not None:
        found.append(pl.col("symbol").is_in(list(watched)))
    for name, (least, most) in bounds.items():
        if least is not None:
            found.append(pl.col(name) >= least)
        if most is not None:
            found.append(pl.col(name) <= most)
    return screen.filter(*found)


def ordered(found: pl.DataFrame, by: str, *, descending: bool) -> pl.DataFrame:
    """Symbols in the order of a column, those of which it isn't known last.

    Values in two currencies don't compare: each currency's stand together, those of most symbols first.
    """
    if by != "traded_value":
        return found.sort(by, "symbol", descending=[descending, False], nulls_last=True)
    currency = pl.col("traded_value_currency")
    of_currency = pl.when(currency.is_not_null()).then(pl.len().over("traded_value_currency"))
    return found.sort(of_currency, currency, by, "symbol", descending=[True, False, descending, False], nulls_last=True)


def extremes(found: pl.DataFrame, column: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The rows with the best and the worst value of a column; None where it is known of nobody."""
    known = found.drop_nulls(column).sort(column, "symbol", descending=[True, False])
    return None if known.is_empty() else (known.row(0, named=True), known.row(-1, named=True))
