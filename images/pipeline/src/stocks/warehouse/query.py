"""Read-only SQL for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors

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

    The extended protocol takes one statement at a time, so nothing can be smuggled in behind a semicolon. The
    transaction is begun here, so that a DO block can't end it and begin another one that writes.

    Raises:
        ConfigError: The statement is wrong, is no read, or is more than one statement.
    """
    # Bytes: the statement comes from a person, and psycopg's types ask for a literal.
    text = statement.encode(errors="surrogateescape")
    with warehouse.connect(Role.READER, read_only=True) as connection:
        try:
            connection.execute("begin")  # it ends with the connection
            cursor = connection.execute(text, parameters, prepare=True)
        except errors.InsufficientPrivilege as error:
            raise ConfigError(f"The reader may not do that: {error.diag.message_primary}.") from error
        except errors.ReadOnlySqlTransaction as error:
            raise ConfigError(f"Only reads are allowed here: {error.diag.message_primary}.") from error
        except psycopg.DatabaseError as error:
            if isinstance(error, psycopg.OperationalError) and not isinstance(error, errors.ProtocolViolation):
                raise  # the server's fault, not the statement's
            place = f" (at character {error.diag.statement_position})" if error.diag.statement_position else ""
            hint = error.diag.message_hint or ""
            raise ConfigError(f"The query failed: {error.diag.message_primary or error}{place}.", hint=hint) from error
        if cursor.description is None:
            raise ConfigError("The statement gives no rows.", hint="`stocks query` takes nothing but reads.")
        return Rows(columns=[column.name for column in cursor.description], rows=cursor.fetchall())
