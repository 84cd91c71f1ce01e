"""Read-only SQL for people: what it reads, all that it refuses, and faults of the connection told apart."""

import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from stocks.embedded import EmbeddedPostgres
from stocks.errors import ConfigError, StocksError, WarehouseUnavailable
from stocks.warehouse import Role, Warehouse, connection_faults
from stocks.warehouse.migrate import migrate
from stocks.warehouse.query import Rows, read, stream

PASSWORD = "hush-hush-hush"
INSERT = "insert into ops.run (run_id, command) values (gen_random_uuid(), 'smuggled')"


@pytest.fixture(scope="module")
def shared(new_database: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    """One database for all tests here: none of them may change it."""
    with new_database() as own:
        migrate(own)
        yield own


@pytest.fixture(scope="module")
def readers(shared: Warehouse, postgres: EmbeddedPostgres) -> Warehouse:
    """The same by the reader's own login, whose statements are run as they are."""
    return Warehouse(postgres.url(Role.READER).rsplit("/", 1)[0] + "/" + str(shared).rpartition("/")[2])


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("select 1 as a, 'x' as b", Rows(columns=["a", "b"], rows=[(1, "x")])),
        ("select 1 as a;", Rows(columns=["a"], rows=[(1,)])),
        ("values (1), (null)", Rows(columns=["column1"], rows=[(1,), (None,)])),
        ("with x as (select 2 as a) select * from x", Rows(columns=["a"], rows=[(2,)])),
        ("show transaction_read_only", Rows(columns=["transaction_read_only"], rows=[("on",)])),
        ("select current_user::text as a", Rows(columns=["a"], rows=[("stocks_reader",)])),
        ("select '50 %' as a, '%s' as b", Rows(columns=["a", "b"], rows=[("50 %", "%s")])),
        ("select run_id, command from ops.run", Rows(columns=["run_id", "command"], rows=[])),
        ("explain (costs off) select 1", Rows(columns=["QUERY PLAN"], rows=[("Result",)])),
    ],
)
def test_reads(statement: str, rows: Rows, shared: Warehouse) -> None:
    assert read(shared, statement) == rows


def test_rows_by_name() -> None:
    assert Rows(columns=["a", "b"], rows=[(1, 2)]).dicts() == [{"a": 1, "b": 2}]


def test_parameters_are_bound(shared: Warehouse) -> None:
    assert read(shared, "select %(a)s::text as a", {"a": "'; drop table x"}).rows == [("'; drop table x",)]


@pytest.mark.parametrize(
    "statement",
    [
        INSERT,
        f"with x as ({INSERT} returning 1) select * from x",
        "update ops.run set command = ''",
        "delete from ops.run",
        "create table public.mine (a int)",
        "create temporary table mine (a int)",
        "select 1 as a into public.mine",
        "drop table ops.run",
        "reset role",
        "set role none",
        "set session characteristics as transaction read write",
        "begin",
        "commit",
        "rollback",
        "select 1; select 2",
        f"select 1; {INSERT}",
        f"commit; {INSERT}",
        "",
        ";",
        "-- nothing",
        "vacuum ops.run",
        "lock table ops.run",
        "listen x",
        "copy ops.run from stdin",
        "copy (select 1) to stdout",
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/tmp/x'",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "select set_config('transaction_read_only', 'off', false)",
        "select set_config('role', 'none', false)",
        "select set_config('role', 'stocks_owner', true)",
        "select set_config('session_authorization', 'stocks_owner', false)",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'stocks_owner'",
        "select query_to_xml('select set_config(''role'', ''none'', false)', true, true, '')",
        "select * from pg_authid",
        f"do $$ begin {INSERT}; end $$",
        # The owner's login is narrowed to the reader: a block that got rid of both would write.
        f"""do $$ begin
            perform set_config('role', 'none', false);
            perform set_config('default_transaction_read_only', 'off', false);
            commit;
            {INSERT};
        end $$""",
        f"""do $$ begin
            perform set_config('role', 'none', false);
            set transaction read write;
            {INSERT};
        end $$""",
        f"do $$ begin perform set_config('role', 'none', false); rollback and chain; {INSERT}; end $$",
        "call nothing()",
    ],
)
def test_takes_nothing_but_reads(statement: str, shared: Warehouse) -> None:
    with pytest.raises(ConfigError):
        read(shared, statement)
    with psycopg.connect(shared.url) as connection:
        assert connection.execute("select count(*) from ops.run").fetchone() == (0,)
        assert connection.execute("select to_regclass('public.mine'), to_regclass('ops.run')::text").fetchone() == (
            None,
            "ops.run",
        )


