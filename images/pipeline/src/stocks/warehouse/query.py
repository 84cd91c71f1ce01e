"""Read-only SQL for people."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from stocks.errors import ConfigError
from stocks.warehouse.connection import Connection, Role, Warehouse

_Stream = Generator[tuple[Any, ...], None, None]
_CHUNK = 1000  # rows that are in memory at a time
_TIMES = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")
# Of psycopg's operational errors, those that a statement brings about.
_STATEMENTS_FAULTS = (
    errors.ProtocolViolation,
    errors.ProgramLimitExceeded,
    errors.StatementTooComplex,
    errors.TooManyColumns,
    errors.TooManyArguments,
)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A query's result: column names, and rows of Python values."""

    columns: list[str]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """The rows, each by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def read(warehouse: Warehouse, statement: str, parameters: dict[str, Any] | None = None) -> Rows:
    """All rows of one statement; see `stream`."""
    with stream(warehouse, statement, parameters) as (columns, rows):
        return Rows(columns=columns, rows=list(rows))


@contextlib.contextmanager
def stream(
    warehouse: Warehouse, statement: str, parameters: dict[str, Any] | None = None
) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
    """Runs one statement as the reader, in a transaction that can only read; gives its columns, and rows as they come.

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
            for name in _TIMES:
                connection.adapters.register_loader(name, _or_text(connection, name))
            cursor = connection.cursor()
            with contextlib.closing(cast("_Stream", cursor.stream(text, parameters, size=_CHUNK))) as rows:
                first = list(itertools.islice(rows, 1))
                if not first:  # the cursor has seen nothing, but the server knows the statement still
                    told = connection.pgconn.describe_prepared(b"")
                    columns = [(told.fname(number) or b"").decode() for number in range(told.nfields)]
                else:
                    columns = [column.name for column in cursor.description or ()]
                if not columns:
                    raise ConfigError("The statement gives no rows.", hint="`stocks query` takes nothing but reads.")
                yield columns, itertools.chain(first, rows)
        except errors.InsufficientPrivilege as error:
            raise ConfigError(f"The reader may not do that: {error.diag.message_primary}.") from error
        except errors.ReadOnlySqlTransaction as error:
            raise ConfigError(f"Only reads are allowed here: {error.diag.message_primary}.") from error
        except psycopg.DatabaseError as error:
            if isinstance(error, psycopg.OperationalError) and not isinstance(error, _STATEMENTS_FAULTS):
                raise  # the server's fault, not the statement's
            place = f" (at character {error.diag.statement_position})" if error.diag.statement_position else ""
            hint = error.diag.message_hint or ""
            raise ConfigError(f"The query failed: {error.diag.message_primary or error}{place}.", hint=hint) from error


def _or_text(connection: Connection, name: str) -> type[Loader]:
    """The loader of a type of PostgreSQL, which gives what Python has no value for (infinity, 44 BC) as text."""
    oid = connection.adapters.types[name].oid
    plain = cast("type[Loader]", connection.adapters.get_loader(oid, Format.TEXT))

    class OrText(Loader):
        def load(self, data: Buffer) -> Any:
            text = bytes(data).decode()
            with contextlib.suppress(psycopg.DataError):
                return text if text.endswith("infinity") else plain(self.oid).load(data)
            return text

    return OrText
