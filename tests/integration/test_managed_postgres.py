"""A PostgreSQL as a cloud gives it: TLS or nothing, a CA of its own, and a master user that is no superuser."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import connectorx
import psycopg
import pytest
from tests.certificates import Authority
from tests.conftest import copy_of
from tests.instance import Instance
from tests.tls_front import tls_front

from stocks.embedded import EmbeddedPostgres
from stocks.errors import ConfigError
from stocks.gold import environment
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.migrate import migrate
from stocks_dashboard.errors import SettingsWrong
from stocks_dashboard.warehouse import for_connectorx


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The server."""

    server: int
    """Port of the server behind."""
    port: int
    passwords: dict[str, str]
    ca: Path
    other_ca: Path

    def url(self, role: str, *, host: str = "127.0.0.1", ca: Path | None = None, sslmode: str = "verify-full") -> str:
        """Of a login, as the chart makes it."""
        query = f"sslmode={sslmode}&sslrootcert={quote(str(ca or self.ca))}"
        return f"postgresql://{role}:{self.passwords[role]}@{host}:{self.port}/stocks?{query}"


@pytest.fixture(scope="module")
def cloud(migrated_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Roles and database are made by its master user, over TLS, by the command that the chart's Job runs."""
    folder = tmp_path_factory.mktemp("cloud")
    authority = Authority("the cloud's")
    authority.issue("127.0.0.1", folder / "server.crt", folder / "server.key")
    server = EmbeddedPostgres(copy_of(migrated_state, folder / "state"))
    passwords = {role: secrets.token_hex(16) for role in ("master", *Role)}
    with server.running(), tls_front(server.port, folder / "server.crt", folder / "server.key") as port:
        with psycopg.connect(server.url("postgres"), dbname="postgres", autocommit=True) as connection:
            connection.execute("drop database stocks")
            for role in Role:
                connection.execute(f"drop role {role}")
            connection.execute(f"create role master login createrole createdb password '{passwords['master']}'")
        made = Cloud(
            server=server.port,
            port=port,
            passwords=passwords,
            ca=authority.write(folder / "ca.crt"),
            other_ca=Authority("someone else's").write(folder / "other.crt"),
        )
        logins = folder / "logins"
        logins.mkdir()
        for role in Role:
            (logins / role).write_text(made.url(role))
        as_master = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(made.port),
            "PGUSER": "master",
            "PGDATABASE": "postgres",
            "PGPASSWORD": passwords["master"],
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(made.ca),
        }
        for _ in range(2):  # it may be repeated
            ended = Instance.make(folder / "none").stocks(
                "bootstrap", "warehouse", "--logins", str(logins), **as_master
            )
            assert ended.returncode == 0, ended.stdout + ended.stderr
        migrate(Warehouse(made.url(Role.OWNER)))
        yield made


def test_without_tls_nobody_gets_in(cloud: Cloud) -> None:
    with pytest.raises(ConfigError, match="no encryption"):
        connect("psycopg", cloud.url(Role.READER, sslmode="disable"), cloud.ca.parent)


def connect(way: str, url: str, folder: Path) -> None:
    """Connects as each of those does that talk to a warehouse. Nobody gets in without TLS."""
    if way == "psycopg":
        with Warehouse(url).connect(Role.READER):
            return
    if way == "connectorx":
        assert len(connectorx.read_sql(for_connectorx(url), "select 1 as one", return_type="polars")) == 1
        return
    variables = {**environment(Warehouse(url)), "DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(folder)}
    ended = Instance.make(folder).run("dbt", "debug", "--connection", **variables)
    if ended.returncode:
        raise ConfigError(ended.stdout + ended.stderr)


@pytest.mark.parametrize("way", ["psycopg", "connectorx", "dbt"])
def test_what_the_url_says_of_tls_reaches_all_alike(way: str, cloud: Cloud, tmp_path: Path) -> None:
    connect(way, cloud.url(Role.OWNER), tmp_path)
    with pytest.raises((ConfigError, RuntimeError), match="certificate verify failed"):
        connect(way, cloud.url(Role.OWNER, ca=cloud.other_ca), tmp_path)


def test_a_certificate_for_another_host_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """By all but ConnectorX, which can't: the dashboard asks by psycopg first, and every three seconds."""
    with pytest.raises(ConfigError, match="does not match host name"):
        connect("psycopg", cloud.url(Role.READER, host="localhost"), tmp_path)
    for way in ("psycopg", "connectorx"):
        connect(way, cloud.url(Role.READER, host="localhost", sslmode="verify-ca"), tmp_path)


def test_a_pooler_that_drops_role_and_limits_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """PgBouncer with ignore_startup_parameters=options: a reader would be what its login is, and wait for ever."""
    server = cloud.server
    with tls_front(
        server, cloud.ca.with_name("server.crt"), cloud.ca.with_name("server.key"), keeps_options=False
    ) as port:
        pooled = replace(cloud, port=port).url(Role.OWNER)
        with pytest.raises(ConfigError, match="drops a connection's options"):
            connect("psycopg", pooled, tmp_path)
        connect("connectorx", pooled, tmp_path)  # the dashboard can live with it


def test_connectorx_is_never_told_to_trust_anybody() -> None:
    with pytest.raises(SettingsWrong, match="sslrootcert"):
        for_connectorx("postgresql://me@db.example/stocks?sslmode=verify-full")


def test_every_part_of_a_url_has_its_variable() -> None:
    url = (
        "postgresql://me:p%40ss@db.example:6432/prices?sslmode=verify-full&sslrootcert=/ca.crt&target_session_attrs=any"
    )
    found = environment(Warehouse(url))
    assert found["DBT_ENV_SECRET_PGPASSWORD"] == found["PGPASSWORD"] == "p@ss"
    named = {name: found[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT")}
    assert list(named.values()) == ["db.example", "6432", "me", "prices", "verify-full", "/ca.crt"]
    assert found["PGTARGETSESSIONATTRS"] == "any"
    assert (
        environment(Warehouse("postgresql://me@/prices")).items() >= {"PGHOST": "localhost", "PGPORT": "5432"}.items()
    )
