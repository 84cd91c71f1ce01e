"""`stocks bootstrap warehouse`, on a server where nothing is there yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from stocks.embedded import EmbeddedPostgres
from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.bootstrap import bootstrap
from stocks.warehouse.migrate import migrate

DATABASE = "bootstrapped"


@pytest.fixture
def superuser(postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """The session's server, as the Job in the cluster finds its own; the roles' passwords are put back afterwards."""
    parts = psycopg.conninfo.conninfo_to_dict(postgres.url("postgres"))
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"PG{name.upper()}", str(parts[name]))
    monkeypatch.setenv("PGDATABASE", "postgres")
    with psycopg.connect(autocommit=True) as connection:
        before = connection.execute("select rolname, rolpassword from pg_authid where rolname = any(%s)", [list(Role)])
        kept = before.fetchall()
        yield connection
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))
        for role, verifier in kept:
            statement = sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier))
            connection.execute(statement)


def logins(folder: Path, postgres: EmbeddedPostgres, password: str, database: str = DATABASE) -> dict[Role, str]:
    """Writes a file a login, as a projected Secret shows them."""
    (folder / "..data").mkdir(exist_ok=True)
    urls = {role: f"postgresql://{role}:{password}-{role}@127.0.0.1:{postgres.port}/{database}" for role in Role}
    for role, url in urls.items():
        (folder / role.name.lower()).write_text(url)
    return urls


def test_after_it_the_owner_can_migrate_and_the_reader_only_read(
    superuser: psycopg.Connection, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    urls = logins(tmp_path, postgres, "first")
    assert bootstrap(tmp_path) == DATABASE
    assert migrate(Warehouse(urls[Role.OWNER]))
    with psycopg.connect(urls[Role.READER], autocommit=True) as connection:
        assert connection.execute("select count(*) from silver.price_bar").fetchone() == (0,)
        for statement in ("delete from silver.bar", "create schema mine", "set role stocks_writer"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_text_is_the_same_on_every_server(
    superuser: psycopg.Connection, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    urls = logins(tmp_path, postgres, "first")
    bootstrap(tmp_path)
    with psycopg.connect(urls[Role.READER]) as connection:
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
        words = connection.execute("select array_agg(w order by w), upper('é') from unnest(array['b', 'B', 'a']) w")
        assert words.fetchone() == (["B", "a", "b"], "É")


def test_again_it_keeps_the_data_and_takes_new_passwords(
    superuser: psycopg.Connection, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    old = logins(tmp_path, postgres, "first")
    bootstrap(tmp_path)
    migrate(Warehouse(old[Role.OWNER]))
    new = logins(tmp_path, postgres, "second")
    bootstrap(tmp_path)
    assert migrate(Warehouse(new[Role.OWNER])) == []
    with (
        pytest.raises(ConfigError, match="password authentication failed"),
        Warehouse(old[Role.OWNER]).connect(Role.OWNER),
    ):
        pass


def test_logins_that_do_not_belong_together_are_refused(
    superuser: psycopg.Connection, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    logins(tmp_path, postgres, "first")
    (tmp_path / "reader").write_text(f"postgresql://stocks_reader:x@127.0.0.1:{postgres.port}/another")
    with pytest.raises(ConfigError, match="logins of one database"):
        bootstrap(tmp_path)
    (tmp_path / "reader").unlink()
    with pytest.raises(ConfigError, match="logins of one database"):
        bootstrap(tmp_path)


def test_a_server_that_is_not_there_is_a_passing_fault(
    superuser: psycopg.Connection, postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins(tmp_path, postgres, "first")
    monkeypatch.setenv("PGPORT", "1")
    with pytest.raises(WarehouseUnavailable, match="can't be reached"):
        bootstrap(tmp_path)
