"""Prints a query's rows."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum

from rich.console import Console
from rich.table import Table

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
            print(json.dumps(result.dicts(), default=str))
        case Format.TABLE:
            table = Table(*result.columns, box=None, pad_edge=False, header_style="bold")
            for row in result.rows:
                table.add_row(*("" if value is None else str(value) for value in row))
            # As wide as its contents: a terminal wraps long lines, and a narrow column would hide values.
            console = Console(highlight=False, markup=False, width=_WIDEST)
            console.print(table)
            if len(result.rows) > _FOOT:
                print(f"({len(result.rows):,} rows)")
