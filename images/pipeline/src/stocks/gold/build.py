"""Builds gold: write beside, audit, publish.

dbt builds and tests in the schema gold_next. When every test of severity error has passed, the two schemas
swap names in one transaction: readers see the old gold or the new one, whole, and never one whose tests
failed. gold_next then holds the build before; its incremental models catch up from their own newest rows.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from stocks.errors import ConfigError, TestsFailed, WarehouseUnavailable
from stocks.gold.dbt import NodeResult, Progress, environment, lost_connection, run_dbt
from stocks.universe import project_folder
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import Connection
from stocks.warehouse.query import Rows

BUILD_SCHEMA = "gold_next"
_LOCK = 0x676F6C64  # "gold": one build at a time
_ROWS_SHOWN = 5

_PUBLISH = """
alter schema gold rename to gold_before;
alter schema gold_next rename to gold;
alter schema gold_before rename to gold_next;
"""


@dataclass(frozen=True, kw_only=True)
class GoldBuild:
    """What a build did."""

    results: list[NodeResult] = field(default_factory=list)

    @property
    def models(self) -> int:
        """Models, seeds and snapshots that were built; an exposure only stands in the graph."""
        return sum(1 for result in self.results if result.status == "success")

    @property
    def tests(self) -> int:
        """Tests that passed, warnings included."""
        return sum(1 for result in self.results if result.is_test)

    @property
    def warnings(self) -> list[NodeResult]:
        """Tests of severity warn that found rows."""
        return [result for result in self.results if result.status == "warn"]


def is_current(warehouse: Warehouse) -> bool:
    """Whether the published gold has seen all that silver holds, and was built by this dbt project.

    Where nothing was ever loaded there is nothing to build either.
    """
    with warehouse.connect(Role.READER) as connection:
        row = connection.execute(
            """
            select load_id, fingerprint from ops.gold_build
            where published_at is not null order by build_id desc limit 1
            """
        ).fetchone()
        newest = _newest_load(connection)
        return newest == 0 if row is None else row == (newest, fingerprint())


def build_gold(
    warehouse: Warehouse,
    *,
    run_id: uuid.UUID,
    artifacts: Path,
    progress: Progress,
    full_refresh: bool = False,
) -> GoldBuild:
    """Builds gold with all its tests and publishes it; waits while another process does.

    Args:
        warehouse: Its login must be a member of stocks_owner.
        run_id: The run in ops.run that asks for it.
        artifacts: Folder for dbt's target and logs.
        progress: Called as nodes end.
        full_refresh: Build incremental models from nothing.

    Raises:
        TestsFailed: A test of severity error found rows, or a model's own constraints did; the published gold
            is as before.
        ConfigError: The project can't be parsed, or SQL of ours is wrong.
        WarehouseUnavailable: The warehouse went away.
    """
    with warehouse.connect(Role.OWNER) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        build_id = _begin(connection, run_id, full_refresh)
        with _noted(connection, build_id):
            results = run_dbt(
                ["build", *(["--full-refresh"] if full_refresh else [])],
                variables=environment(warehouse, schema=BUILD_SCHEMA),
                artifacts=artifacts,
                progress=progress,
            )
            with connection.transaction():
                _record_quality(connection, build_id, results)
            if bad := [result for result in results if result.is_bad]:
                raise _failure(connection, bad)
            with connection.transaction():
                connection.execute(_PUBLISH)
                connection.execute(
                    "update ops.gold_build set finished_at = now(), published_at = now() where build_id = %s",
                    [build_id],
                )
    return GoldBuild(results=results)


def fingerprint() -> str:
    """SHA-256 over the files of the dbt project: names and contents."""
    digest = hashlib.sha256()
    folder = project_folder()
    left_out = {"target", "logs", "dbt_packages"}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in left_out and not name.name.startswith("."):
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _newest_load(connection: Connection) -> int:
    row = connection.execute(
        """
        select coalesce(max(load_id), 0) from ops.bronze_object
        where bars_changed > 0 or bars_rejected > 0 or interval is null
        """
    ).fetchone()
    assert row is not None
    return int(row[0])


def _begin(connection: Connection, run_id: uuid.UUID, full_refresh: bool) -> int:
    """Notes that a build begins, and what of silver it will see."""
    with connection.transaction():
        # A load takes its number before it commits: waiting for the loads under way makes sure that none with a
        # lower number shows up after this one was written down as seen.
        connection.execute("lock table ops.bronze_object in share mode")
        row = connection.execute(
            """
            insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh)
            values (%s, %s, %s, %s) returning build_id
            """,
            [run_id, _newest_load(connection), fingerprint(), full_refresh],
        ).fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def _noted(connection: Connection, build_id: int) -> Iterator[None]:
    """Writes down how a build failed."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(psycopg.Error):
            connection.execute(
                "update ops.gold_build set finished_at = now(), message = %s where build_id = %s",
                [str(error) or type(error).__name__, build_id],
            )
        raise


def _record_quality(connection: Connection, build_id: int, results: list[NodeResult]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.data_quality (build_id, rule, model, severity, status, failures, message, checked_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict do nothing
            """,
            [
                (
                    build_id,
                    result.name,
                    result.model,
                    result.severity if result.severity in ("error", "warn") else "error",
                    result.status,
                    result.failures,
                    result.message,
                    datetime.now(UTC),
                )
                for result in results
                if result.kind == "test"
            ],
        )


def _failure(connection: Connection, bad: list[NodeResult]) -> TestsFailed | ConfigError | WarehouseUnavailable:
    """The error that says what failed, and shows the first rows that break each rule."""
    broken = [result for result in bad if result.status == "fail" or "violates" in result.message]
    if not broken:
        first = bad[0]
        text = " ".join(first.message.split())
        if lost_connection(text):
            return WarehouseUnavailable(f"dbt lost the warehouse at {first.name}: {text}")
        return ConfigError(f"dbt's {first.kind} {first.name} failed: {text}", hint="Gold is as it was before.")
    shown = []
    for result in broken:
        shown.append(f"{result.name} on {result.model}: {result.failures or 1} rows.")
        if result.kind == "test" and result.sql:
            shown.extend(f"  {line}" for line in _failing_rows(connection, result))
        else:
            shown.extend(f"  {line}" for line in result.message.splitlines())
    return TestsFailed(
        f"{len(broken)} of gold's rules are broken.\n" + "\n".join(shown) + "\n",
        hint=f"Gold still serves the last good build; the rows above are in the schema {BUILD_SCHEMA}.",
    )


def _failing_rows(connection: Connection, result: NodeResult) -> list[str]:
    try:
        # dbt compiled this statement; it is run again to show rows instead of their number.
        cursor = connection.execute(f"select * from (\n{result.sql}\n) as failing limit {_ROWS_SHOWN}".encode())  # noqa: S608
    except psycopg.Error as error:
        return [f"(its rows can't be shown: {error.diag.message_primary})"]
    rows = Rows(columns=[column.name for column in cursor.description or ()], rows=cursor.fetchall())
    return [", ".join(f"{name}={value}" for name, value in row.items()) for row in rows.dicts()]
