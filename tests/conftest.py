"""What tests share: a PostgreSQL of the session, an empty warehouse a test, an instance with the sample in it.

What takes long to make is made once, and copied for each who wants it: state folders whose server is stopped, and
databases by `create database ... template`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from hypothesis import settings
from psycopg import sql
from tests.instance import Instance, copy_of

from stocks.embedded import EmbeddedPostgres
from stocks.gold.environment import BUILD_SCHEMA, NO_CONNECTION
from stocks.settings import project_folder
from stocks.warehouse import Warehouse
from stocks.warehouse.migrate import migrate

settings.register_profile("tests", deadline=None)  # speed is measured by benchmarks, never by a test
settings.load_profile("tests")

Once = Callable[[str, Callable[[Path], object]], Path]
NewInstance = Callable[[Path], Instance]


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
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder once for all workers of the session: the first who asks makes it, the others wait for it.

    Servers whose state is in it forget their port: copies would start at the same one, in the same moment.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, begun = shared / name, shared / f"{name}-begun"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                shutil.rmtree(begun, ignore_errors=True)  # of a worker that failed
                begun.mkdir()
                make(begun)
                for port in begun.glob("**/postgres/port"):
                    port.unlink()
                begun.rename(folder)
        return folder

    return made


@pytest.fixture(scope="session")
def migrated_state(once: Once) -> Path:
    """A state folder with an empty warehouse at this code's version, its server stopped. Shared: copy it."""

    def make(state: Path) -> None:
        with EmbeddedPostgres(state).running() as server:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                # Tests kill processes, never the machine: nothing is lost.
                connection.execute("alter system set fsync = off")
            migrate(Warehouse(server.url()))

    return once("migrated", make)


@pytest.fixture(scope="session")
def sample_state(once: Once) -> Path:
    """A state folder with the whole sample in gold, made from nothing by `stocks run`. Shared: copy it."""

    def make(folder: Path) -> None:
        ended = Instance.make(folder / "state").stocks("run", "--output", "json")
        assert ended.returncode == 0, ended.stdout + ended.stderr

    return once("sample", make) / "state"


@pytest.fixture(scope="session")
def postgres(migrated_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server of the session; its database `migrated` is the template of others."""
    with EmbeddedPostgres(copy_of(migrated_state, tmp_path_factory.mktemp("postgres") / "state")).running() as server:
        with psycopg.connect(server.url("postgres"), dbname="postgres", autocommit=True) as connection:
            connection.execute("create database migrated template stocks")
        yield server


@pytest.fixture
def warehouse(postgres: EmbeddedPostgres) -> Iterator[Warehouse]:
    """A database of the test's own, migrated and empty."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("create database {} owner stocks_owner template migrated").format(sql.Identifier(name))
    with psycopg.connect(postgres.url("postgres"), dbname="postgres", autocommit=True) as connection:
        connection.execute(create)
        yield Warehouse(postgres.url().rsplit("/", 1)[0] + f"/{name}")
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def lean_project(once: Once) -> Path:
    """The dbt project with New York's holidays alone, and without the tests of models on rows of their own.

    All of these are half of a build, and are asked where the whole sample is built.
    """
    original = project_folder()

    def make(folder: Path) -> None:
        shutil.copytree(original, folder, ignore=shutil.ignore_patterns("target", "logs"), dirs_exist_ok=True)
        for path in folder.glob("models/**/*.yml"):
            described = yaml.safe_load(path.read_text())
            if described.pop("unit_tests", None):
                path.write_text(yaml.safe_dump(described, sort_keys=False))
        seed = folder / "seeds" / "exchange_holiday.csv"
        header, *rows = seed.read_text().splitlines(keepends=True)
        seed.write_text(header + "".join(row for row in rows if row.startswith("XNYS,")))

    return once("project", make)


@pytest.fixture(scope="session")
def new_instance(once: Once, migrated_state: Path, lean_project: Path) -> NewInstance:
    """Makes an instance with nothing in it yet, over the lean project, which dbt has parsed."""
    project = {name: str(lean_project) for name in ("DBT_PROJECT_DIR", "DBT_PROFILES_DIR")}

    def make(folder: Path) -> None:
        variables = {**NO_CONNECTION, "PGDATABASE": "stocks", "STOCKS_GOLD_SCHEMA": BUILD_SCHEMA, **project}
        folders = ["--target-path", str(folder), "--log-path", str(folder)]
        ended = Instance.make(folder).run("dbt", "--quiet", "parse", *folders, **variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    saved = once("parsed", make) / "partial_parse.msgpack"
    variables = {"DBT_PROJECT_DIR": str(lean_project), "DBT_PARTIAL_PARSE_FILE_PATH": str(saved)}
    return lambda place: Instance.make(copy_of(migrated_state, place), **variables)


@pytest.fixture
def instance(new_instance: NewInstance, tmp_path: Path) -> Instance:
    """An instance with nothing in it yet."""
    return new_instance(tmp_path / "state")


@pytest.fixture(scope="session")
def sample_instance(sample_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """An instance with the whole sample in gold. Shared: read it, don't change it."""
    return Instance.make(copy_of(sample_state, tmp_path_factory.mktemp("sample") / "state"))
