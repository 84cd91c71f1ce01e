"""What must be there before the first migration: the three logins and the database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from psycopg import sql
from psycopg.conninfo import make_conninfo

from stocks.errors import ConfigError
from stocks.warehouse.connection import Connection, Role, Warehouse, connect_within, connection_faults

# Whatever the server was made with, text is UTF-8 and sorts by code point: the same on every machine.
_TEXT = sql.SQL("encoding 'UTF8' locale 'C' locale_provider builtin builtin_locale 'C.UTF-8'")


def create_database(connection: Connection, database: str, passwords: Mapping[Role, str]) -> None:
    """Makes the logins and the database where they are missing, and sets the passwords.

    Args:
        connection: In autocommit mode; of a superuser, or of one who may make roles and databases, as a cloud has them.
        database: Its name; stocks_owner owns it.
        passwords: One for each role.
    """
    member_of = None
    for role in reversed(Role):
        # Hashed here, so that no password ever stands in a statement that the server may log.
        verifier = connection.pgconn.encrypt_password(
            passwords[role].encode(), role.encode(), b"scram-sha-256"
        ).decode()
        if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(verifier))
        )
        if member_of:
            connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(member_of), sql.Identifier(role)))
        member_of = role
    if not database_exists(connection, database):
        # Only to a role that one may take on may one give a database; having made it is not enough.
        if connection.info.parameter_status("is_superuser") != "on":
            connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(Role.OWNER)))
        statement = sql.SQL("create database {} owner {} template template0 {}")
        connection.execute(statement.format(sql.Identifier(database), sql.Identifier(Role.OWNER), _TEXT))


def withhold_locks(connection: Connection) -> None:
    """Keeps advisory locks from the reader: by them runs wait for each other, and whoever reads could hold them up.

    Args:
        connection: A superuser's, to the database; of another there is a warning in the server's log, and no more.
    """
    connection.execute(
        """
        do $$
        declare lock regprocedure;
        begin
            for lock in
                select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace
                    and proname ~ '^pg_(try_)?advisory_' and has_function_privilege('stocks_reader', oid, 'execute')
            loop
                execute format('revoke execute on function %s from public', lock);
                execute format('grant execute on function %s to stocks_writer', lock);
            end loop;
        end $$
        """
    )


def database_exists(connection: Connection, database: str) -> bool:
    """Whether the server has a database of that name; it is made last, so the logins are there, too."""
    return connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone() is not None


def bootstrap(logins: Path, *, connect_wait: float = 0) -> str:
    """Brings a server to where `stocks migrate` can begin; the superuser's connection is libpq's (PGHOST, PGPASSWORD…).

    Args:
        logins: Folder with a file for each login, which holds its STOCKS_WAREHOUSE_URL.
        connect_wait: Seconds to wait where the server can't be reached.

    Returns:
        The database's name.

    Raises:
        ConfigError: The logins are not those of the three roles in one database, or the superuser is refused.
        WarehouseUnavailable: The server can't be reached.
    """
    urls = [urlsplit(Warehouse(_read(file)).url) for file in sorted(logins.iterdir()) if file.is_file()]
    passwords = {unquote(url.username or ""): unquote(url.password or "") for url in urls}
    databases = {unquote(url.path.removeprefix("/")) for url in urls}
    if passwords.keys() != set(Role) or not all(passwords.values()) or len(databases) != 1:
        raise ConfigError(
            f"The folder {logins} does not hold the logins of one database.",
            hint=f"It needs a file for each of {', '.join(Role)}, with the STOCKS_WAREHOUSE_URL of that login.",
        )
    (database,) = databases
    with (
        connection_faults("that PGHOST names"),
        connect_within(connect_wait) as connection,
    ):
        create_database(connection, database, {role: passwords[role] for role in Role})
        with connect_within(0, make_conninfo(dbname=database)) as own:
            withhold_locks(own)
    return database


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The login {file} can't be read.") from error
