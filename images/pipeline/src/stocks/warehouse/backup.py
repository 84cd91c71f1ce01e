"""Backups of the warehouse: what bronze can't give back, and what is quicker to read than to build.

A backup is a set of objects below its moment: the rows of each table of silver, ops and snapshots, of one state of the
warehouse, in parts; and a manifest, which is written last: without it a backup is not there. Gold is none of it: dbt
builds it from the rest.

    20261125T030000Z/silver.bar/00000.gz    rows as COPY writes them, gzip
    20261125T030000Z/manifest.json          tables, columns, rows, parts with their SHA-256, the warehouse's version
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self

import psycopg
from isal import igzip
from psycopg import sql

from stocks.bronze.object_store import DisposableStore
from stocks.errors import DataError, StoreUnavailable
from stocks.report import Report
from stocks.warehouse.connection import Connection, Role, Warehouse

MANIFEST = "manifest.json"
_FORMAT = 1
_MOMENT = "%Y%m%dT%H%M%SZ"
_LEVEL = 1  # of 0 to 3
_SCHEMAS = ("silver", "ops", "snapshots")
_STALE = timedelta(days=1)
"""A backup without a manifest that is older is one that was killed."""

_TABLES: LiteralString = """
select
    nspname, relname,
    array_agg(attname::text order by attnum),
    array_agg(format_type(atttypid, atttypmod) order by attnum)
from pg_class
inner join pg_namespace on relnamespace = pg_namespace.oid
inner join pg_attribute on attrelid = pg_class.oid
where nspname = any(%s) and relkind in ('r', 'p') and not relispartition
    and attnum > 0 and not attisdropped and attgenerated = ''
group by nspname, relname
order by nspname, relname
"""
_SEQUENCES: LiteralString = """
select quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value from pg_sequences
where schemaname = any(%s) and last_value is not null order by 1
"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some rows of a table, in an object of their own."""

    key: str
    """Below the backup's moment."""
    rows: int
    size: int
    """Bytes of the object."""
    sha256: str
    """Of these bytes, lower-case hex."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a backup has of a table."""

    schema: str
    name: str
    columns: dict[str, str]
    """Types, by column; without what PostgreSQL computes."""
    parts: list[Part]

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup has."""

    moment: datetime
    """When it began (UTC, whole seconds)."""
    migration: int
    """The newest one that the warehouse had."""
    tables: list[Table]
    sequences: dict[str, int]
    """The last number that each gave."""

    @property
    def folder(self) -> str:
        """What the keys of its objects begin with."""
        return f"{self.moment:{_MOMENT}}/"

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def size(self) -> int:
        """Bytes of all objects but the manifest."""
        return sum(part.size for table in self.tables for part in table.parts)

    def to_json(self) -> bytes:
        """As it is kept."""
        facts = {"format": _FORMAT, **asdict(self), "moment": self.moment.strftime(_MOMENT)}
        return json.dumps(facts, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """From what `to_json` gave.

        Raises:
            DataError: It is none, or one of a later version.
        """
        try:
            facts = json.loads(text)
            if facts.pop("format") != _FORMAT:
                raise DataError("The backup is of a later version of stocks.", hint="Restore it with that version.")
            return cls(
                moment=_moment(facts.pop("moment")),
                tables=[
                    Table(**{**table, "parts": [Part(**part) for part in table["parts"]]})
                    for table in facts.pop("tables")
                ],
                **facts,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"The backup's {MANIFEST} is damaged.", hint="Restore an earlier one.") from error


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A backup in the store."""

    moment: datetime
    keys: list[str]

    @property
    def is_whole(self) -> bool:
        """Whether it was finished."""
        return any(key.endswith(f"/{MANIFEST}") for key in self.keys)


