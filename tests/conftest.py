"""What tests share: a PostgreSQL of the session, an empty warehouse a test, an instance with the sample in it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.instance import Instance

from stocks.embedded import EmbeddedPostgres
from stocks.warehouse import Warehouse
from stocks.warehouse.migrate import migrate


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """Tests see no key, no store and no warehouse of the person who runs them, and no .env."""
    prefixes = ["STOCKS_", "ALPHAVANTAGE_", "DBT_", "PG"]
    if "STOCKS_TEST_S3_URL" not in os.environ:  # a server that was given to the tests has its credentials there
        prefixes.append("AWS_")
    ours = [name for name in os.environ if name.startswith(tuple(prefixes))]
    with pytest.MonkeyPatch.context() as patch:
        for name in ours:
            if not name.startswith("STOCKS_TEST_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server of the session."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")).running() as server:
        yield server


@pytest.fixture
def warehouse(postgres: EmbeddedPostgres) -> Iterator[Warehouse]:
    """A database of the test's own, migrated and empty."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = postgres.url("postgres").rsplit("/", 1)[0] + "/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} owner stocks_owner").format(sql.Identifier(name)))
        own = Warehouse(postgres.url().rsplit("/", 1)[0] + f"/{name}")
        migrate(own)
        yield own
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance with nothing in it yet."""
    return Instance.make(tmp_path / "state")


@pytest.fixture(scope="session")
def sample_instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """An instance with the whole sample in gold. Shared: read it, don't change it."""
    own = Instance.make(tmp_path_factory.mktemp("sample") / "state")
    ended = own.stocks("run", "--output", "json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return own
