"""The one typed frame into which every provider's answers are read, whatever their format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from stocks.errors import MalformedPayload
from stocks.providers.json_text import Pairs, storable, write

if TYPE_CHECKING:  # heavy, and most steps know a provider without reading what it answers
    import polars as pl

PRICES = ("open", "high", "low", "close", "adjusted_close")
FIELDS = (*PRICES, "volume", "dividend_amount", "split_coefficient")
"""The numbers of a bar. All are read as doubles: volumes come as "8519000" and as "8519000.0"."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What a payload says, unjudged."""

    symbol: str | None
    """The symbol that it names; None where it names none."""
    rows: pl.DataFrame
    """`row` UInt32 (place in the payload), `date_text` String, FIELDS Float64 (null: absent, no number, or
    told twice and differently)."""
    raw: Callable[[], Sequence[tuple[str, Any]]]
    """Gives each row's date as received and the row itself, as `json_text.read` reads it, in the payload's order.
    Only rejects are asked for it, and few payloads have any."""

    def raw_texts(self, rows: Sequence[int]) -> tuple[list[str], list[str]]:
        """Dates and JSON texts of some rows, fit for PostgreSQL.

        Raises:
            MalformedPayload: A row is nested too deep.
        """
        raw = self.raw() if rows else ()
        try:
            return [storable(raw[row][0]) for row in rows], [write(raw[row][1]) for row in rows]
        except RecursionError:
            raise MalformedPayload("A row of the answer is nested too deep.") from None


def frame(dates: Sequence[str], columns: Mapping[str, Sequence[float | None]]) -> pl.DataFrame:
    """The rows of `Decoded` from their dates and as many of FIELDS as there are."""
    import polars as pl

    texts = pl.Series("date_text", dates, dtype=pl.String)
    numbers = [
        pl.Series(name, columns[name], dtype=pl.Float64)
        if name in columns
        else pl.repeat(None, len(dates), dtype=pl.Float64, eager=True).alias(name)
        for name in FIELDS
    ]
    return pl.DataFrame([texts, *numbers]).with_row_index("row")


def frame_of_pairs(rows: Sequence[tuple[str, Any]], name_of: Callable[[str], str]) -> pl.DataFrame:
    """The rows of `Decoded` from each row's date and its members, which may be anything.

    Args:
        rows: As `Decoded.raw` gives them.
        name_of: The name in FIELDS of a member's label; any other name for one that is none of them.
    """
    values = [_numbers(row, name_of) for _, row in rows]
    return frame([storable(day) for day, _ in rows], {name: [row.get(name) for row in values] for name in FIELDS})


def _numbers(row: object, name_of: Callable[[str], str]) -> dict[str, float | None]:
    """The numbers of a row by field; a field that is told twice, and differently, is None."""
    found: dict[str, float | None] = {}
    for label, value in row if isinstance(row, Pairs) else ():
        name, number = name_of(label), _number(value)
        found[name] = number if name not in found or found[name] == number else None
    return found


def _number(value: object) -> float | None:
    # msgspec reads numbers in the fast decoders too, so that all ways take the same texts for numbers.
    try:
        return msgspec.convert(value, float, strict=False) if isinstance(value, str) else None
    except ValueError:  # msgspec.ValidationError, or half of a surrogate pair
        return None
