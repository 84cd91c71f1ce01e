"""The warehouse in force: the one that is set, or the embedded one of the state folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from stocks.local.postgres import EmbeddedPostgres
from stocks.providers import Limits, Provider, RequestBudget, Unlimited, key_of
from stocks.settings import Settings
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


def request_budget(settings: Settings, warehouse: Warehouse) -> Callable[[Provider], RequestBudget]:
    """Gives the budget of a provider; one without limits has none.

    Where a number of requests is set, the key's plan is not the free one, of which hours and months are known too.
    """
    own = {"per_day": settings.stocks_requests_per_day, "per_minute": settings.stocks_requests_per_minute}

    def budget_of(provider: Provider) -> RequestBudget:
        if provider.limits == Limits():
            return Unlimited()
        given = {name: value for name, value in own.items() if value is not None}
        limits = replace(provider.limits, **given)
        if settings.stocks_requests_per_day is not None:
            limits = replace(limits, per_hour=None, symbols_per_month=None)
        return SharedBudget(warehouse, provider=provider.name, api_key=key_of(provider, settings), limits=limits)

    return budget_of
