"""Migrations: what each role may do afterwards, and what happens when two processes, or two versions, meet."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from psycopg import sql

from stocks.embedded import EmbeddedPostgres
from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.migrate import Migration, check_version, migrate, migrations

RUN = "insert into ops.run (run_id, command) values (gen_random_uuid(), 'test')"
COMPANY = "insert into silver.company (symbol, observed_at, bronze_key) values ('IBM', now(), 'k')"


@pytest.fixture
def empty(new_database: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    """A database with nothing in it, not even the schemas."""
    with new_database() as own:
        yield own


@pytest.fixture(scope="module")
def shared(new_database: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    """A migrated database with a table in gold, for tests that commit nothing."""
    with new_database() as own:
        migrate(own)
        with own.connect(Role.OWNER) as connection:
            connection.execute("create table gold.made as select 1 as a")
        yield own


def login(postgres: EmbeddedPostgres, warehouse: Warehouse, role: Role) -> psycopg.Connection:
    """A connection of the role's own login, not the owner's narrowed to it."""
    return psycopg.connect(postgres.url(role).rsplit("/", 1)[0] + "/" + str(warehouse).rpartition("/")[2])


def test_files_are_numbered_from_one_without_a_gap() -> None:
    found = migrations()
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    assert found[0].name == "silver_and_ops"


def test_migrates_once(empty: Warehouse) -> None:
    assert migrate(empty) == migrations()
    assert migrate(empty) == []
    check_version(empty)


def test_ledger_says_what_was_applied(empty: Warehouse) -> None:
    migrate(empty)
    with empty.connect(Role.READER) as connection:
        applied = connection.execute("select version, name, checksum from migration.applied order by 1").fetchall()
    assert applied == [(m.version, m.name, m.checksum) for m in migrations()]


def test_missing_migration_is_named(empty: Warehouse) -> None:
    with pytest.raises(ConfigError, match="lacks the migration 0001_silver_and_ops"):
        check_version(empty)


def test_two_at_once_apply_it_once(empty: Warehouse) -> None:
    barrier = threading.Barrier(4)
    done: list[int] = []

    def work() -> None:
        barrier.wait()
        done.append(len(migrate(empty)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 0, len(migrations())]


def test_changed_migration_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connect(Role.OWNER) as connection:
        connection.execute("update migration.applied set checksum = 'another' where version = 1")
    for bring in (migrate, check_version):
        with pytest.raises(ConfigError, match="0001_silver_and_ops was applied, and changed since"):
            bring(warehouse)


def test_newer_warehouse_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connect(Role.OWNER) as connection:
        connection.execute("insert into migration.applied (version, name, checksum) values (9999, 'later', 'x')")
    for bring in (migrate, check_version):
        with pytest.raises(ConfigError, match="migration 9999"):
            bring(warehouse)


def later(version: int, statements: str, *, lives_with: int | None = None) -> Migration:
    """A migration of a release to come."""
    said = f"-- Code of {lives_with:04d} lives with this.\n" if lives_with else ""
    return Migration(version=version, name="later", statements=said + statements)


def test_code_of_the_release_before_goes_on_and_a_rollback_finds_what_it_needs(warehouse: Warehouse) -> None:
    ours = migrations()
    newest = ours[-1].version
    expand = later(newest + 1, "alter table ops.run add column told text", lives_with=newest)
    assert migrate(warehouse, [*ours, expand]) == [expand]
    check_version(warehouse)  # a pod that was there before, or one of the old image that starts now
    assert migrate(warehouse) == []  # the Job of the release that is rolled back to
    with warehouse.connect(Role.WRITER) as connection:
        connection.execute(RUN)
    contract = later(newest + 2, "alter table ops.run drop column told", lives_with=newest + 1)
    migrate(warehouse, [*ours, expand, contract])
    check_version(warehouse, [*ours, expand])
    for bring in (migrate, check_version):  # two releases back
        with pytest.raises(ConfigError, match=f"migration {newest + 2:04d}, which this version .* can't live with"):
            bring(warehouse)


def test_new_pods_wait_for_the_job_that_migrates(warehouse: Warehouse) -> None:
    ours = migrations()
    coming = [*ours, later(ours[-1].version + 1, "create table ops.later (a int)")]
    with pytest.raises(WarehouseUnavailable, match="lacks the migration"):
        check_version(warehouse, coming)
    job = threading.Timer(0.2, migrate, [warehouse, coming])
    job.start()
    check_version(warehouse, coming, wait=30)
    job.join()


def test_ledger_of_before_is_read(empty: Warehouse) -> None:
    migrate(empty)
    with empty.connect(Role.OWNER) as connection:
        connection.execute("alter table migration.applied drop column lives_with")
    check_version(empty)
    ours = migrations()
    expand = later(ours[-1].version + 1, "select 1", lives_with=ours[-1].version)
    migrate(empty, [*ours, expand])
    check_version(empty)


RELEASED = 12
"""The newest migration of the last release: what its code reads and writes must be there until the next but one."""
_COLUMNS = """
select format('%s.%s.%s', table_schema, table_name, column_name),
       (udt_name, is_nullable = 'NO' and column_default is null and is_generated = 'NEVER' and is_identity = 'NO')::text
