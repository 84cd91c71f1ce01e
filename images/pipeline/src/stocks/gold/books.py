"""The books around a build of gold: begin, judge, publish; hooks of argodbt.

dbt builds and tests in the schema gold_next. When every test of severity error has passed, that becomes gold in one
transaction (stocks.gold.publication): readers see the old gold or the new one, whole, and never one whose tests failed.

A build of a selection needs the rest of the star schema around it. Where the selection asks for what the last run left
undone (`result:`, `state:`), it goes on in gold_next if that run was not published; else views of gold stand there for
the rest.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Json

from argodbt import errors as dbt_errors
from argodbt.hooks import Hooks
from argodbt.results import NodeResult
from argodbt.selection import Leftover, Selection, Ticket
from stocks.errors import ConfigError, StocksError, TestsFailed, WarehouseUnavailable
from stocks.gold.environment import BUILD_SCHEMA, NO_CONNECTION, PUBLISHED_SCHEMA, environment
from stocks.gold.publication import clear, publish, stand_in, tables
from stocks.providers import in_words
from stocks.settings import load_settings
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import Connection, locked_out, wait_for_turn
from stocks.warehouse.due import fingerprint, is_gold_due, newest_load
from stocks.warehouse.listings import digest
from stocks.warehouse.runlog import RunLog
from stocks.warehouse.sources import write_sources

_log = logging.getLogger(__name__)
_LOCK = 0x676F6C64  # "gold": one build at a time
_ROWS_SHOWN, _ROWS_KEPT = 5, 20
_STEPS = {"prepare": "prepare", "finish": "gold"}
"""What pods write into the run log, by argodbt's command: a task that failed is told by the last of them."""
_BUILD, _BASE = "build", "base"
"""In the ticket: the build's number, and that of the one from which the nodes come that were not selected."""

_PARTIAL = "partial"
"""In the ticket: whether the rest of gold may be left behind by what the build changes."""

_GRANTS = """
grant usage on schema gold, snapshots to stocks_reader;
grant select on all tables in schema gold, snapshots to stocks_reader;
"""
_NOTE_RELATIONS = """
update ops.gold_build set relations = (
    select array_agg(relname::text order by relname) from pg_class
    where relnamespace = 'gold'::regnamespace and relkind in ('r', 'v')
)
where build_id = %s
"""
_SCHEMAS = """
create schema if not exists gold;
create schema if not exists gold_next;
create schema if not exists snapshots;
"""


class Build(NamedTuple):
    """A row of ops.gold_build."""

    build_id: int
    load_id: int
    """The newest row of ops.bronze_object that it has seen."""
    fingerprint: str
    listings: str
    """The universe that it has seen; `stocks.warehouse.listings.digest`."""
    is_published: bool


