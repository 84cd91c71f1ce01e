"""Prints a query's rows."""

from __future__ import annotations

import csv
import itertools
import json
import math
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table

from stocks.errors import ConfigError

_WIDEST = 10_000
_LONGEST = 10_000  # rows of a table, whose widths are known when all of it is
_FOOT = 20  # a table longer than this says at its foot how many rows it has


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def print_rows(columns: list[str], rows: Iterator[tuple[Any, ...]], form: Format) -> None:
    """Prints rows to standard output as they come; every number with all its digits. A table ends at _LONGEST rows.

    Raises:
        ConfigError: JSON is asked for, and two columns bear the same name, so one would hide the other.
    """
    match form:
        case Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        case Format.JSON:
            if twice := {name for name in columns if columns.count(name) > 1}:
                raise ConfigError(
                    f"Several columns are called {', '.join(sorted(twice))}.",
                    hint="Name them with `as`, or choose csv.",
                )
            before = "["
            for row in rows:
                named = {name: _in_json(value) for name, value in zip(columns, row, strict=True)}
                sys.stdout.write(before + json.dumps(named, default=str))
                before = ", "
            print("[]" if before == "[" else "]")
        case Format.TABLE:
            table = Table(*columns, box=None, pad_edge=False, header_style="bold")
            for row in itertools.islice(rows, _LONGEST):
                table.add_row(*("" if value is None else str(value) for value in row))
            # As wide as its contents: a terminal wraps long lines, and a narrow column would hide values.
            Console(highlight=False, markup=False, width=_WIDEST).print(table)
            if next(rows, None) is not None:
                print(f"(the first {_LONGEST:,} rows; --format csv gives all)")
            elif table.row_count > _FOOT:
                print(f"({table.row_count:,} rows)")


def _in_json(value: Any) -> Any:
    """JSON has no NaN and no infinity; PostgreSQL's own to_json writes them as text, too."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
