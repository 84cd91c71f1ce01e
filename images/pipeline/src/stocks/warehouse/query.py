"""Read-only SQL for people."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple, cast

import psycopg
from psycopg import errors, sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import ExecStatus, Format

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
    transaction is begun here, so that a DO block can't end it and begin another one that writes. A login that has more
    roles than the reader's could take them back: for it a statement without parameters runs in functions of the
    reader's, where PostgreSQL refuses that.

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
            is_confined = parameters is None and not _is_readers(connection)
            given = _confined(connection, text) if is_confined else _streamed(connection, text, parameters)
            with given as (columns, rows):
                if not columns:
                    raise ConfigError("The statement gives no rows.", hint="`stocks query` takes nothing but reads.")
                yield columns, rows
        except errors.InsufficientPrivilege as error:
            raise ConfigError(f"The reader may not do that: {error.diag.message_primary}.") from error
        except errors.ReadOnlySqlTransaction as error:
            raise ConfigError(f"Only reads are allowed here: {error.diag.message_primary}.") from error
        except psycopg.DatabaseError as error:
            if isinstance(error, psycopg.OperationalError) and not isinstance(error, _STATEMENTS_FAULTS):
                raise  # the server's fault, not the statement's
            position = error.diag.statement_position or error.diag.internal_position
            place = f" (at character {position})" if position else ""
            hint = error.diag.message_hint or ""
            raise ConfigError(f"The query failed: {error.diag.message_primary or error}{place}.", hint=hint) from error


class _Column(NamedTuple):
    name: str
    type: int
    """Its number in pg_type."""
    modifier: int


@contextlib.contextmanager
def _streamed(
    connection: Connection, text: bytes, parameters: dict[str, Any] | None
) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
    cursor = connection.cursor()
    with contextlib.closing(cast("_Stream", cursor.stream(text, parameters, size=_CHUNK))) as rows:
        first = list(itertools.islice(rows, 1))
        if first:
            columns = [column.name for column in cursor.description or ()]
        else:  # the cursor has seen nothing, but the server knows the statement still
            columns = [column.name for column in _described(connection)]
        yield columns, itertools.chain(first, rows)


@contextlib.contextmanager
def _confined(connection: Connection, text: bytes) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
    prepared = connection.pgconn.prepare(b"", text)  # looked at, not run
    if prepared.status != ExecStatus.COMMAND_OK:
        raise errors.error_from_result(prepared)
    columns = _described(connection)
    if columns:
        fetch = sql.SQL("select * from ops.fetch_as_reader({}) as told ({})").format(
            _CHUNK, sql.SQL(", ").join(_definitions(connection, columns))
        )
        connection.execute("select ops.open_as_reader(%s)", [text.decode()])
        first = connection.execute(fetch).fetchall()
        rest = iter(lambda: connection.execute(fetch).fetchall(), [])
        yield [column.name for column in columns], itertools.chain(first, itertools.chain.from_iterable(rest))
    else:
        yield [], iter(())


def _is_readers(connection: Connection) -> bool:
    """Whether the login itself is the reader's, who has no other role to take."""
    return connection.execute("select session_user = %s", [Role.READER]).fetchone() == (True,)


def _described(connection: Connection) -> list[_Column]:
    """The columns of the statement that was prepared last."""
    told = connection.pgconn.describe_prepared(b"")
    return [
        _Column((told.fname(number) or b"").decode(), told.ftype(number), told.fmod(number))
        for number in range(told.nfields)
    ]


def _definitions(connection: Connection, columns: list[_Column]) -> Iterator[sql.Composed]:
    """What a function must be told that gives these columns; their names may stand there twice, so others do.

    Raises:
        ConfigError: A column has a type that none can be declared with.
    """
    types = connection.execute(
        """
        select format_type(told.type, nullif(told.modifier, -1)), typtype = 'p'
        from unnest(%s::oid[], %s::integer[]) with ordinality as told (type, modifier, place)
        inner join pg_type on pg_type.oid = told.type
        order by place
        """,
        [[column.type for column in columns], [column.modifier for column in columns]],
    )
    for number, (column, (name, is_pseudo)) in enumerate(zip(columns, types, strict=True)):
        if is_pseudo:
            raise ConfigError(
                f"The column {column.name!r} is of the type {name}, which can't be read with this login.",
                hint="Cast it to text, or read with the login stocks_reader.",
            )
        yield sql.SQL("{} {}").format(sql.Identifier(f"c{number}"), sql.SQL(cast("LiteralString", name)))


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
