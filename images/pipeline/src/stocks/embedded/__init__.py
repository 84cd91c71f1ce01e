"""The embedded warehouse: PostgreSQL from a wheel, in the state folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from stocks.embedded.postgres import EmbeddedPostgres
from stocks.settings import Settings
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.migrate import migrate

__all__ = ["EmbeddedPostgres", "open_embedded"]


@contextlib.contextmanager
def open_embedded(settings: Settings, role: Role = Role.OWNER) -> Iterator[Warehouse]:
    """The warehouse of the state folder, at this code's version: started here, and stopped by its last user.

    Args:
        settings: The settings in force.
        role: Whose login it is.

    Raises:
        ConfigError: It can't be started, or the state folder can't be written.
    """
    with EmbeddedPostgres(settings.stocks_state_dir).running() as server:
        migrate(Warehouse(server.url()))
        yield Warehouse(server.url(role))
