"""Prints a query's rows."""

from __future__ import annotations

import csv
import json
import math
import sys
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table

from stocks.errors import ConfigError
from stocks.warehouse.query import Rows

_WIDEST = 10_000
_FOOT = 20  # a table longer than this says at its foot how many rows it has


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def print_rows(result: Rows, form: Format) -> None:
    """Prints rows to standard output; every number with all its digits."""
    match form:
        case Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(result.columns)
            writer.writerows(result.rows)
        case Format.JSON:
            print(json.dumps(_named(result), default=str))
        case Format.TABLE:
            table = Table(*result.columns, box=None, pad_edge=False, header_style="bold")
            for row in result.rows:
                table.add_row(*("" if value is None else str(value) for value in row))
            # As wide as its contents: a terminal wraps long lines, and a narrow column would hide values.
            console = Console(highlight=False, markup=False, width=_WIDEST)
            console.print(table)
            if len(result.rows) > _FOOT:
                print(f"({len(result.rows):,} rows)")


def _named(result: Rows) -> list[dict[str, Any]]:
    """The rows by column name, in values that JSON has.

    Raises:
        ConfigError: Two columns bear the same name, so one would hide the other.
    """
    if twice := {name for name in result.columns if result.columns.count(name) > 1}:
        raise ConfigError(
            f"Several columns are called {', '.join(sorted(twice))}.", hint="Name them with `as`, or choose csv."
        )
    return [
        {
            # JSON has no NaN and no infinity; PostgreSQL's own to_json writes them as text, too.
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in result.dicts()
    ]
