"""Rows of gold as Polars frames, each read from the warehouse once per change of gold."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import connectorx
import polars as pl
import psycopg
import streamlit as st
from psycopg import errors
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from stocks_dashboard import queries
from stocks_dashboard.errors import GoldMissing, QueryTooSlow, SettingsWrong, WarehouseUnavailable
from stocks_dashboard.literals import Value, render
from stocks_dashboard.settings import load_settings

PULSE_SECONDS = 3
"""How old an answer to "has anything changed?" may be; all sessions share it."""

_CONNECT_SECONDS = 3
_STATEMENT_SECONDS = 15
_LIMITS = f"-c statement_timeout={_STATEMENT_SECONDS}s -c default_transaction_read_only=on"
_FRAMES_KEPT = 400  # of some 20 kB each
_AT_ONCE = 5
# ConnectorX opens a connection for each read; all visitors together may have so many.
_connections = threading.BoundedSemaphore(12)

_log = logging.getLogger(__name__)

MAKE_GOLD = (
    "Run `make run` (or `stocks run`): it fills the warehouse. This page shows the data as soon as they are there."
)
_TRY_AGAIN = "This page tries again every few seconds, and goes on by itself. `stocks doctor` says what is wrong."


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """What changes when there is something new to read."""

    build_id: int
    """The newest published build of gold."""
    log: str
    """The run log's last change, of runs and of failed builds too."""


@st.cache_data(ttl=PULSE_SECONDS, max_entries=8, show_spinner=False)
def _pulse(url: str) -> Pulse:
    # psycopg, since ConnectorX tries a refused connection again for 30 seconds before it says so.
    try:
        with psycopg.connect(
            url,
            connect_timeout=_CONNECT_SECONDS,
            application_name="stocks-dashboard",
            options=_LIMITS,
            autocommit=True,
        ) as connection:
            row = connection.execute(queries.PULSE).fetchone()
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn):
        raise GoldMissing(MAKE_GOLD) from None
    except errors.InsufficientPrivilege:
        raise SettingsWrong("The login may not read gold: it must be a member of `stocks_reader`.") from None
    except (errors.InvalidPassword, errors.InvalidCatalogName, errors.InvalidAuthorizationSpecification):
        raise SettingsWrong("The warehouse refused the login that `STOCKS_WAREHOUSE_URL` names.") from None
    except psycopg.OperationalError as error:
        # While it connects, psycopg has libpq's text alone.
        if "authentication failed" in str(error) or "does not exist" in str(error):
            raise SettingsWrong("The warehouse refused the login that `STOCKS_WAREHOUSE_URL` names.") from None
        raise WarehouseUnavailable(_TRY_AGAIN) from None
    except psycopg.ProgrammingError:
        raise SettingsWrong("`STOCKS_WAREHOUSE_URL` is no address of a PostgreSQL database.") from None
    if row is None or row[0] is None:
        raise GoldMissing(MAKE_GOLD)
    return Pulse(build_id=row[0], log=row[1] or "")


def pulse() -> Pulse:
    """The warehouse's state, at most PULSE_SECONDS old.

    Raises:
        DashboardError: There is nothing to read, or no way to.
    """
    return _pulse(load_settings().stocks_warehouse_url.get_secret_value())


def rows(statement: str, **parameters: Value) -> pl.DataFrame:
    """The rows of a query over gold, from the cache where gold hasn't changed since.

    Args:
        statement: One of `queries`.
        parameters: Its parameters, typed.

    Raises:
        DashboardError: The warehouse can't answer.
    """
    url = load_settings().stocks_warehouse_url.get_secret_value()
    return _frame(url, _pulse(url).build_id, render(statement, parameters))


def log_rows(statement: str, **parameters: Value) -> pl.DataFrame:
    """As `rows`, for what changes with every run of the pipeline, whether it publishes gold or not."""
    url = load_settings().stocks_warehouse_url.get_secret_value()
    return _frame(url, _pulse(url).log, render(statement, parameters))


def prefetch(*reads: tuple[str, Mapping[str, Value]]) -> None:
    """Brings the rows of several queries into the cache, side by side: half of a short read is its connection.

    Args:
        reads: Statements with their parameters, as for `rows`.

    Raises:
        DashboardError: The warehouse can't answer one of them.
    """
    with ThreadPoolExecutor(_AT_ONCE, initializer=add_script_run_ctx, initargs=(None, get_script_run_ctx())) as pool:
        list(pool.map(lambda read: rows(read[0], **read[1]), reads))


@st.cache_data(max_entries=_FRAMES_KEPT, show_spinner=False)
def _frame(url: str, version: int | str, statement: str) -> pl.DataFrame:
    """Reads; `version` is there to be a part of the cache's key."""
    parts = urlsplit(url)
    try:
        # In place of half a minute of ConnectorX's retries.
        socket.create_connection((parts.hostname or "", parts.port or 5432), timeout=_CONNECT_SECONDS).close()
        with _connections:
            frame = connectorx.read_sql(for_connectorx(url), statement, return_type="polars")
    except (OSError, RuntimeError) as error:
        text = str(error)
        _log.warning("query failed", extra={"reason": text, "version": version})
        if "statement timeout" in text:
            raise QueryTooSlow("Choose a shorter range or fewer symbols.") from None
        if "does not exist" in text:
            raise GoldMissing(MAKE_GOLD) from None
        raise WarehouseUnavailable(_TRY_AGAIN) from None
    assert isinstance(frame, pl.DataFrame)
    return frame


def for_connectorx(url: str) -> str:
    """The warehouse's address as ConnectorX takes it, with limits on what one page may ask of the server.

    Of libpq's sslmode ConnectorX knows `require`, which with a CA verifies the certificate, not the host's name: the
    pulse does that, on a connection of its own.

    Raises:
        SettingsWrong: The certificate shall be verified, and the address doesn't say by what.
    """
    parts = urlsplit(url)
    said = dict(parse_qsl(parts.query))
    if said.get("sslmode", "").startswith("verify-"):
        if "sslrootcert" not in said:
            raise SettingsWrong("By its `sslmode`, `STOCKS_WAREHOUSE_URL` needs `sslrootcert`, a file.")
        said["sslmode"] = "require"
    limits = {
        "connect_timeout": str(_CONNECT_SECONDS),
        "application_name": "stocks-dashboard",
        "options": _LIMITS,
    }
    return urlunsplit(parts._replace(query=urlencode({**said, **limits}, quote_via=quote)))
