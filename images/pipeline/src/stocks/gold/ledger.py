"""The builds of gold in ops.gold_build, what their tests found, and the one moment in which a build becomes gold."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from stocks.errors import StocksError, TestsFailed
from stocks.gold.results import NodeResult, failure
from stocks.settings import project_folder
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
class Build:
    """A row of ops.gold_build."""

    build_id: int
    load_id: int
    """The newest row of ops.bronze_object that it has seen."""
    fingerprint: str
    is_published: bool


@contextlib.contextmanager
def owner(warehouse: Warehouse) -> Iterator[Connection]:
    """A connection as the owner of gold, while no other process begins or ends a build."""
    with warehouse.connect(Role.OWNER) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        yield connection


def is_current(warehouse: Warehouse) -> bool:
    """Whether the published gold has seen all that silver holds, and was built by this dbt project.

    Where nothing was ever loaded there is nothing to build either.
    """
    with warehouse.connect(Role.READER) as connection:
        published = last_build(connection, published=True)
        newest = _newest_load(connection)
        if published is None:
            return newest == 0
        return (published.load_id, published.fingerprint) == (newest, fingerprint())


def last_build(connection: Connection, *, published: bool = False, run_id: uuid.UUID | None = None) -> Build | None:
    """The newest build; of those that were published, or of a run, where asked for. None where there is none."""
    row = connection.execute(
        """
        select build_id, load_id, fingerprint, published_at is not null from ops.gold_build
        where (published_at is not null or not %(published)s) and (run_id = %(run_id)s or %(run_id)s::uuid is null)
        order by build_id desc limit 1
        """,
        {"published": published, "run_id": run_id},
    ).fetchone()
    if row is None:
        return None
    return Build(build_id=row[0], load_id=row[1], fingerprint=row[2], is_published=row[3])


def begin(connection: Connection, run_id: uuid.UUID, *, full_refresh: bool) -> int:
    """Notes that a whole build begins, and what of silver it will see; gives its number."""
    with connection.transaction():
        # A load takes its number before it commits: waiting for the loads under way makes sure that none with a
        # lower number shows up after this one was written down as seen.
        connection.execute("lock table ops.bronze_object in share mode")
        return note_build(
            connection,
            run_id,
            load_id=_newest_load(connection),
            fingerprint=fingerprint(),
            full_refresh=full_refresh,
        )


def note_build(connection: Connection, run_id: uuid.UUID, *, load_id: int, fingerprint: str, full_refresh: bool) -> int:
    """Notes that a build begins; gives its number."""
    row = connection.execute(
        """
        insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh)
        values (%s, %s, %s, %s) returning build_id
        """,
        [run_id, load_id, fingerprint, full_refresh],
    ).fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def noted(connection: Connection, build_id: int) -> Iterator[None]:
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


def judge(connection: Connection, build_id: int, results: Sequence[NodeResult]) -> None:
    """Notes what each test found.

    Raises:
        TestsFailed: A test of severity error found rows, or a model's own constraints did.
        ConfigError: SQL of ours is wrong.
        WarehouseUnavailable: dbt lost the warehouse.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.data_quality (build_id, rule, model, severity, status, failures, message, checked_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (build_id, rule) do update set
                status = excluded.status, failures = excluded.failures, message = excluded.message,
                checked_at = excluded.checked_at
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
    if bad := [result for result in results if result.is_bad]:
        raise _refusal(connection, bad)


def publish(connection: Connection, build_id: int) -> None:
    """Makes a build gold. A second call changes nothing: the schemas would swap back."""
    with connection.transaction():
        made = connection.execute(
            """
            update ops.gold_build set finished_at = now(), published_at = now(), message = null
            where build_id = %s and published_at is null
            """,
            [build_id],
        )
        if made.rowcount:
            connection.execute(_PUBLISH)


def is_published(connection: Connection, build_id: int) -> bool:
    """Whether a build became gold."""
    row = connection.execute(
        "select published_at is not null from ops.gold_build where build_id = %s", [build_id]
    ).fetchone()
    return row is not None and bool(row[0])


def take_over_quality(connection: Connection, build_id: int, base_id: int) -> None:
    """What tests found that a build of a selection did not run again: it holds for the rows that were taken over."""
    connection.execute(
        """
        insert into ops.data_quality (build_id, rule, model, severity, status, failures, message, checked_at)
        select %s, rule, model, severity, status, failures, message, checked_at
        from ops.data_quality where build_id = %s
        on conflict do nothing
        """,
        [build_id, base_id],
    )


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


def _refusal(connection: Connection, bad: Collection[NodeResult]) -> StocksError:
    """The error that says what failed, and shows the first rows that break each rule."""
    error = failure(bad, hint="Gold is as it was before.")
    broken = [result for result in bad if result.is_broken_rule]
    if error.exit_code != TestsFailed.exit_code:
        return error
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
