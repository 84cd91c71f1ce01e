"""What commands have in common: the settings and the warehouse in force, and how they tell what they do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import typer

from stocks.cli.report import Output, reporter
from stocks.errors import StocksError
from stocks.report import Report
from stocks.settings import Settings, load_settings
from stocks.steps import Login

if TYPE_CHECKING:  # heavy: each command imports what it needs
    from stocks.warehouse import Warehouse


@contextlib.contextmanager
def reporting(output: Output | None, as_json: bool, *, series: str = "") -> Iterator[tuple[Report, Settings]]:
    """The report that was asked for, which also tells how the command failed, and the settings."""
    report = reporter(Output.JSON if as_json else output)
    try:
        yield report, load_settings(series=series)
    except StocksError as error:
        report.fail("", error)
        raise typer.Exit(error.exit_code) from None


def open_warehouse(
    settings: Settings, login: Login = Login.OWNER, *, as_it_is: bool = False
) -> AbstractContextManager[Warehouse]:
    """The warehouse in force, at this code's version: the one that is set, else the embedded one of the state folder.

    Args:
        settings: The settings in force.
        login: To the embedded one; who sets a warehouse has chosen the login with it.
        as_it_is: Whether one that is set may be of any version, or have nothing in it at all.

    Raises:
        ConfigError: A warehouse that was set lacks a migration, or the embedded one can't be started.
        WarehouseUnavailable: It can't be reached.
    """
    if settings.stocks_warehouse_url is not None:
        if as_it_is:
            from stocks.warehouse import Warehouse

            return contextlib.nullcontext(
                Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait)
            )
        from stocks.warehouse.migrate import open_migrated

        return open_migrated(settings)
    from stocks.embedded import open_embedded
    from stocks.warehouse import Role

    return open_embedded(settings, Role(f"stocks_{login}"))