from information_schema.columns where table_schema in ('silver', 'ops', 'gold', 'gold_next', 'snapshots', 'migration')
"""
_ROUTINES = """
select format('function %s', oid::regprocedure), prorettype::regtype::text from pg_proc
where pronamespace::regnamespace::text in ('silver', 'ops', 'gold')
"""
_CONSTRAINTS = """
select format('constraint %s on %s', conname, conrelid::regclass), pg_get_constraintdef(oid) from pg_constraint
where connamespace::regnamespace::text in ('silver', 'ops') and contype in ('c', 'f', 'p', 'u', 'x')
"""
_GRANTS = """
select format('%s on %s.%s for %s', privilege_type, table_schema, table_name, grantee), is_grantable
from information_schema.role_table_grants where table_schema in ('silver', 'ops') and grantee like 'stocks\\_%'
"""


def catalog(connection: psycopg.Connection, query: str) -> dict[str, str]:
    return dict(connection.execute(query.encode()).fetchall())


def test_what_the_last_release_uses_is_still_there(empty: Warehouse) -> None:
    """Expand, then contract: a release adds, the one after it takes away what nobody uses any more."""
    with empty.connect(Role.OWNER) as connection:
        released = [each for each in migrations() if each.version <= RELEASED]
        since = migrations()[len(released) :]
        for each in since:
            assert each.lives_with == RELEASED or "-- Contracts: " in each.statements, (
                f"{each.version:04d}_{each.name}.sql needs a line `-- Code of {RELEASED:04d} lives with this.`"
                " (docs/upgrade.md)"
            )
        found = {}
        for batch in (released, since):
            for each in batch:
                connection.execute(each.statements.encode())
            queries = {"columns": _COLUMNS, "routines": _ROUTINES, "constraints": _CONSTRAINTS, "grants": _GRANTS}
            found[len(found)] = {name: catalog(connection, query) for name, query in queries.items()}
    before, after = found[0], found[1]
    gone = "\n".join(re.findall(r"^-- Contracts: (.*)$", "\n".join(each.statements for each in since), re.MULTILINE))
    for kind in ("columns", "routines", "grants"):
        changed = {name for name, what in before[kind].items() if after[kind].get(name) != what}
        assert {name for name in changed if name not in gone} == set(), kind
    tables = {name.rpartition(".")[0] for name in before["columns"]}
    # What the old code doesn't write must not be asked of it.
    asked = {name for name, what in after["columns"].items() if name not in before["columns"] and what.endswith(",t)")}
    assert {name for name in asked if name.rpartition(".")[0] in tables} == set()
    tighter = {name for name, what in after["constraints"].items() if before["constraints"].get(name) != what}
    assert {name for name in tighter if name.rpartition(" on ")[2] in tables} == set()


def test_failed_migration_leaves_nothing_behind(empty: Warehouse) -> None:
    with empty.connect(Role.OWNER) as connection:
        connection.execute("create schema snapshots")  # a later statement of the migration makes it, too
    with pytest.raises(ConfigError, match="already exists"):
        migrate(empty)
    with empty.connect(Role.OWNER) as connection:
        assert connection.execute("select to_regnamespace('silver'), to_regnamespace('migration')").fetchone() == (
            None,
            None,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "select * from silver.price_bar",
        "select * from ops.run",
        "select * from ops.bronze_object",
        "select * from migration.applied",
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads(role: Role, statement: str, postgres: EmbeddedPostgres, shared: Warehouse) -> None:
    with login(postgres, shared, role) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (role, statement)
        for roles, statements in [
            (
                (Role.READER,),
                (
                    RUN,
                    COMPANY,
                    "update ops.run set message = ''",
                    "delete from silver.bar",
                    "truncate ops.api_budget",
                    "set role stocks_writer",
                ),
            ),
            (
                (Role.READER, Role.WRITER),
                (
                    "truncate silver.bar",
                    "create table silver.mine (a int)",
                    "create table ops.mine (a int)",
                    "create table gold.mine (a int)",
                    "create table gold_next.mine (a int)",
                    "create table snapshots.mine (a int)",
                    "create table public.mine (a int)",
                    "create schema mine",
                    "insert into gold.made values (2)",
                    "drop table gold.made",
                    "drop table silver.bar",
                    "alter schema gold_next rename to mine",
                    "insert into migration.applied (version, name, checksum) values (9, 'x', 'x')",
                    "set role stocks_owner",
                ),
            ),
            (tuple(Role), ("select * from pg_authid", "copy (select 1) to program 'true'", "create role mine")),
        ]
        for role in roles
        for statement in statements
    ],
)
def test_role_may_not(role: Role, statement: str, postgres: EmbeddedPostgres, shared: Warehouse) -> None:
    with login(postgres, shared, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("role", [Role.WRITER, Role.OWNER])
def test_writer_and_owner_write_rows_of_silver_and_ops(
    role: Role, postgres: EmbeddedPostgres, shared: Warehouse
) -> None:
    with login(postgres, shared, role) as connection:
        connection.execute(RUN)
        connection.execute(COMPANY)
        connection.execute("update silver.company set sector = 'x'")
        connection.execute("delete from silver.company")
        connection.execute("create temporary table incoming (a int)")


def test_writer_analyzes(postgres: EmbeddedPostgres, shared: Warehouse) -> None:
    with login(postgres, shared, Role.WRITER) as connection:
        connection.execute("analyze silver.bar")  # without the right this is a mere warning
        connection.commit()
        row = connection.execute("select pg_stat_get_last_analyze_time('silver.bar'::regclass) is not null").fetchone()
    assert row == (True,)


def test_owner_makes_gold_and_readers_read_it(postgres: EmbeddedPostgres, warehouse: Warehouse) -> None:
    with login(postgres, warehouse, Role.OWNER) as connection:
        for schema in ("gold", "gold_next", "snapshots"):
            connection.execute(sql.SQL("create table {}.made as select 1 as a").format(sql.Identifier(schema)))
        connection.execute("drop schema gold cascade")
        connection.execute("alter schema gold_next rename to gold")
    for role in (Role.READER, Role.WRITER):
        with login(postgres, warehouse, role) as connection:
            assert connection.execute("select a from gold.made").fetchone() == (1,)
            assert connection.execute("select a from snapshots.made").fetchone() == (1,)


@pytest.mark.parametrize("role", list(Role))
def test_owners_login_is_narrowed_to_the_role_asked_for(role: Role, shared: Warehouse) -> None:
    with shared.connect(role) as connection:
        assert connection.execute("select current_user").fetchone() == (role.value,)
        connection.execute("reset role")
        assert connection.execute("select current_user").fetchone() == (role.value,)


def test_rows_of_one_source_become_rows_of_that_source(empty: Warehouse) -> None:
    """A warehouse of the version before, with rows in it."""
    first, *rest = migrations()
    key = "series/IBM/TIME_SERIES_DAILY_ADJUSTED/sample/20240517T120000Z-" + "0" * 64 + ".json.gz"
    with empty.connect(Role.OWNER) as connection:
        connection.execute(first.statements.encode())
        connection.execute(
            "insert into silver.price_bar values"
            " ('IBM', 'daily', '2024-05-13', 1, 1, 1, 1, 1, 9, 0, 1, true, 'sample', %(key)s, now())",
            {"key": key},
        )
        connection.execute(
            "insert into silver.rejected_bar values (%(key)s, 'IBM', 'daily', 'x', 'rule', 'why', '{}', now())",
            {"key": key},
        )
        connection.execute(
            "insert into silver.restatement values"
            " ('IBM', 'daily', now(), 1, '2024-05-13', '2024-05-13', 0.5, %(key)s)",
            {"key": key},
        )
        told = "select symbol, interval, price_date, close, volume, is_final, source, bronze_key, observed_at from {}"
        before = connection.execute(told.format("silver.price_bar").encode()).fetchall()
        for migration in rest:
            connection.execute(migration.statements.encode())
        for table in ("price_bar", "rejected_bar", "restatement"):
            query = f"select source from silver.{table}"
            assert connection.execute(query.encode()).fetchall() == [("sample",)]
        assert connection.execute(told.format("silver.price_bar").encode()).fetchall() == before
