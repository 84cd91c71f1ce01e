"""Numbered SQL migrations, applied in order, each once and in one transaction."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from stocks.errors import ConfigError
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
grant usage on schema migration to stocks_reader;
grant select on migration.applied to stocks_reader;
"""


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


def migrations() -> list[Migration]:
    """The migrations that this version of the code brings, in order."""
    files = [f for f in (resources.files("stocks.warehouse") / "migrations").iterdir() if f.name.endswith(".sql")]
    found = []
    for file in files:
        version, _, name = file.name.removesuffix(".sql").partition("_")
        found.append(Migration(version=int(version), name=name, statements=file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def migrate(warehouse: Warehouse) -> list[Migration]:
    """Brings the warehouse to this code's version; gives the migrations that it applied.

    Raises:
        ConfigError: A migration that was applied has changed, or the warehouse is newer than the code.
    """
    with warehouse.connect(Role.OWNER) as connection:
        missing = _missing(connection)
        if not missing:
            return []
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            connection.execute(_LEDGER)
            missing = _missing(connection)  # again, now that no other process is at it
            for migration in missing:
                connection.execute(migration.statements.encode())
                connection.execute(
                    "insert into migration.applied (version, name, checksum) values (%s, %s, %s)",
                    [migration.version, migration.name, migration.checksum],
                )
        return missing


def check_version(warehouse: Warehouse) -> None:
    """Makes sure that the warehouse has this code's version.

    Raises:
        ConfigError: It has not; says what to do.
    """
    with warehouse.connect(Role.READER) as connection:
        if missing := _missing(connection):
            raise ConfigError(
                f"The warehouse {warehouse} lacks the migration {missing[0].version:04d}_{missing[0].name}.",
                hint="Run `stocks migrate` with the owner's URL.",
            )


@contextlib.contextmanager
def open_migrated(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse that STOCKS_WAREHOUSE_URL names.

    Raises:
        ConfigError: None is set, or it lacks a migration of this code's.
        WarehouseUnavailable: It can't be reached.
    """
    if settings.stocks_warehouse_url is None:
        raise ConfigError("There is no warehouse.", hint="Set STOCKS_WAREHOUSE_URL.")
    warehouse = Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait)
    check_version(warehouse)
    yield warehouse


def _missing(connection: Connection) -> list[Migration]:
    known = migrations()
    row = connection.execute("select to_regclass('migration.applied') is not null").fetchone()
    if not row or not row[0]:
        return known
    applied: dict[int, str] = dict(connection.execute("select version, checksum from migration.applied").fetchall())
    if newer := sorted(set(applied) - {migration.version for migration in known}):
        raise ConfigError(
            f"The warehouse has migration {newer[-1]:04d}, which this version of the code does not know.",
            hint="Run the newer version.",
        )
    for migration in known:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise ConfigError(
                f"The migration {migration.version:04d}_{migration.name} was applied, and changed since.",
                hint="Put its file back, and say what is new in a migration of its own.",
            )
    return [migration for migration in known if migration.version not in applied]