@pytest.mark.parametrize(
    ("statement", "columns", "rows"),
    [
        ("select 1 as a, 2 as a", ["a", "a"], [(1, 2)]),
        (
            "select 1.5::numeric(5,2) as a, 'x'::varchar(3), '{1,2}'::int[]",
            ["a", "varchar", "int4"],
            [(Decimal("1.50"), "x", [1, 2])],
        ),
        ("select r from ops.run as r", ["r"], []),
        ('select \'a\'::"char" as "A b""c" where false', ['A b"c'], []),
    ],
)
def test_a_login_with_more_roles_reads_as_the_reader_does(
    statement: str, columns: list[str], rows: list[tuple[object, ...]], shared: Warehouse, readers: Warehouse
) -> None:
    for warehouse in (shared, readers):
        assert read(warehouse, statement) == Rows(columns=columns, rows=rows)


def test_a_column_whose_type_has_no_name_is_told(shared: Warehouse) -> None:
    with pytest.raises(ConfigError, match=r"'row' is of the type record, which can't be read.* Cast it to text"):
        read(shared, "select (1, 2)")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("selct 1", r'syntax error at or near "selct" \(at character 1\)'),
        ("select nothing", r'column "nothing" does not exist \(at character 8\)'),
        ("select * from nowhere", r'relation "nowhere" does not exist \(at character 15\)'),
        ("select 1/0", "division by zero"),
        ("select 'x'::int", r'invalid input syntax for type integer: "x" \(at character 8\)'),
        ("select $1", r"there is no parameter \$1 \(at character 8\)"),
        ("copy (select 1) to stdout", "gives no rows"),
        ("select '\udcff'", "invalid byte sequence"),  # what Python makes of an argument that is no UTF-8
        ("select count(*) from ops.run for update", "FOR UPDATE is not allowed"),
    ],
)
def test_message_says_what_is_wrong_and_where(statement: str, message: str, shared: Warehouse) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(shared, statement)
    assert caught.value.exit_code == 78


def test_dates_that_python_does_not_have_are_text(shared: Warehouse) -> None:
    found = read(
        shared,
        "select 'infinity'::date, '0044-03-15 BC'::date, '-infinity'::timestamptz, 'infinity'::timestamp,"
        " 'infinity'::interval, array['infinity'::date], date '2024-02-29'",
    )
    assert [str(value) for value in found.rows[0]] == [
        *("infinity", "0044-03-15 BC", "-infinity", "infinity", "infinity", "['infinity']", "2024-02-29")
    ]


@pytest.mark.parametrize("login", ["shared", "readers"])
def test_rows_are_read_as_they_come(login: str, request: pytest.FixtureRequest) -> None:
    warehouse: Warehouse = request.getfixturevalue(login)
    before = resident()
    with stream(warehouse, "select n, repeat('x', 1000) from generate_series(1, 50000000) as n") as (columns, rows):
        assert columns == ["n", "repeat"]
        assert [next(rows)[0] for _ in range(3)] == [1, 2, 3]
        for _ in range(100_000):
            next(rows)
        assert resident() - before < 50e6


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_error_in_a_later_row_is_told(shared: Warehouse) -> None:
    with pytest.raises(ConfigError, match="division by zero"):
        read(shared, "select 1 / (3000 - n) from generate_series(1, 5000) as n")


def test_hint_of_the_server_is_passed_on(shared: Warehouse) -> None:
    with pytest.raises(ConfigError) as caught:
        read(shared, "select no_such_function(1)")
    assert "add explicit type casts" in caught.value.hint


def refused_with(url: str) -> StocksError:
    """The error of a connection; makes sure that the password is nowhere in it."""
    with pytest.raises(StocksError) as caught, Warehouse(SecretStr(url)).connect(Role.READER):
        pass
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not [part for part in PASSWORD.split("-") if part in told]
    return caught.value


def test_wrong_password_is_wrong_configuration(shared: Warehouse) -> None:
    place = shared.url.rpartition("@")[2]
    error = refused_with(f"postgresql://stocks_owner:{PASSWORD}@{place}")
    assert isinstance(error, ConfigError)
    assert "password authentication failed" in error.message
    assert place in error.message


@pytest.mark.parametrize("change", ["/nowhere", "?sslmode=require"])
def test_what_the_server_refuses_for_good_is_wrong_configuration(change: str, shared: Warehouse) -> None:
    url = shared.url.rpartition("/")[0] + change if change.startswith("/") else shared.url + change
    # It is not waited for, either.
    warehouse = Warehouse(url, connect_wait=600)
    with pytest.raises(ConfigError, match="refuses the connection"), warehouse.connect(Role.READER):
        pass


def test_login_that_may_not_take_the_role_is_wrong_configuration(postgres: EmbeddedPostgres) -> None:
    readers = Warehouse(postgres.url(Role.READER))
    with pytest.raises(ConfigError, match="permission denied to set role"), readers.connect(Role.WRITER):
        pass


