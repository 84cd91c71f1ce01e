"""Connections to the warehouse, each with no more rights than its use needs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from stocks.errors import ConfigError, StocksError, WarehouseUnavailable

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT = 10  # seconds
_PAUSE = 0.5  # seconds between two tries
LOCK_WAIT = 60
"""Seconds for which a statement waits for another session's lock; loads hold theirs for less."""
TURN_WAIT = 600
"""Seconds for which a run waits for another one, and a build for another one: both take minutes."""
STATEMENT_WAIT = 3600
"""Seconds that a statement may take; the longest, gold's over thousands of symbols, take minutes."""
_SAID_AFTER = 1  # seconds
# A server that vanished without a word is given up after two minutes; by itself TCP does so after two hours.
_VANISHED: dict[str, Any] = {
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,  # milliseconds
}

_PASSING = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.TooManyConnections,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.IdleInTransactionSessionTimeout,
)
# A refused connection carries no SQLSTATE, only libpq's text.
_WRONG_CONFIGURATION = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "permission denied",
    "could not translate host name",
    "Name or service not known",
    "no pg_hba.conf entry",
    "does not support SSL",
    "certificate verify failed",
    "does not match host name",
    "root certificate file",
    "unsupported startup parameter",
)
_ALL_TAKEN = ("too many clients", "too many connections", "connection slots are reserved")

# In full to the login's own role; of other logins it shows that they are there.
_HOLDERS = """
select format(
    'pid %s (%s%s) has %s since %s: %s', pid, usename, ', ' || nullif(application_name, ''),
    left(string_agg(distinct format('%s on %s', mode, coalesce(relation::regclass::text, 'a turn')), ', '), 200),
    xact_start::timestamptz(0), left(query, 100)
)
from pg_locks join pg_stat_activity using (pid) left join pg_class on relation = pg_class.oid
where granted and datname = current_database() and pid <> pg_backend_pid() and (
    relkind <> 'i'
    and relnamespace::regnamespace::text in ('silver', 'ops', 'gold', 'gold_next', 'snapshots', 'migration')
    -- Of a symbol or of the migrations; runs and builds wait for their turn elsewhere, and say so.
    or locktype = 'advisory' and database = datid and objsubid = 1 and xact_start is not null
)
group by pid, usename, application_name, xact_start, query
order by xact_start limit 3
"""

_HOLDER_OF_TURN = """
select format(
    'pid %%s (%%s)%%s', pid, concat_ws(', ', usename, nullif(application_name, '')),
    ' since ' || backend_start::timestamptz(0)
)
from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and datid = database and datname = current_database()
    and classid = 0 and objid = %s and objsubid = 1
"""


class Role(StrEnum):
    """What a connection may do; each role may do what the ones below may."""

    OWNER = "stocks_owner"
    """Migrations, and gold's tables."""
    WRITER = "stocks_writer"
    """Rows of silver and ops."""
    READER = "stocks_reader"
    """Reads everything, writes nothing."""


class Warehouse:
    """A PostgreSQL database.

    Args:
        url: postgresql://user:password@host:port/database, of a login that is a member of the roles it is asked for.
        connect_wait: Seconds to wait where it can't be reached.

    Raises:
        ConfigError: The URL is none.
    """

    def __init__(self, url: SecretStr | str, *, connect_wait: float = 0) -> None:
        self._url = url if isinstance(url, SecretStr) else SecretStr(url)
        self._place = _place(self.url)
        self._connect_wait = connect_wait

    def __str__(self) -> str:
        """Where it is, without the password."""
        return self._place

    @property
    def url(self) -> str:
        """The connection URL, its password inside: for a child's environment, never for a log."""
        return self._url.get_secret_value()

    @contextlib.contextmanager
    def connect(self, role: Role, *, read_only: bool = False) -> Iterator[Connection]:
        """A connection in autocommit mode; `connection.transaction()` groups statements.

        Raises:
            WarehouseUnavailable: The server can't be reached or went away, or another session keeps a lock.
            ConfigError: The login or the role is wrong, or the server's disk is full.
        """
        options = f"-c role={role.value}" + (" -c default_transaction_read_only=on" if read_only else "")
        with connection_faults(str(self)):
            connection = connect_within(self._connect_wait, self.url, options)
            with contextlib.closing(connection):
                _check_options(connection, str(self))
                try:
                    yield connection
                except errors.LockNotAvailable as error:
                    connection.rollback()
                    raise locked_out(connection) from error


def _check_options(connection: Connection, warehouse: str) -> None:
    """Makes sure that the server has heard of the role and the limits: a pooler may drop them, and say nothing.

    Raises:
        ConfigError: It has not.
    """
    if connection.execute("select current_setting('lock_timeout')").fetchone() == ("0",):
        raise ConfigError(
            f"What answers for the warehouse {warehouse} drops a connection's options: its role and its limits.",
            hint="Name PostgreSQL itself in STOCKS_WAREHOUSE_URL, not a pooler before it.",
        )


def limits() -> str:
    """The options of a server's process that bound what it waits for, works and keeps locks."""
    return (
        f"-c lock_timeout={LOCK_WAIT}s -c statement_timeout={STATEMENT_WAIT}s"
        f" -c idle_in_transaction_session_timeout={TURN_WAIT}s"
    )


