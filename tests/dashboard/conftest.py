"""What tests of the dashboard share: the sample in gold, a copy of it to change, pages to run."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import streamlit as st
from psycopg import sql
from streamlit.testing.v1 import AppTest
from tests.dashboard.serving import SCRIPT
from tests.instance import copy_of

from stocks.embedded import EmbeddedPostgres

SECONDS = 60

OpenPage = Callable[..., AppTest]


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A database of the test's own, with the sample in gold."""

    owner: str
    reader: str

    def change(self, *statements: str) -> None:
        """Runs statements as the owner of everything."""
        with psycopg.connect(self.owner, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture(scope="session")
def gold_server(sample_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that has the sample in gold. Not `sample_instance`: other tests see its server start and stop."""
    with EmbeddedPostgres(copy_of(sample_state, tmp_path_factory.mktemp("gold") / "state")).running() as server:
        yield server


@pytest.fixture(scope="session")
def gold_url(gold_server: EmbeddedPostgres) -> str:
    """The sample's gold, for a login that may only read. Shared."""
    return gold_server.url("stocks_reader")


@pytest.fixture
def gold_copy(gold_server: EmbeddedPostgres) -> Iterator[Copy]:
    """The sample's gold, to change."""
    name = f"copy_{uuid.uuid4().hex[:12]}"
    admin = gold_server.url("postgres").rsplit("/", 1)[0]
    with psycopg.connect(f"{admin}/postgres", autocommit=True) as connection:
        # A template must have no visitors, and a pool of ConnectorX may still be closing.
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'stocks'")
        connection.execute(sql.SQL("create database {} template stocks").format(sql.Identifier(name)))
        yield Copy(owner=f"{admin}/{name}", reader=f"{gold_server.url('stocks_reader').rsplit('/', 1)[0]}/{name}")
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Opens a page of the dashboard as a visitor would, on a warehouse; every test begins with an empty cache."""

    def opened(url: str | None, page: str = "", **parameters: str | list[str]) -> AppTest:
        if url is None:
            monkeypatch.delenv("STOCKS_WAREHOUSE_URL", raising=False)
        else:
            monkeypatch.setenv("STOCKS_WAREHOUSE_URL", url)
        app = AppTest.from_file(SCRIPT, default_timeout=SECONDS)
        if page:
            app.run()
            # AppTest.switch_page knows pages by their files; ours are functions (streamlit#16611).
            app._page_hash = next(key for key, each in app._registered_pages.items() if each["url_pathname"] == page)
        for name, value in parameters.items():
            app.query_params[name] = value
        return app.run()

    st.cache_data.clear()
    yield opened
    st.cache_data.clear()
