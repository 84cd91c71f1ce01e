"""Databases for tests that need an empty one, or one for a whole module."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from psycopg import sql

from stocks.embedded import EmbeddedPostgres
from stocks.warehouse import Warehouse

NewDatabase = Callable[[], AbstractContextManager[Warehouse]]


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres) -> NewDatabase:
    """Makes a database with nothing in it, not even the schemas, and drops it in the end."""
    server = postgres.url().rsplit("/", 1)[0]
    as_superuser = postgres.url("postgres").rsplit("/", 1)[0] + "/postgres"

    @contextmanager
    def make() -> Iterator[Warehouse]:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(as_superuser, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {} owner stocks_owner").format(sql.Identifier(name)))
            yield Warehouse(f"{server}/{name}")
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    return make