def wait_for_turn(connection: Connection, lock: int, work: str, say: Callable[[str], object]) -> None:
    """Takes an advisory lock for the session.

    Args:
        connection: In autocommit mode; the lock ends with it.
        lock: Its number, of 32 bits.
        work: What is done one at a time: a "run".
        say: Told who holds it, once, where that is not over in a moment.

    Raises:
        WarehouseUnavailable: It was not free within TURN_WAIT.
    """
    if _takes(connection, lock, _SAID_AFTER):
        return
    say(f"Another {work} is at work on this warehouse{_holder_of(connection, lock)}: waiting until it has ended.")
    if not _takes(connection, lock, TURN_WAIT):
        raise WarehouseUnavailable(
            f"Another {work} is still at work on this warehouse after {TURN_WAIT} s{_holder_of(connection, lock)}.",
            hint="Run the same command again when it has ended; or end its session: select pg_terminate_backend(pid).",
        )


def _takes(connection: Connection, lock: int, seconds: float) -> bool:
    connection.execute("select set_config('lock_timeout', %s, false)", [f"{seconds}s"])
    try:
        connection.execute("select pg_advisory_lock(%s)", [lock])
    except errors.LockNotAvailable:
        return False
    connection.execute("reset lock_timeout")
    return True


def _holder_of(connection: Connection, lock: int) -> str:
    connection.execute("set role none")  # the login sees more than the writer
    holders = [f", {text}" for (text,) in connection.execute(_HOLDER_OF_TURN, [lock])]
    connection.execute("reset role")  # to the connection's
    return "".join(holders)


def locked_out(connection: Connection) -> WarehouseUnavailable:
    """The error of a statement that waited for a lock in vain; names the sessions that have one."""
    connection.execute("set role none")  # the login sees more than the reader
    holders = [text for (text,) in connection.execute(_HOLDERS)]
    return WarehouseUnavailable(
        f"A lock was waited for in vain, {LOCK_WAIT} s long. {'; '.join(holders) or 'Nobody has one any more'}.",
        hint="End the session that holds it: select pg_terminate_backend(pid). Then run the same command again.",
    )


def connect_within(seconds: float, url: str = "", options: str = "") -> Connection:
    """A connection in autocommit mode and with `limits`, tried for again while the server can't be reached.

    Args:
        seconds: For how long it is tried for again.
        url: Of the database; libpq's own variables where empty.
        options: Of the server's process, beside the limits.

    Raises:
        psycopg.OperationalError: No time is left, or the server was reached and refuses.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return psycopg.connect(
                url,
                autocommit=True,
                options=f"{limits()} {options}",
                connect_timeout=_CONNECT_TIMEOUT,
                application_name="stocks",
                **_VANISHED,
            )
        except psycopg.OperationalError as error:
            if time.monotonic() >= until or isinstance(_refused("", error), ConfigError):
                raise
        time.sleep(_PAUSE)


@contextlib.contextmanager
def connection_faults(warehouse: str) -> Iterator[None]:
    """Tells faults of the server from faults of the configuration.

    Args:
        warehouse: Where the warehouse is, for the message.
    """
    try:
        yield
    except _PASSING as error:
        raise WarehouseUnavailable(f"The warehouse {warehouse} went away: {_line(error)}.") from error
    except errors.QueryCanceled as error:
        raise WarehouseUnavailable(
            f"The warehouse {warehouse} ended a statement: {_line(error)}.",
            hint=f"One may take {STATEMENT_WAIT:,} s. Is the server at work on something else, or out of memory?",
        ) from error
    except errors.DiskFull as error:
        raise ConfigError(
            f"The disk of the warehouse {warehouse} is full: {_line(error)}.",
            hint="Free some space and run the same command again; nothing was lost.",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"The login for the warehouse {warehouse} lacks a right: {_line(error)}.",
            hint="Its role must be stocks_owner, stocks_writer or stocks_reader, as the command needs.",
        ) from error
    except psycopg.ProgrammingError as error:
        if not _line(error).endswith(("does not exist", "already exists")):
            raise  # a statement of ours is wrong
        raise ConfigError(
            f"The warehouse {warehouse} is not as its migrations left it: {_line(error)}.",
            hint="Put back what was dropped or renamed; or fill a new warehouse by `stocks replay`: bronze has all.",
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise _refused(warehouse, error) from error


def _place(url: str) -> str:
    """The host, port and database that a URL names.

    Raises:
        ConfigError: It is no URL of PostgreSQL. Neither the message nor a cause shows any of it: where a password
            holds an "@" or a "/" that is not escaped, half of it stands where the host should be.
    """
    wrong = ConfigError(
        "STOCKS_WAREHOUSE_URL is no PostgreSQL URL.",
        hint="It looks like postgresql://user:password@host:5432/database; write @ / ? # in the password as %40 etc.",
    )
    try:
        conninfo_to_dict(url)
        parts = urlsplit(url)
        place = f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except (ValueError, psycopg.ProgrammingError):
        raise wrong from None
    is_astray = "@" in parts.netloc.rpartition("@")[0] + parts.path + parts.query + parts.fragment
    if parts.scheme not in {"postgresql", "postgres"} or is_astray:
        raise wrong
    return place


def _refused(warehouse: str, error: psycopg.Error) -> StocksError:
    text = _line(error)
    if any(sign in text for sign in _WRONG_CONFIGURATION):
        return ConfigError(
            f"The warehouse {warehouse} refuses the connection: {text}.", hint="Check STOCKS_WAREHOUSE_URL."
        )
    if any(sign in text for sign in _ALL_TAKEN):
        return WarehouseUnavailable(
            f"All connections of the warehouse {warehouse} are taken: {text}.",
            hint="Close what uses it (dashboards, psql, dbt), or try again later. A few are kept for its superuser:"
            " `select pid, usename, application_name from pg_stat_activity` tells whose the others are.",
        )
    return WarehouseUnavailable(
        f"The warehouse {warehouse} can't be reached: {text}.",
        hint="Is it running, and is STOCKS_WAREHOUSE_URL right?",
    )


def _line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removesuffix(".") if lines else type(error).__name__
