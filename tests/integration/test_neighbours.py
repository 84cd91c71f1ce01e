"""The warehouse among sessions, views and hands that are not the pipeline's own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import NewInstance
from tests.instance import Instance

from stocks.embedded import EmbeddedPostgres
from stocks.errors import WarehouseUnavailable
from stocks.gold import environment
from stocks.warehouse import Role, Warehouse, connection
from stocks.warehouse.connection import connect_within
from stocks.warehouse.load import lock_symbols
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
            "from stocks.warehouse import connection; connection.LOCK_WAIT = connection.TURN_WAIT = 1;"
            "from stocks.cli import main; main()"
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
def house(new_instance: NewInstance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    instance = new_instance(tmp_path_factory.mktemp("neighbours") / "state")
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


def test_who_holds_a_turn_is_named(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_WAIT", 1)
    with psycopg.connect(warehouse.url, application_name="psql") as other, other.transaction():
        lock_symbols(other, ["IBM"])
        with (
            pytest.raises(WarehouseUnavailable, match=rf"pid {other.info.backend_pid} .*ExclusiveLock on a turn"),
            warehouse.connect(Role.WRITER) as own,
            own.transaction(),
        ):
            lock_symbols(own, ["IBM"])


LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def limits_of(own: psycopg.Connection[Any]) -> list[str]:
    return [own.execute(f"show {name}".encode()).fetchone()[0] for name in LIMITS]  # type: ignore[index]


def test_every_connection_has_limits(warehouse: Warehouse) -> None:
    expected = ["1min", "1h", "10min"]
    for role in Role:
        with warehouse.connect(role) as own:
            assert limits_of(own) == expected
    with connect_within(0, warehouse.url) as own:
        assert limits_of(own) == expected
    for schema in (None, "gold_next"):  # dbt and psql, by a person or in a build
        with psycopg.connect(warehouse.url, options=environment(warehouse, schema=schema)["PGOPTIONS"]) as own:
            assert limits_of(own) == expected
    # Nothing of ours connects in another way but the dashboard, whose pages have shorter limits.
    root = Path(__file__).parents[2]
    sources = [
        path for folder in ("images", "dashboard/src", "charts", "tools") for path in (root / folder).rglob("*.py")
    ]
    by_hand = {path for path in sources if "psycopg.connect(" in path.read_text()}
    assert {path.relative_to(root).as_posix() for path in by_hand} == {
        "images/pipeline/src/stocks/warehouse/connection.py",
        "dashboard/src/stocks_dashboard/warehouse.py",
        "tools/bench/stages.py",  # what it times may take long
    }


def test_a_statement_that_takes_too_long_is_ended(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STATEMENT_WAIT", 1)
    with pytest.raises(WarehouseUnavailable, match="ended a statement: canceling statement due to statement timeout"):
        read(warehouse, "select pg_sleep(60)::text")


def test_status_ends_where_somebody_holds_a_lock(house: House) -> None:
    with house.connect() as other:
        other.execute("lock table ops.run")
        ended = house.impatient("status", "--json")
    assert ended.returncode == 75, ended.stdout + ended.stderr
    assert "neighbour" in ended.stdout


@pytest.mark.slow
def test_who_reads_gold_holds_up_no_build_but_one_that_replaces_its_tables(house: House) -> None:
    with house.connect("stocks_reader") as other:
        pid = other.info.backend_pid
        other.execute("select count(*) from gold.dim_stock")
        assert house.instance.stocks("gold", "--json").returncode == 0
        before = house.instance.gold()
        ended = house.impatient("gold", "--full-refresh", "--json")
    assert ended.returncode == 75, ended.stdout + ended.stderr
    assert f"pid {pid} (stocks_reader, neighbour)" in ended.stdout
    assert "gold.dim_stock" in ended.stdout
    assert re.search(r" since 20\d\d-\d\d-\d\d [\d:+]+: select count\(\*\) from gold.dim_stock", ended.stdout)
    assert house.instance.gold() == before
    assert house.instance.stocks("gold", "--full-refresh", "--json").returncode == 0


@pytest.mark.parametrize(("lock", "work"), [("run", "run"), ("gold", "build of gold")])
def test_whoever_does_not_end_is_named_and_not_waited_for_without_end(lock: str, work: str, house: House) -> None:
    with house.connect() as other:
        other.execute("select pg_advisory_lock(%s)", [int.from_bytes(lock.encode())])
        ended = house.impatient("gold", "--json")
        (since,) = other.execute(
            "select backend_start::timestamptz(0)::text from pg_stat_activity where pid = pg_backend_pid()"
        ).fetchone() or ("",)
        told = f"pid {other.info.backend_pid} (stocks_owner, neighbour) since {since}"
    assert ended.returncode == 75, ended.stdout + ended.stderr
    assert f"Another {work} is at work on this warehouse, {told}: waiting" in ended.stdout
    assert f"Another {work} is still at work on this warehouse after 1 s, {told}." in ended.stdout


@pytest.mark.slow
def test_gold_is_readable_after_its_schemas_were_dropped(house: House) -> None:
    before = house.instance.gold()
    for dropped in ("gold_next", "gold"):
        with house.connect() as own:
            own.execute(f"drop schema {dropped} cascade".encode())
        ended = house.instance.stocks("gold", "--json")
        assert ended.returncode == 0, ended.stdout
        assert house.instance.gold() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "dropped", ["schema gold", "schema gold, gold_next", "table gold.dim_date", "view gold.restatements"]
)
def test_gold_that_somebody_dropped_is_due(dropped: str, house: House) -> None:
    before = house.instance.gold()
    with house.connect() as own:
        own.execute(f"drop {dropped} cascade".encode())
    for gold_is_due in (True, False):
        ended = house.instance.stocks("run", "--tickers", "FB", "--json")
        assert ended.returncode == 0, ended.stdout
        assert ("gold published" in ended.stdout) == gold_is_due, ended.stdout
        assert house.instance.gold() == before


@pytest.mark.slow
def test_view_of_somebody_follows_gold(house: House) -> None:
    with house.connect() as own:
        own.execute("create schema mine")
        own.execute("create view mine.stocks as select symbol, company_name from gold.dim_stock")
        own.execute("create view mine.names as select company_name from mine.stocks")
    try:
        for options in ([], ["--full-refresh"]):
            assert house.instance.stocks("gold", *options, "--json").returncode == 0
            with house.connect() as own:
                assert own.execute("select pg_get_viewdef('mine.stocks'::regclass)").fetchone() == (
                    " SELECT symbol,\n    company_name\n   FROM gold.dim_stock;",
                )
                assert own.execute("select count(*) > 0 from mine.names").fetchone() == (True,)
    finally:
        with house.connect() as own:
            own.execute("drop schema mine cascade")


@pytest.mark.slow
@pytest.mark.parametrize(
    "view",
    [
        "materialized view mine.v as select * from gold.dim_stock",
        # What a build that failed has left there.
        "table gold_next.left_over as select 1 as n; create view mine.v as table gold_next.left_over",
    ],
)
def test_view_that_cant_follow_stops_a_build(view: str, house: House) -> None:
    before = house.instance.gold()
    with house.connect() as own:
        own.execute("create schema mine")
        own.execute(f"create {view}".encode())
    try:
        ended = house.instance.stocks("gold", "--full-refresh", "--json")
        assert ended.returncode == 78, ended.stdout + ended.stderr
        assert "mine.v" in ended.stdout
        assert house.instance.gold() == before
        with house.connect() as own:
            assert own.execute("select count(*) > 0 from mine.v").fetchone() == (True,)
    finally:
        with house.connect() as own:
            own.execute("drop schema mine cascade")


@pytest.mark.parametrize(
    "statement",
    [
        "select set_config('role', 'stocks_owner', false), pg_terminate_backend({pid})",
        "select set_config('role', 'none', false), pg_terminate_backend({pid})",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "do $$ begin perform pg_advisory_xact_lock(1); end $$",
    ],
)
@pytest.mark.parametrize("is_owners", [False, True], ids=["reader", "owner"])
def test_query_ends_no_run_and_holds_none_up(statement: str, is_owners: bool, house: House) -> None:
    url = {"STOCKS_WAREHOUSE_URL": house.server.url("stocks_owner")} if is_owners else {}
    with house.connect() as run:
        ended = house.instance.stocks("query", statement.format(pid=run.info.backend_pid), **url)
        assert run.execute("select session_user::text").fetchone() == ("stocks_owner",)
    assert ended.returncode == 78, ended.stdout + ended.stderr
    refusals = ["permission denied"]
    if is_owners:  # what the reader's functions don't take, or refuse
        refusals += ["cannot set parameter", "gives no rows", "is of the type void"]
    assert any(words in ended.stderr for words in refusals), ended.stderr


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("alter table ops.run rename to gone", "alter table ops.gone rename to run"),
        ("alter table ops.run rename message to gone", "alter table ops.run rename gone to message"),
        ("alter schema ops rename to gone", "alter schema gone rename to ops"),
        ("alter schema migration rename to gone", "alter schema gone rename to migration"),
    ],
)
def test_what_was_dropped_by_hand_is_a_config_error(change: str, undo: str, house: House) -> None:
    with house.connect() as own:
        own.execute(change.encode())
    try:
        ended = house.instance.stocks("run", "--tickers", "FB", "--json")
    finally:
        with house.connect() as own:
            own.execute("drop schema if exists migration" if "migration" in change else "select 1")
            own.execute(undo.encode())
    assert ended.returncode == 78, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
