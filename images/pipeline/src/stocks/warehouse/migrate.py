"""Numbered SQL migrations, applied in order, each once and in one transaction.

A migration says with which older code it can be lived with, so that pods of the release before go on while a new one is
rolled out, and one can be rolled back: docs/upgrade.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.settings import Settings
from stocks.warehouse.connection import Connection, Role, Warehouse

_LOCK = 0x73746F636B73  # "stocks": only one process migrates at a time
_LEDGER = """
create schema if not exists migration;
create table if not exists migration.applied (
    version    integer     not null primary key,
    name       text        not null,
    checksum   text        not null,
    applied_at timestamptz not null default now()
);
alter table migration.applied add column if not exists lives_with integer;
comment on column migration.applied.lives_with is
'Code that knows this migration can live with the one of the row; null: only code that knows that one.';
grant usage on schema migration to stocks_reader;
grant select on migration.applied to stocks_reader;
"""


_LIVES_WITH = re.compile(r"^-- Code of (\d{4}) lives with this\.$", re.MULTILINE)
_PAUSE = 0.5  # seconds between two looks


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A file `NNNN_name.sql` of the folder migrations."""

    version: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file: a migration that was applied must not change."""
        return hashlib.sha256(self.statements.encode()).hexdigest()

    @property
    def lives_with(self) -> int:
        """The newest migration that code must know to work after this one: its own where the file doesn't say."""
        said = _LIVES_WITH.search(self.statements)
        return int(said[1]) if said else self.version


def migrations() -> list[Migration]:
    """The migrations that this version of the code brings, in order."""
    files = [f for f in (resources.files("stocks.warehouse") / "migrations").iterdir() if f.name.endswith(".sql")]
    found = []
    for file in files:
        version, _, name = file.name.removesuffix(".sql").partition("_")
        found.append(Migration(version=int(version), name=name, statements=file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def migrate(warehouse: Warehouse, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Brings the warehouse to this code's version; gives the migrations that it applied.

    Args:
        warehouse: To migrate.
        known: The migrations that there are; this code's where None.

    Raises:
        ConfigError: A migration that was applied has changed, or the warehouse is too new for the code.
    """
    known = known or migrations()
    with warehouse.connect(Role.OWNER) as connection:
        missing = _missing(connection, known)
        if not missing:
            return []
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            connection.execute(_LEDGER)
            missing = _missing(connection, known)  # again, now that no other process is at it
            _apply(connection, missing)
        return missing


@contextlib.contextmanager
def remake(connection: Connection, version: int) -> Iterator[None]:
    """Makes the schemas of an empty warehouse anew as an earlier version had them, and brings them on in the end.

    Args:
        connection: Of the owner, in a transaction.
        version: The newest migration that the warehouse shall have within the context.

    Raises:
        ConfigError: This code does not know it.
    """
    known = migrations()
    if version not in {migration.version for migration in known}:
        raise ConfigError(
            f"The backup is of a warehouse with migration {version:04d}, which this version of the code does not know.",
            hint="Run the newer version.",
        )
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
    connection.execute("drop schema if exists silver, ops, gold, gold_next, snapshots, migration cascade")
    connection.execute(_LEDGER)
    _apply(connection, [migration for migration in known if migration.version <= version])
    yield
    _apply(connection, [migration for migration in known if migration.version > version])


def _apply(connection: Connection, wanted: Iterable[Migration]) -> None:
    for migration in wanted:
        connection.execute(migration.statements.encode())
        connection.execute(
            "insert into migration.applied (version, name, checksum, lives_with) values (%s, %s, %s, %s)",
            [migration.version, migration.name, migration.checksum, migration.lives_with],
        )


def check_version(warehouse: Warehouse, known: Sequence[Migration] | None = None, *, wait: float = 0) -> None:
    """Makes sure that this code can work with the warehouse.

    Args:
        warehouse: To look at.
        known: The migrations that the code knows; this code's where None.
        wait: Seconds in which a missing migration may still come: pods of a new release may be there before the Job
            that migrates.

    Raises:
        ConfigError: It was never migrated, or is too new for the code; says what to do.
        WarehouseUnavailable: It is older than the code, which passes when it is migrated.
    """
    known = known or migrations()
    until = time.monotonic() + wait
    with warehouse.connect(Role.READER) as connection:
        while missing := _missing(connection, known):
            if time.monotonic() >= until:
                first = missing[0]
                kind = ConfigError if first is known[0] else WarehouseUnavailable
                raise kind(
                    f"The warehouse {warehouse} lacks the migration {first.version:04d}_{first.name}.",
                    hint="Run `stocks migrate` with the owner's URL.",
                )
            time.sleep(_PAUSE)


@contextlib.contextmanager
def open_migrated(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse that STOCKS_WAREHOUSE_URL names.

    Raises:
        ConfigError: None is set, it was never migrated, or it is too new for this code.
        WarehouseUnavailable: It can't be reached, or lacks a migration of this code's.
    """
    if settings.stocks_warehouse_url is None:
        raise ConfigError("There is no warehouse.", hint="Set STOCKS_WAREHOUSE_URL.")
    warehouse = Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait)
    check_version(warehouse, wait=settings.stocks_connect_wait)
    yield warehouse


def _missing(connection: Connection, known: Sequence[Migration]) -> list[Migration]:
    row = connection.execute("select to_regclass('migration.applied') is not null").fetchone()
    if not row or not row[0]:
        return list(known)
    # The ledger of a warehouse of before has no column lives_with.
    applied = connection.execute(
        "select version, checksum, coalesce((to_jsonb(a) ->> 'lives_with')::int, version) from migration.applied as a"
    ).fetchall()
    newest = known[-1].version
    if too_new := [version for version, _, lives_with in applied if version > newest and lives_with > newest]:
        raise ConfigError(
            f"The warehouse has migration {max(too_new):04d}, which this version of the code can't live with.",
            hint="Run the newer version.",
        )
    checksums: dict[int, str] = {version: checksum for version, checksum, _ in applied}
    for migration in known:
        if checksums.get(migration.version, migration.checksum) != migration.checksum:
            raise ConfigError(
                f"The migration {migration.version:04d}_{migration.name} was applied, and changed since.",
                hint="Put its file back, and say what is new in a migration of its own.",
            )
    return [migration for migration in known if migration.version not in checksums]