def back_up(
    warehouse: Warehouse,
    store: DisposableStore,
    *,
    report: Report,
    begun: Callable[[], object] = lambda: None,
    now: datetime | None = None,
    part_size: int = 32 * 2**20,
) -> Manifest:
    """Writes a backup. Loads and builds may go on meanwhile: it has the warehouse as it was in one moment.

    Args:
        warehouse: Whose rows.
        store: Where they go.
        report: Told how far it is, in rows.
        begun: Called when that moment is settled: what it writes is none of the backup.
        now: The moment; the clock's where None.
        part_size: Bytes of rows, before they are packed, after which an object is full; they are in memory.

    Raises:
        StoreUnavailable: Also where another backup began in the same second.
    """
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    with warehouse.connect(Role.READER) as connection:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        with connection.transaction():
            found = connection.execute(_TABLES, [list(_SCHEMAS)]).fetchall()
            begun()
            total = sum(_count(connection, schema, name) for schema, name, *_ in found)
            report.begin("backup", total)
            tables, done = list[Table](), 0
            for schema, name, columns, types in found:
                parts = []
                for part in _parts(connection, store, f"{moment:{_MOMENT}}/", (schema, name), columns, part_size):
                    parts.append(part)
                    done += part.rows
                    report.advance("backup", done, f"{schema}.{name}")
                tables.append(
                    Table(schema=schema, name=name, columns=dict(zip(columns, types, strict=True)), parts=parts)
                )
            row = connection.execute("select max(version) from migration.applied").fetchone()
            assert row is not None
            sequences = connection.execute(_SEQUENCES, [list(_SCHEMAS)]).fetchall()
    manifest = Manifest(moment=moment, migration=row[0], tables=tables, sequences=dict(sequences))
    store.put_if_absent(manifest.folder + MANIFEST, manifest.to_json())
    return manifest


def kept(store: DisposableStore) -> list[Kept]:
    """The backups in a store, oldest first, those that were never finished among them."""
    found: dict[datetime, list[str]] = {}
    for key in store.keys(""):
        folder = key.partition("/")[0]
        with contextlib.suppress(ValueError):  # of somebody else
            found.setdefault(_moment(folder), []).append(key)
    return [Kept(moment=moment, keys=keys) for moment, keys in sorted(found.items())]


def forget(store: DisposableStore, keep_days: int, *, now: datetime | None = None) -> list[Kept]:
    """Deletes backups that are older than some days, but never the newest whole one; gives those deleted.

    What was killed before it was finished goes after a day.
    """
    now = now or datetime.now(UTC)
    there = kept(store)
    newest = max((each.moment for each in there if each.is_whole), default=None)
    old = [
        each
        for each in there
        if each.moment != newest and now - each.moment > (timedelta(days=keep_days) if each.is_whole else _STALE)
    ]
    for each in old:
        # The manifest first: a backup of which some is gone is none.
        for key in sorted(each.keys, key=lambda key: not key.endswith(f"/{MANIFEST}")):
            store.delete(key)
    return old


def _parts(
    connection: Connection,
    store: DisposableStore,
    folder: str,
    table: tuple[str, str],
    columns: list[str],
    part_size: int,
) -> Iterator[Part]:
    """Writes a table's rows into objects of some size."""
    statement = sql.SQL("copy (select {} from {}) to stdout").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*table)
    )
    rows, size, number = list[bytes](), 0, 0

    def put() -> Part:
        packed = igzip.compress(b"".join(rows), compresslevel=_LEVEL)
        part = Part(
            key=f"{'.'.join(table)}/{number:05}.gz",
            rows=len(rows),
            size=len(packed),
            sha256=hashlib.sha256(packed).hexdigest(),
        )
        if not store.put_if_absent(folder + part.key, packed):
            raise StoreUnavailable(
                f"{store.url}/{folder} is there already: another backup began in this second.",
                hint="Run the same command again.",
            )
        return part

    with connection.cursor().copy(statement) as copy:
        for row in copy:  # a message a row
            rows.append(bytes(row))
            size += len(row)
            if size >= part_size:
                yield put()
                rows, size, number = [], 0, number + 1
    if rows:
        yield put()


def _count(connection: Connection, schema: str, name: str) -> int:
    row: tuple[Any, ...] | None = connection.execute(
        sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
    ).fetchone()
    assert row is not None
    return int(row[0])


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
