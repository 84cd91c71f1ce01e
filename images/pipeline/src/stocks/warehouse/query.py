"""Read-only SQL for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from stocks.errors import ConfigError
from stocks.warehouse.connection import Role, Warehouse


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A query's result: column names, and rows of Python values."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """The rows, each by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def read(warehouse: Warehouse, statement: str, parameters: dict[str, Any] | None = None) -> Rows:
    """Runs one statement as the reader, in a transaction that can only read.

    The extended protocol takes one statement at a time, so nothing can be smuggled in behind a semicolon.

    Raises:
        ConfigError: The statement is wrong, is no read, or is more than one statement.
    """
    with warehouse.connect(Role.READER, read_only=True) as connection:
        try:
            # Bytes: the statement comes from a person, and psycopg's types ask for a literal.
            cursor = connection.execute(statement.encode(), parameters, prepare=True)
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigError(f"The reader may not do that: {error.diag.message_primary}.") from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise ConfigError(f"Only reads are allowed here: {error.diag.message_primary}.") from error
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            place = f" (at character {error.diag.statement_position})" if error.diag.statement_position else ""
            hint = error.diag.message_hint or ""
            raise ConfigError(f"The query failed: {error.diag.message_primary}{place}.", hint=hint) from error
        if cursor.description is None:
            raise ConfigError("The statement gives no rows.", hint="`stocks query` takes nothing but reads.")
        return Rows(columns=[column.name for column in cursor.description], rows=cursor.fetchall())
