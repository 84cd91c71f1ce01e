"""A warehouse with the sample in gold, built by plain dbt; each test module may change a copy of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests import forked
from tests.conftest import Once
from tests.instance import copy_of
from tests.silver import WRITABLE
from tests.sources import open_source

from stocks.bronze import open_bronze
from stocks.bronze.extract import extract, plan
from stocks.cli.report import JsonReporter
from stocks.embedded import EmbeddedPostgres
from stocks.gold import environment
from stocks.settings import Settings
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.migrate import migrate
from stocks.warehouse.normalize import normalize
from stocks.warehouse.sources import write_sources


@dataclass(frozen=True, kw_only=True)
class SampleWarehouse:
    """A database with the sample in silver and in gold."""

    dsn: str
    schema: str
    target: Path

    def dbt(self, command: str, *arguments: str, again: bool = True) -> dict[str, tuple[str, int]]:
        """Runs dbt; gives status and failures of each node by its name.

        Args:
            command: Of dbt.
            arguments: Of the command.
            again: Leave out what no bar changes and the first build has done: seeds, and tests of models on rows of
                their own.
        """
        done = [f"--exclude-resource-type={kind}" for kind in ("seed", "unit_test") if again and command == "build"]
        ended = forked.run(
            "dbt",
            ["--quiet", command, *arguments, *done, "--target-path", str(self.target)],
            env={**os.environ, **environment(Warehouse(self.dsn)), "DBT_LOG_PATH": str(self.target / "logs")},
            cwd=Path.cwd(),
        )
        assert ended.returncode in (0, 1), ended.stdout + ended.stderr
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        return {
            result["unique_id"].split(".")[2 if not result["unique_id"].startswith("unit_test") else 3]: (
                result["status"],
                result["failures"] or 0,
            )
            for result in results
        }

    def copy_goog(self, *symbols: str, weeks: int = 0, since: str = "2012-03-01") -> None:
        """Puts GOOG's bars since a day (without a dividend or a split) into silver under other names.

        Args:
            symbols: The names.
            weeks: How far the bars are moved: weekdays stay weekdays.
            since: The first day, before it is moved.
        """
        with psycopg.connect(self.dsn) as connection:
            for copied in (_COPY_ANSWERS, _COPY_BARS):
                connection.execute(copied, {"symbols": list(symbols), "weeks": weeks, "since": since})


_COPY_BARS = """
insert into silver.price_bar
select
    name, interval, price_date + 7 * %(weeks)s, open, high, low, close, adjusted_close, volume, dividend_amount,
    split_coefficient, is_final, source, 'copy/' || name, observed_at + 7 * %(weeks)s * interval '1 day'
from silver.price_bar cross join unnest(%(symbols)s::text[]) as name
where symbol = 'GOOG' and interval = 'daily' and price_date >= %(since)s
"""
_COPY_ANSWERS = """
insert into ops.bronze_object
    (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_inserted, changed_from)
select
    'copy/' || name, name, 'daily', 'sample', 'TIME_SERIES_DAILY_ADJUSTED',
    timestamptz '2013-03-01 23:00Z' + 7 * %(weeks)s * interval '1 day', 'loaded', 1, %(since)s::date + 7 * %(weeks)s
from unnest(%(symbols)s::text[]) as name
"""


def _database(server: EmbeddedPostgres, name: str, template: str) -> str:
    """Makes a database; gives its owner's URL."""
    with psycopg.connect(server.url("postgres"), dbname="postgres", autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} owner stocks_owner").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return server.url().rsplit("/", 1)[0] + f"/{name}"


def _build_sample(folder: Path) -> None:
    """Makes a state folder whose server has the sample in a database of that name, and dbt's target beside it."""
    with EmbeddedPostgres(folder / "state").running() as server:
        made = SampleWarehouse(dsn=_database(server, "sample", "template1"), schema="gold", target=folder / "target")
        warehouse = Warehouse(made.dsn)
        migrate(warehouse)
        bronze = open_bronze(Settings(_env_file=None, stocks_state_dir=folder))
        with open_source(Settings(_env_file=None, stocks_source="sample")) as source:
            tickers = plan([source])
            extract([source], bronze, tickers, report=JsonReporter())
        assert not normalize(bronze, warehouse, tickers, report=JsonReporter()).errors
        with warehouse.connect(Role.WRITER) as connection:
            write_sources(connection, ["sample"])
        with psycopg.connect(made.dsn) as connection:
            connection.execute(WRITABLE.encode())
        built = made.dbt("build", again=False).items()
    assert {node for node, (status, _) in built if status not in ("success", "pass", "warn", "no-op")} == set()


@pytest.fixture(scope="session")
def sample_folder(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This worker's copy of what `_build_sample` makes."""
    return copy_of(once("dbt", _build_sample), tmp_path_factory.mktemp("dbt") / "sample")


@pytest.fixture(scope="session")
def sample_server(sample_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server with the database `sample`, to be copied: nobody may be connected to it."""
    with EmbeddedPostgres(sample_folder / "state").running() as server:
        yield server


@pytest.fixture(scope="module")
def sample_warehouse(sample_server: EmbeddedPostgres, sample_folder: Path) -> Iterator[SampleWarehouse]:
    """A copy of the sample's database, this module's own."""
    name = "changed"  # the same for each module: dbt's saved parse holds for a name
    yield SampleWarehouse(dsn=_database(sample_server, name, "sample"), schema="gold", target=sample_folder / "target")
    with psycopg.connect(sample_server.url("postgres"), dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
