"""The warehouse in force: the one that is set, or the embedded one of the state folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from stocks.local.postgres import EmbeddedPostgres
from stocks.settings import Settings
from stocks.source import RequestBudget, Unlimited
from stocks.warehouse import Warehouse
from stocks.warehouse.budget import SharedBudget
from stocks.warehouse.migrate import check_version, migrate


@contextlib.contextmanager
def open_warehouse(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse, at this code's version; the embedded one is started, and stopped by its last user.

    Raises:
        ConfigError: A warehouse that was set lacks a migration, or the embedded one can't be started.
        WarehouseUnavailable: It can't be reached.
    """
    if settings.stocks_warehouse_url is not None:
        warehouse = Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait)
        check_version(warehouse)
        yield warehouse
        return
    with EmbeddedPostgres(settings.stocks_state_dir).running() as server:
        warehouse = Warehouse(server.url())
        migrate(warehouse)
        yield warehouse


def request_budget(settings: Settings, warehouse: Warehouse) -> RequestBudget:
    """The budget of the source in force; the sample has no limits."""
    if settings.source == "sample" or settings.alphavantage_api_key is None:
        return Unlimited()
    return SharedBudget(
        warehouse,
        provider=settings.source,
        api_key=settings.alphavantage_api_key,
        per_day=settings.stocks_requests_per_day,
        per_minute=settings.stocks_requests_per_minute,
    )
