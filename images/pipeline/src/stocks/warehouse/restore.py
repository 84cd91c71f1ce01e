"""A backup into an empty warehouse: all of it, in one transaction, or nothing."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from datetime import datetime
from graphlib import TopologicalSorter
from typing import LiteralString

from psycopg import sql

from stocks.bronze.object_store import ObjectStore
from stocks.errors import ConfigError, DataError
from stocks.report import Report
from stocks.warehouse.backup import MANIFEST, Kept, Manifest, Part, Table
from stocks.warehouse.connection import Connection, Role, Warehouse
from stocks.warehouse.migrate import remake

_GZIP = 31  # zlib's window, with gzip's header
_REFERENCES: LiteralString = """
select conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f'
"""
_ROWS: LiteralString = """
select nspname, relname from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
where nspname in ('silver', 'ops', 'snapshots', 'gold') and relkind in ('r', 'p') and not relispartition
order by 1, 2
"""


def chosen(backups: Iterable[Kept], moment: datetime | None) -> Kept:
    """The whole backup of a moment, or the newest.

    Args:
        backups: Those in the store.
        moment: One's own, or some moment after it: the last one before it is chosen; None: the newest.

    Raises:
        ConfigError: There is none.
    """
    whole = [each for each in backups if each.is_whole and (moment is None or each.moment <= moment)]
    if not whole:
        raise ConfigError("There is no such backup.", hint="`stocks restore --list` shows those in STOCKS_BACKUP_URL.")
    return max(whole, key=lambda each: each.moment)


def restore(store: ObjectStore, backup: Kept, warehouse: Warehouse, *, report: Report) -> Manifest:
    """Fills an empty warehouse with a backup; afterwards it is at this code's version.

    Args:
        store: Holds the backup.
        backup: A whole one.
        warehouse: Its login must be a member of stocks_owner.
        report: Told how far it is, in rows.

    Raises:
        ConfigError: The warehouse has rows, or the backup is of a newer version of the code.
        DataError: The backup is damaged; nothing was restored.
    """
    (key,) = (key for key in backup.keys if key.endswith(f"/{MANIFEST}"))
    manifest = Manifest.from_json(store.get(key))
    with warehouse.connect(Role.OWNER) as connection:
        with connection.transaction():
            _check_empty(connection, warehouse)
            # Rows of an older version go into its tables, and are brought on with them.
            with remake(connection, manifest.migration):
                report.begin("restore", manifest.rows)
                done = 0
                for table in _in_order(connection, manifest.tables):
                    for part in table.parts:
                        _load(connection, table, _verified(store, manifest, part), part)
                        done += part.rows
                        report.advance("restore", done, f"{table.schema}.{table.name}")
                for sequence, last in manifest.sequences.items():
                    connection.execute("select setval(%s::regclass, %s)", [sequence, last])
        connection.execute("analyze")
    return manifest


def _check_empty(connection: Connection, warehouse: Warehouse) -> None:
    for schema, name in connection.execute(_ROWS).fetchall():
        table = sql.Identifier(schema, name)
        if connection.execute(sql.SQL("select from {} limit 1").format(table)).fetchone() is not None:
            raise ConfigError(
                f"The warehouse {warehouse} is not empty: {schema}.{name} has rows.",
                hint="A backup is restored into an empty one: make another database, or drop this one.",
            )


def _in_order(connection: Connection, tables: list[Table]) -> list[Table]:
    """The tables, made where no migration makes them; what a table refers to stands before it."""
    by_name = {f"{table.schema}.{table.name}": table for table in tables}
    for table in tables:
        columns = [sql.SQL("{} " + type_).format(sql.Identifier(name)) for name, type_ in table.columns.items()]
        connection.execute(
            sql.SQL("create table if not exists {} ({})").format(
                sql.Identifier(table.schema, table.name), sql.SQL(", ").join(columns)
            )
        )
    graph: dict[str, set[str]] = {name: set() for name in by_name}
    for table, referred in connection.execute(_REFERENCES).fetchall():
        if table != referred and table in graph:
            graph[table].add(referred)
    return [by_name[name] for name in TopologicalSorter(graph).static_order() if name in by_name]


def _verified(store: ObjectStore, manifest: Manifest, part: Part) -> bytes:
    """The rows of a part.

    Raises:
        DataError: They are not those that were written.
    """
    packed = store.get(manifest.folder + part.key)
    damaged = DataError(
        f"The backup is damaged: {store.url}/{manifest.folder}{part.key} is not what was written.",
        hint="Nothing was restored. Restore an earlier one: `stocks restore --list` shows them.",
    )
    if hashlib.sha256(packed).hexdigest() != part.sha256:
        raise damaged
    try:
        return zlib.decompress(packed, _GZIP)
    except zlib.error as error:
        raise damaged from error


def _load(connection: Connection, table: Table, rows: bytes, part: Part) -> None:
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table.schema, table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(rows)
        if cursor.rowcount != part.rows:
            raise DataError(f"{part.key} has {cursor.rowcount:,} rows in place of {part.rows:,}: nothing was restored.")
