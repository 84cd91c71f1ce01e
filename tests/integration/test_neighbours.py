"""The warehouse among sessions, views and hands that are not the pipeline's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from tests.instance import Instance

from stocks.embedded import EmbeddedPostgres
from stocks.errors import WarehouseUnavailable
from stocks.warehouse import Warehouse, connection
from stocks.warehouse.query import read


@dataclass
class House:
    """An instance with gold for a ticker, and its server running."""

    instance: Instance
    server: EmbeddedPostgres

    def connect(self, role: str = "stocks_owner") -> psycopg.Connection:
        return psycopg.connect(self.server.url(role), application_name="neighbour")

    def impatient(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `stocks`, which waits for a lock for a second only."""
        script = (
            "from stocks.warehouse import connection; connection.LOCK_WAIT = 1; from stocks.cli import main; main()"
        )
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=self.instance.environment,
            cwd=self.instance.state.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    instance = Instance.make(tmp_path_factory.mktemp("neighbours") / "state")
    ended = instance.stocks("run", "--tickers", "FB", "--json")
    assert ended.returncode == 0, ended.stdout
    with EmbeddedPostgres(instance.state).running() as server:
        yield House(instance=instance, server=server)


def test_who_holds_a_lock_is_named(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_WAIT", 1)
    with psycopg.connect(warehouse.url, application_name="psql") as other:
        pid = other.info.backend_pid
        other.execute("lock table ops.run")
        with pytest.raises(WarehouseUnavailable, match="in vain") as caught:
            read(warehouse, "select * from ops.run")
    assert f"pid {pid} (stocks_owner, psql)" in caught.value.message
    assert "AccessExclusiveLock on ops.run" in caught.value.message
    assert "lock table ops.run" in caught.value.message
    assert "pg_terminate_backend" in caught.value.hint


def test_status_ends_where_somebody_holds_a_lock(house: House) -> None:
    with house.connect() as other:
        other.execute("lock table ops.run")
        ended = house.impatient("status", "--json")
    assert ended.returncode == 75, ended.stdout + ended.stderr
    assert "neighbour" in ended.stdout


@pytest.mark.slow
def test_build_ends_where_somebody_reads_what_it_replaces(house: House) -> None:
    with house.connect("stocks_reader") as other:
        pid = other.info.backend_pid
        other.execute("select count(*) from gold.dim_stock")
        assert house.instance.stocks("gold", "--json").returncode == 0  # what is read is gold_next's from here
        before = house.instance.gold()
        ended = house.impatient("gold", "--json")
    assert ended.returncode == 75, ended.stdout + ended.stderr
    assert f"pid {pid} (stocks_reader, neighbour)" in ended.stdout
    assert "gold_next.dim_stock" in ended.stdout
    assert house.instance.gold() == before
    assert house.instance.stocks("gold", "--json").returncode == 0
