"""The universe in force: the list that ships, and what people changed of it (ops.listing)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import LiteralString

from psycopg import sql

from stocks.errors import ConfigError
from stocks.providers.json_text import storable
from stocks.trading_calendar import calendar_of, calendar_of_exchange
from stocks.universe import Company, Status, companies
from stocks.warehouse.connection import Connection, Role, Warehouse

ATTRIBUTES = ("company_name", "exchange", "currency", "sector", "industry", "source")
"""What may be told of a symbol beside its status; where it is not, the seed's word holds."""

_DIGEST: LiteralString = """
select coalesce(md5(string_agg((to_jsonb(listing) - 'changed_at' - 'changed_by')::text, '|' order by symbol)), '')
from ops.listing
"""


def universe(warehouse: Warehouse) -> dict[str, Company]:
    """Every symbol that the universe has or had, by symbol: the seed's in its order, then the others by name."""
    with warehouse.connect(Role.READER) as connection:
        return _universe(connection)


def digest(connection: Connection) -> str:
    """What tells one universe from another where the seed is the same; empty where nobody changed it."""
    row = connection.execute(_DIGEST).fetchone()
    assert row is not None
    return str(row[0])


def add(warehouse: Warehouse, symbols: Sequence[str], attributes: Mapping[str, str], *, who: str) -> list[Company]:
    """Lists symbols, whatever they were before.

    Args:
        warehouse: Holds the universe.
        symbols: What to list.
        attributes: Of ATTRIBUTES, those that are told, for each of the symbols; others stay as they were told.
        who: Kept beside the time.

    Returns:
        The symbols as they are now.

    Raises:
        ConfigError: There is no such exchange, or its sessions are others than those that the symbol stands for.
    """
    if exchange := attributes.get("exchange"):
        for symbol in symbols:
            _check_exchange(symbol, exchange)
    return _write(warehouse, symbols, {"status": Status.LISTED, "last_listed": None, **attributes}, who)


def delist(warehouse: Warehouse, symbols: Sequence[str], last_listed: date, *, who: str) -> list[Company]:
    """Notes the last day on which symbols were listed; gives them as they are now.

    Raises:
        ConfigError: The universe has no such symbol.
    """
    return _write(
        warehouse, symbols, {"status": Status.DELISTED, "last_listed": last_listed}, who, only=frozenset(Status)
    )


def remove(warehouse: Warehouse, symbols: Sequence[str], *, who: str) -> list[Company]:
    """Takes symbols out of the universe; gives them as they are now.

    Raises:
        ConfigError: It has no such symbol.
    """
    return _write(warehouse, symbols, {"status": Status.REMOVED}, who, only=frozenset({Status.LISTED, Status.DELISTED}))


def _write(
    warehouse: Warehouse,
    symbols: Sequence[str],
    told: Mapping[str, object],
    who: str,
    only: frozenset[Status] | None = None,
) -> list[Company]:
    """Writes what is told of symbols, all of them or none; where `only` is given, each must have such a status."""
    columns = {**told, "changed_by": storable(who)}
    statement = sql.SQL(
        """
        insert into ops.listing (symbol, {columns}) select symbol, {values} from unnest(%(symbols)s::text[]) as symbol
        on conflict (symbol) do update set ({columns}, changed_at) = row ({excluded}, now())
        """
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(map(sql.Placeholder, columns)),
        excluded=sql.SQL(", ").join(sql.Identifier("excluded", column) for column in columns),
    )
    with warehouse.connect(Role.WRITER) as connection, connection.transaction():
        connection.execute("lock table ops.listing in share row exclusive mode")
        if only is not None:
            before = _universe(connection)
            unknown = [symbol for symbol in symbols if symbol not in before or before[symbol].status not in only]
            if unknown:
                raise ConfigError(
                    f"The universe does not have {', '.join(unknown)}.",
                    hint="`stocks universe list` shows it; nothing was changed.",
                )
        connection.execute(statement, {**columns, "symbols": list(symbols)})
        now = _universe(connection)
    return [now[symbol] for symbol in symbols]


def _universe(connection: Connection) -> dict[str, Company]:
    found = dict(companies())
    rows = connection.execute(
        sql.SQL("select symbol, status, last_listed, {} from ops.listing order by symbol").format(
            sql.SQL(", ").join(map(sql.Identifier, ATTRIBUTES))
        )
    )
    for symbol, status, last_listed, *attributes in rows:
        before = found.get(symbol, Company(symbol=symbol))
        told = {name: value for name, value in zip(ATTRIBUTES, attributes, strict=True) if value is not None}
        is_removed = status == Status.REMOVED
        if is_removed and last_listed is None:
            last_listed = before.last_listed
        found[symbol] = replace(before, **told, last_listed=last_listed, is_removed=is_removed)
    return found


def _check_exchange(symbol: str, exchange: str) -> None:
    """The calendar goes by the symbol in every process, also in those that see no warehouse."""
    calendar = calendar_of_exchange(exchange)
    if calendar.name != calendar_of(symbol).name:
        raise ConfigError(
            f"{symbol} stands for a symbol of the calendar {calendar_of(symbol).name}, and {exchange} has "
            f"{calendar.name}.",
            hint="A symbol ends with its exchange's suffix (TSCO.LON); in the United States it has none.",
        )