def test_closed_port_is_a_passing_fault() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        error = refused_with(f"postgresql://me:{PASSWORD}@127.0.0.1:{taken.getsockname()[1]}/stocks")
    assert isinstance(error, WarehouseUnavailable)
    assert error.exit_code == 75


def test_server_that_comes_late_is_waited_for(shared: Warehouse) -> None:
    server = urlsplit(shared.url)

    def come_late(door: socket.socket) -> None:
        time.sleep(1)
        door.listen()
        client, _ = door.accept()
        with client, socket.create_connection((server.hostname, server.port)) as upstream:
            back = Thread(target=pass_on, args=(upstream, client))
            back.start()
            pass_on(client, upstream)
            back.join()

    with socket.socket() as door, ThreadPoolExecutor() as pool:
        door.bind(("127.0.0.1", 0))  # nobody listens yet
        pool.submit(come_late, door)
        login = server.netloc.rpartition("@")[0]
        url = server._replace(netloc=f"{login}@127.0.0.1:{door.getsockname()[1]}").geturl()
        with Warehouse(url, connect_wait=600).connect(Role.READER) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Until the source is at its end."""
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        " ",
        f"http://me:{PASSWORD}@127.0.0.1/stocks",
        f"postgresql://me:{PASSWORD}@127.0.0.1:port/stocks",
        f"postgresql://me:{PASSWORD}@127.0.0.1:99999/stocks",
        f"postgresql://me:{PASSWORD}@[::1/stocks",
        f"postgresql://me:{PASSWORD}%zz@127.0.0.1/stocks",
        f"postgresql://me:{PASSWORD}@127.0.0.1/stocks?no_such_option=1",
        f"host=127.0.0.1 user=me password={PASSWORD}",
        # Characters that ought to be escaped move everything behind them.
        f"postgresql://me:12/{PASSWORD}@127.0.0.1/stocks",
        f"postgresql://me:{PASSWORD}/@127.0.0.1/stocks",
        f"postgresql://me:x@{PASSWORD}@127.0.0.1/stocks",
        f"postgresql://me:12?{PASSWORD}@127.0.0.1/stocks",
        f"postgresql://me:12#{PASSWORD}@127.0.0.1/stocks",
    ],
)
def test_nonsense_is_wrong_configuration(url: str) -> None:
    error = refused_with(url)
    assert isinstance(error, ConfigError)
    assert "STOCKS_WAREHOUSE_URL" in error.message


def test_place_is_shown_without_the_login() -> None:
    assert str(Warehouse(f"postgresql://me:{PASSWORD}%40%2F@db.example:6543/prices")) == "db.example:6543/prices"
    assert str(Warehouse("postgresql://db.example/prices")) == "db.example:5432/prices"
    assert PASSWORD not in repr(Warehouse(f"postgresql://me:{PASSWORD}@db.example/prices"))


def test_password_with_escaped_characters_is_taken(postgres: EmbeddedPostgres) -> None:
    password = "a/b@c:d?e#f g"
    parts = urlsplit(postgres.url("postgres"))
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("drop role if exists tester")
        connection.execute(f"create role tester login password '{password}' in role stocks_reader")
        url = f"postgresql://tester:a%2Fb%40c%3Ad%3Fe%23f%20g@127.0.0.1:{parts.port}/stocks"
        with Warehouse(url).connect(Role.READER) as own:
            assert own.execute("select session_user::text").fetchone() == ("tester",)
        connection.execute("drop role tester")


def test_server_that_goes_away_is_a_passing_fault(shared: Warehouse) -> None:
    def work() -> None:
        with shared.connect(Role.READER) as connection, shared.connect(Role.OWNER) as other:
            other.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])
            connection.execute("select 1")

    with pytest.raises(WarehouseUnavailable, match="went away"):
        work()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.CannotConnectNow("the database system is starting up"), WarehouseUnavailable),
        (psycopg.errors.TooManyConnections("sorry, too many clients already"), WarehouseUnavailable),
        (psycopg.errors.DeadlockDetected("deadlock detected"), WarehouseUnavailable),
        (
            psycopg.OperationalError("failed to resolve host 'x': Temporary failure in name resolution"),
            WarehouseUnavailable,
        ),
        (psycopg.OperationalError("failed to resolve host 'x': [Errno -2] Name or service not known"), ConfigError),
        (psycopg.InterfaceError("the connection is lost"), WarehouseUnavailable),
        (psycopg.errors.DiskFull("could not extend file"), ConfigError),
        (psycopg.errors.InsufficientPrivilege("permission denied for table x"), ConfigError),
    ],
)
def test_faults_are_told_apart(error: psycopg.Error, kind: type[StocksError]) -> None:
    with pytest.raises(kind, match=r"db\.example"), connection_faults("db.example"):
        raise error


def test_fault_of_our_own_statement_is_not_dressed_up() -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), connection_faults("db.example"):
        raise psycopg.errors.UndefinedTable('missing FROM-clause entry for table "x"')