class Books(Hooks):
    """Keeps ops.gold_build and ops.data_quality, and publishes.

    Args:
        warehouse: Its login must be a member of stocks_owner.
        run_id: The run in ops.run that asks for the build.
        log: Begins the log of a workflow's run, whose steps are noted there; a build in one process is noted by whoever
            asks for it.
        say: Told who is waited for; a pod's standard error by default.
    """

    hint = f"Gold still serves the last good build; what failed is in the schema {BUILD_SCHEMA}."

    def __init__(
        self,
        warehouse: Warehouse,
        run_id: uuid.UUID,
        *,
        log: Callable[[], RunLog] | None = None,
        say: Callable[[str], object] = _log.warning,
    ) -> None:
        super().__init__(str(run_id))
        self._warehouse = warehouse
        self._log = log
        self._say = say
        self._owner: Connection | None = None
        self._begun: int | None = None

    @contextlib.contextmanager
    def around(self, command: str) -> Iterator[dict[str, Any]]:
        """Notes the step, holds the lock, and writes down how a build failed; tasks run beside each other."""
        facts: dict[str, Any] = {}
        with contextlib.ExitStack() as stack:
            if self._log is not None and command in _STEPS:
                facts = stack.enter_context(self._log().note(_STEPS[command])).detail
            stack.enter_context(_told_as_ours(self._warehouse))
            if command != "task":
                self._owner = stack.enter_context(self._alone())
                stack.enter_context(self._failure_noted(self._owner))
            yield facts

    def is_due(self) -> bool:
        """Whether the published gold lacks anything."""
        return is_gold_due(self._warehouse)

    def starts_over(self) -> bool:
        """Whether the published gold was made by another project, or is behind itself."""
        last = _last_build(self._connection, published=True)
        return last is not None and last.fingerprint != fingerprint()

    def left_out(self, nodes: Collection[str], *, full_refresh: bool) -> Collection[str]:
        """Unit tests, and seeds that stand in gold, where the project is the published one's.

        Unit tests look at the project and never at a bar: they are for who changes it, and for CI.
        """
        unit_tests = {node for node in nodes if node.startswith("unit_test.")}
        if full_refresh or _last_build(self._connection, published=True) is None:
            return unit_tests
        there = tables(self._connection)
        return unit_tests | {node for node in nodes if node.startswith("seed.") and node.split(".")[2] in there}

    def variables(self, *, published: bool = False) -> Mapping[str, str]:
        """What dbt/profiles.yml reads."""
        return environment(self._warehouse, schema=PUBLISHED_SCHEMA if published else BUILD_SCHEMA)

    def parse_variables(self) -> Mapping[str, str]:
        """A connection that is the same everywhere: no model asks for it."""
        return {**self.variables(), **NO_CONNECTION}

    def begin(self, selection: Selection, left: Leftover | None) -> Ticket:
        """Notes that a build begins, and what of silver it will see; makes gold_next ready for it."""
        asked, connection = selection.asked, self._connection
        base = None if asked.is_whole else _base(connection, selection, left)
        with connection.transaction():
            connection.execute(_SCHEMAS)  # somebody may have dropped one
            if base is None or base.is_published:
                clear(connection)
            if base is None:
                # A load takes its number before it commits: waiting for the loads under way makes sure that none with a
                # lower number shows up after this one was written down as seen.
                connection.execute("lock table ops.bronze_object in share mode")
            if not asked.full_refresh and (base is None or base.is_published):
                stand_in(connection, {node.split(".")[2] for node in selection.nodes})
            write_sources(connection, load_settings().sources)
            row = connection.execute(
                """
                insert into ops.gold_build (run_id, load_id, fingerprint, listings, full_refresh)
                values (%s, %s, %s, %s, %s) returning build_id
                """,
                [
                    self.run_id,
                    # What was not selected has seen no more of silver than before.
                    base.load_id if base else newest_load(connection),
                    fingerprint() if base is None or asked.has_all_changes else base.fingerprint,
                    base.listings if base else digest(connection),
                    asked.full_refresh or _last_build(connection, published=True) is None,
                ],
            ).fetchone()
        assert row is not None
        self._begun = int(row[0])
        goes_on = left is not None and base is not None and not base.is_published
        is_partial = bool(left.ticket.get(_PARTIAL)) if left and goes_on else base is not None
        return {_BUILD: self._begun, _BASE: base.build_id if base else None, _PARTIAL: is_partial}

    def check(self, ticket: Ticket) -> None:
        """Two builds in gold_next would mix their rows.

        Raises:
            ConfigError: Another build has begun since.
        """
        if self._owner is not None:
            last = _last_build(self._owner)
        else:
            with self._alone() as connection:
                last = _last_build(connection)
        if last is None or last.build_id != ticket[_BUILD]:
            raise ConfigError(
                f"Build {ticket[_BUILD]} can't go on: another build of gold has begun since.",
                hint="Submit stocks-gold again.",
            )
        self._begun = last.build_id

    def judge(self, ticket: Ticket, results: Sequence[NodeResult]) -> Mapping[str, Sequence[str]]:
        """Notes what each test found, with the first rows; gives those that break a rule."""
        tests = [result for result in results if result.kind == "test"]
        examples = {
            result.unique_id: self._failing_rows(result) for result in tests if result.status in ("fail", "warn")
        }
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(
                """
                insert into ops.data_quality
                    (build_id, rule, model, severity, status, failures, message, checked_at, examples)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (build_id, rule) do update set
                    status = excluded.status, failures = excluded.failures, message = excluded.message,
                    checked_at = excluded.checked_at, examples = excluded.examples
                """,
                [
                    (
                        ticket[_BUILD],
                        result.name,
                        result.model,
                        result.severity if result.severity in ("error", "warn") else "error",
                        result.status,
                        result.failures,
                        result.message,
                        datetime.now(UTC),
                        Json(examples.get(result.unique_id, [])),
                    )
                    for result in tests
                ],
            )
        return {
            result.unique_id: [
                ", ".join(f"{name}={value}" for name, value in row.items()) for row in rows[:_ROWS_SHOWN]
            ]
            for result in tests
            if result.status == "fail" and (rows := examples[result.unique_id])
        }

    def publish(self, ticket: Ticket) -> None:
        """Makes a build gold. A second call changes nothing."""
        with self._connection.transaction():
            # What tests found that a build of a selection did not run again holds for the rows that were taken over.
            self._connection.execute(
                """
                insert into ops.data_quality
                    (build_id, rule, model, severity, status, failures, message, checked_at, examples)
                select %s, rule, model, severity, status, failures, message, checked_at, examples
                from ops.data_quality where build_id = %s
                on conflict do nothing
                """,
                [ticket[_BUILD], ticket[_BASE]],
            )
            made = self._connection.execute(
                """
                update ops.gold_build set finished_at = now(), published_at = now(), message = null
                where build_id = %s and published_at is null returning full_refresh
                """,
                [ticket[_BUILD]],
            ).fetchone()
            if made is None:
                return
            if publish(self._connection, anew=made[0]) and ticket.get(_PARTIAL):
                # What follows the bars, and was not selected, has not seen these: the next whole build starts over.
                self._connection.execute(
                    "update ops.gold_build set fingerprint = '' where build_id = %s", [ticket[_BUILD]]
                )
            self._connection.execute(_GRANTS)
            self._connection.execute(_NOTE_RELATIONS, [ticket[_BUILD]])

    @property
    def _connection(self) -> Connection:
        assert self._owner is not None, "only within `around`"
        return self._owner

    def _failing_rows(self, result: NodeResult) -> list[dict[str, Any]]:
        """The first rows that a test found, by column; none where dbt compiled no statement."""
        if not result.sql:
            return []
        try:
            # dbt compiled this statement; it is run again to show rows instead of their number.
            found = self._connection.execute(
                f"select to_json(failing) from (\n{result.sql}\n) as failing limit {_ROWS_KEPT}".encode()  # noqa: S608
            ).fetchall()
        except psycopg.Error as error:
            return [{"(its rows can't be shown)": error.diag.message_primary}]
        return [row for (row,) in found]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A connection as the owner of gold, while no other process begins or ends a build."""
        with self._warehouse.connect(Role.OWNER) as connection:
            wait_for_turn(connection, _LOCK, "build of gold", self._say)
            yield connection

    @contextlib.contextmanager
    def _failure_noted(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            with contextlib.suppress(psycopg.Error):
                connection.execute(
                    """
                    update ops.gold_build set finished_at = now(), message = %s
                    where build_id = %s and published_at is null
                    """,
                    [str(error) or type(error).__name__, self._begun],
                )
            raise


def of_run(run_id: str) -> Books:
    """The hooks of a workflow's pods: in the warehouse that they share, with their steps in the run's log.

    Args:
        run_id: The workflow's uid.

    Raises:
        ConfigError: It is none, or no warehouse is set.
    """
    settings = load_settings()
    if settings.stocks_warehouse_url is None:
        raise ConfigError("A build in pods needs a warehouse that they share.", hint="Set STOCKS_WAREHOUSE_URL.")
    try:
        run = uuid.UUID(run_id)
    except ValueError:
        raise ConfigError(f"{run_id!r} is no run.", hint="--run-id takes the workflow's uid.") from None
    warehouse = Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait)

    def log() -> RunLog:
        begun = RunLog(warehouse, run)
        begun.sweep("gold")
        begun.begin("gold", **in_words(settings))
        return begun

    return Books(warehouse, run, log=log)


@contextlib.contextmanager
def _told_as_ours(warehouse: Warehouse) -> Iterator[None]:
    """Turns argodbt's errors into the pipeline's, with the exit codes that they have."""
    kinds: dict[type[dbt_errors.DbtError], type[StocksError]] = {
        dbt_errors.Unavailable: WarehouseUnavailable,
        dbt_errors.TestsFailed: TestsFailed,
        dbt_errors.ConfigError: ConfigError,
    }
    try:
        yield
    except dbt_errors.DbtError as error:
        ours = kinds[type(error)](error.message, hint=error.hint)
        if "lock timeout" in error.message:
            with contextlib.suppress(StocksError), warehouse.connect(Role.OWNER) as connection:
                told = locked_out(connection)
                ours = WarehouseUnavailable(f"{error.message}{told.message}", hint=f"{told.hint} {error.hint}")
        ours.exit_code = error.exit_code
        raise ours from error


def _last_build(connection: Connection, *, published: bool = False) -> Build | None:
    """The newest build; of those that were published where asked for. None where there is none."""
    row = connection.execute(
        """
        select build_id, load_id, fingerprint, listings, published_at is not null from ops.gold_build
        where published_at is not null or not %s order by build_id desc limit 1
        """,
        [published],
    ).fetchone()
    return Build(*row) if row else None


def _base(connection: Connection, selection: Selection, left: Leftover | None) -> Build:
    """The build from which the nodes come that are not selected."""
    last, published = _last_build(connection), _last_build(connection, published=True)
    if not selection.asked.continues:
        if published is None:
            raise ConfigError("No gold was ever published: a selection has nothing around it.", hint="Build all first.")
        return published
    left_by = None if left is None else left.ticket.get(_BUILD)
    # What the last run left tells of the last build; or of another, if both are published: then nothing is undone.
    known = connection.execute(
        "select published_at is not null from ops.gold_build where build_id = %s", [left_by]
    ).fetchone()
    if last is None or left is None or not (left_by == last.build_id or (last.is_published and known == (True,))):
        raise ConfigError(
            "The state in the store is not that of the last build: it was stopped before it could write it.",
            hint="Submit without select.",
        )
    if not last.is_published and (missing := sorted(left.undone - set(selection.nodes))):
        raise ConfigError(
            f"The last build left {len(missing)} nodes undone that the selection leaves out: "
            f"{', '.join(node.split('.')[2] for node in missing[:5])}.",
            hint="Select them too: 1+result:fail+ 1+result:error+ result:skipped+",
        )
    return last
